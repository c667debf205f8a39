package native

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// stays are the parts of a profile that belong to one machine.
var stays = []string{"ID", "Origin.Format", "Origin.SHA256", "Origin.SignedBy", "Origin.SignerTrusted"}

// TestRoundTrip: each field of the model survives Encode and Parse, but for
// those of one machine.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, want := range complete(t) {
		if err := want.Validate(); err != nil {
			t.Fatal(err)
		}
		markUsed(used, "", reflect.ValueOf(want))
		text, err := Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		if !Sniff(text) {
			t.Errorf("not known by sight: %s", text)
		}
		got := parse(t, string(text)).Profile
		if got.ID == want.ID || !profile.ValidID(got.ID) || got.Origin.Format != Format || len(got.Origin.SHA256) != 64 || got.Origin.SignedBy != "" {
			t.Errorf("ID %q, origin %+v", got.ID, got.Origin)
		}
		got.ID = want.ID
		got.Origin.Format, got.Origin.SHA256 = want.Origin.Format, want.Origin.SHA256
		got.Origin.SignedBy, got.Origin.SignerTrusted = want.Origin.SignedBy, want.Origin.SignerTrusted
		if !reflect.DeepEqual(got, want) {
			t.Errorf("wrote\n%+v\nread\n%+v\n%s", want, got, text)
		}
		if want.Name == "x" {
			continue
		}
		for _, private := range []string{want.ID, want.Origin.SHA256, want.Origin.SignedBy} {
			if strings.Contains(string(text), private) {
				t.Errorf("%q is in the file", private)
			}
		}
	}
	for _, name := range fieldNames("", reflect.TypeFor[profile.Profile]()) {
		if !used[name] && !slices.Contains([]string{"IKE.PFS", "IKE.LifetimeBytes", "IKE.LifetimePackets", "Child.Proposals.PRF"}, name) {
			t.Errorf("no profile of the test uses %s", name)
		}
	}
}

// markUsed notes the fields that are not zero.
func markUsed(used map[string]bool, at string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct && isUnlike(v.Type()):
		for i := range v.NumField() {
			markUsed(used, strings.TrimPrefix(at+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case v.Kind() == reflect.Slice && !isUnit(v.Type()):
		for i := range v.Len() {
			markUsed(used, at, v.Index(i))
		}
	case !v.IsZero():
		used[at] = true
	}
}

// fieldNames lists the fields of a type and of the structs inside, by Go names.
func fieldNames(at string, t reflect.Type) (names []string) {
	if t.Kind() == reflect.Slice && !isUnit(t) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !isUnlike(t) {
		return []string{at}
	}
	for i := range t.NumField() {
		names = append(names, fieldNames(strings.TrimPrefix(at+"."+t.Field(i).Name, "."), t.Field(i).Type)...)
	}
	return names
}

// isUnlike says that a struct has fields of a profile, and is no value of its own.
func isUnlike(t reflect.Type) bool { return strings.Contains(t.PkgPath(), "/client/profile") }

// TestDocumentHasTheModel: what the model has and does not stay on one machine
// is in the file, under the same names.
func TestDocumentHasTheModel(t *testing.T) {
	t.Parallel()
	have := fieldNames("", reflect.TypeFor[document]())
	for _, name := range fieldNames("", reflect.TypeFor[profile.Profile]()) {
		if slices.Contains(stays, name) == slices.Contains(have, name) {
			t.Errorf("%s: in the file %t", name, slices.Contains(have, name))
		}
	}
	for _, name := range have {
		if !slices.Contains(fieldNames("", reflect.TypeFor[profile.Profile]()), name) {
			t.Errorf("%s is not in the model", name)
		}
	}
}

// TestIdentifier: a file without one is known again by its name and gateway.
func TestIdentifier(t *testing.T) {
	t.Parallel()
	first := parse(t, office).Profile
	if first.Origin.Identifier != "office@vpn.example.com" {
		t.Errorf("identifier %q", first.Origin.Identifier)
	}
	again := parse(t, strings.Replace(office, `"alice"`, `"bob"`, 1)).Profile
	if again.Origin.Identifier != first.Origin.Identifier || again.ID == first.ID || again.Origin.SHA256 == first.Origin.SHA256 {
		t.Errorf("%+v, then %+v", first, again)
	}
	own := parse(t, strings.Replace(office, `"name"`, `"origin": {"identifier": "com.example.x"}, "name"`, 1)).Profile
	if own.Origin.Identifier != "com.example.x" {
		t.Errorf("identifier %q", own.Origin.Identifier)
	}
}

// TestCertificates: base64 and PEM come out the same, also several in one text.
func TestCertificates(t *testing.T) {
	t.Parallel()
	a, b := certificate(t, "A"), certificate(t, "B")
	for name, list := range map[string][]string{
		"base64":         {base64.StdEncoding.EncodeToString(a), base64.StdEncoding.EncodeToString(b)},
		"PEM":            {pemText(a), pemText(b)},
		"mixed":          {pemText(a), base64.StdEncoding.EncodeToString(b)},
		"two in one":     {"Subject: A\n" + pemText(a) + "Subject: B\n" + pemText(b)},
		"Windows's ends": {strings.ReplaceAll(pemText(a)+pemText(b), "\n", "\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			im := parse(t, strings.Replace(office, `"auth": "certificate"`, `"auth": "certificate", "anchors": `+string(text), 1))
			if !reflect.DeepEqual(im.Profile.Gateway.Anchors, [][]byte{a, b}) {
				t.Errorf("anchors %x", im.Profile.Gateway.Anchors)
			}
			if l := line(t, im, "gateway.anchors"); !strings.HasPrefix(l.Value, "A, issued by itself, valid until 2106-02-07; B, issued") {
				t.Errorf("reported as %q", l.Value)
			}
		})
	}
}

func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	if !Sniff([]byte(byteOrderMark + office)) {
		t.Error("not known by sight")
	}
	parse(t, byteOrderMark+office)
}

// TestPrefixesFail: no file that is cut off passes for the whole.
func TestPrefixesFail(t *testing.T) {
	t.Parallel()
	p := complete(t)[0]
	p.Gateway.Anchors, p.Gateway.Intermediates, p.Client.Certificates = nil, nil, nil
	p.Client = profile.Client{Auth: profile.ClientMSCHAPv2}
	text, err := Encode(&p)
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.TrimSpace(string(text))
	parse(t, whole)
	for n := range whole {
		refused(t, whole[:n], profile.ImportDamaged, fmt.Sprintf("line %d is not JSON", strings.Count(whole[:n], "\n")+1))
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	refused(t, office+strings.Repeat(" ", profile.MaxSize), profile.ImportTooLarge, "1 MiB")
}
