package importer

import (
	"errors"
	"reflect"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestReport tells each key once, in the file's order.
func TestReport(t *testing.T) {
	t.Parallel()
	r := NewReport()
	for _, k := range [][2]string{{"a", "1"}, {"b.c", "2"}, {"b.d[0].e", "3"}, {"b@f", "4"}, {"bc", "5"}, {"a", "6"}, {"x.Password", "7"}, {"y", "8"}, {"Pin", ""}} {
		r.Add(k[0], k[1])
	}
	r.Honour("a", "first")
	r.Refuse("a", "second")
	r.Under("b", profile.Refused, "why")
	r.Under("nothing", profile.Refused, "why")
	r.Approx("nothing", "why")
	r.Lowers("y")
	r.Secret("y")
	r.Show("bc", "five")
	r.Absent("z", "not said")
	r.Absent("z", "not said again")
	r.Absent("y", "in the file")
	want := []profile.Line{
		{Path: "a", Value: "1", Verdict: profile.Honoured, Note: "first"},
		{Path: "b.c", Value: "2", Verdict: profile.Refused, Note: "why"},
		{Path: "b.d[0].e", Value: "3", Verdict: profile.Refused},
		{Path: "b@f", Value: "4", Verdict: profile.Refused},
		{Path: "bc", Value: "five", Verdict: profile.Ignored, Note: Unknown},
		{Path: "a[2]", Value: "6", Verdict: profile.Ignored, Note: Unknown},
		{Path: "x.Password", Value: Hidden, Verdict: profile.Ignored, Note: Unknown},
		{Path: "y", Value: Hidden, Verdict: profile.Ignored, Note: Unknown, Lowers: true},
		{Path: "Pin", Verdict: profile.Ignored, Note: Unknown},
		{Path: "z", Value: Missing, Verdict: profile.Approximated, Note: "not said"},
	}
	if got := r.Lines(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.Rest(profile.Ignored, "rest")
	if l := r.Lines()[4]; l.Note != "rest" || r.Lines()[0].Note != "first" {
		t.Errorf("%+v", l)
	}
}

// TestManyKeys: a file of one key over and over costs no more than another.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	r := NewReport()
	for range 30_000 {
		r.Add("a", "")
	}
	if n := len(r.Lines()); n != 30_000 || !r.Has("a[30000]") {
		t.Errorf("%d lines", n)
	}
}

func valid(name string) *profile.Imported {
	return &profile.Imported{Profile: profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: name, Origin: profile.Origin{Identifier: "x"},
		Gateway: profile.Gateway{Address: "a.example", Auth: profile.GatewayCertificate},
		Client:  profile.Client{Auth: profile.ClientMSCHAPv2}, Traffic: profile.Traffic{Full: true},
	}}
}

// TestJoin tells of each connection in the reports of the others.
func TestJoin(t *testing.T) {
	t.Parallel()
	broken := valid("Broken")
	broken.Profile.Gateway.Address = "!"
	found, err := Join([]Entry{
		{Path: "[0]", Name: "One", Imported: valid("One")},
		{Path: "[1]", Name: "Two", Err: Unsupported("not this one")},
		{Path: "[2]", Name: "one", Imported: valid("one")},
	})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d connections, %v", len(found), err)
	}
	if a, b := found[0].Profile, found[1].Profile; a.Name != "One" || b.Name != "one 2" || a.Origin.Identifier == b.Origin.Identifier {
		t.Errorf("%+v and %+v", a, b)
	}
	want := []profile.Line{
		{Path: "[1]", Value: "Two", Verdict: profile.Refused, Note: "not this one"},
		{Path: "[2]", Value: "one", Verdict: profile.Ignored, Note: "another connection of this file, reported on its own"},
	}
	if !reflect.DeepEqual(found[0].Report, want) {
		t.Errorf("%+v", found[0].Report)
	}
	found, err = Join([]Entry{{Path: "x", Imported: valid("a")}, {Path: "x", Err: Unsupported("b")}, {Path: "x", Err: Unsupported("c")}, {Path: "x[2]", Err: Unsupported("d")}})
	if err != nil || len(found) != 1 {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, l := range found[0].Report {
		paths[l.Path] = true
	}
	if len(paths) != 3 {
		t.Errorf("%+v", found[0].Report)
	}
	var e *profile.ImportError
	if _, err = Join([]Entry{{Imported: broken}}); !errors.As(err, &e) || e.Problem != profile.ImportUnsupported {
		t.Errorf("%v", err)
	}
	if _, err = Join(make([]Entry, 257)); !errors.As(err, &e) || e.Problem != profile.ImportDamaged {
		t.Errorf("%v", err)
	}
}

// TestAddresses reads addresses as people write them.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"vpn.example": "vpn.example", "vpn.example.": "vpn.example", " 192.0.2.1 ": "192.0.2.1", "[2001:db8::1]": "2001:db8::1", "bücher.example": "xn--bcher-kva.example",
	} {
		if got, err := Gateway("x", text); got != want || err != nil {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "{{host}}", "$HOST", "<host>", "%HOST%", "a b", "-x-", "a..b", "user@host"} {
		if got, err := Gateway("x", text); err == nil {
			t.Errorf("%q is taken as %q", text, got)
		}
	}
	for text, want := range map[string]string{".A.example.": "a.example", "*.a.example": "a.example", "ü.example": "xn--tda.example"} {
		if got, ok := Domain(text); !ok || got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
	for text, want := range map[string]string{"10.1.2.3/8": "10.0.0.0/8", "10.1.2.3": "10.1.2.3/32", "fd00::1": "fd00::1/128"} {
		if got, ok := Prefix(text); !ok || got.String() != want {
			t.Errorf("%q is %v", text, got)
		}
	}
	for _, text := range []string{"", "x", "224.0.0.0/4", "fe80::1%eth0", "::ffff:10.0.0.1", "10.0.0.0/99"} {
		if got, ok := Prefix(text); ok {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
	for text, want := range map[string]bool{"10.0.0.1": true, "fd00::1": true, "0.0.0.0": false, "255.255.255.255": false, "ff02::1": false, "": false, "x": false} {
		if _, ok := Server(text); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
	for text, want := range map[string]bool{"10.0.0.0/8": false, "192.168.1.0/24": false, "fd00::/48": false, "10.0.0.0/7": true, "203.0.113.0/24": true} {
		if p, _ := Prefix(text); Public(p) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// TestText reads every encoding.
func TestText(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"ü": "ü", "\xEF\xBB\xBFü": "ü", "\xFF\xFE<\x00\xFC\x00": "<ü", "\xFE\xFF\x00<\x00\xFC": "<ü", "<\x00\xFC\x00": "<ü", "\x00<\x00\xFC": "<ü", "": "",
	} {
		if got, ok := Text([]byte(data)); !ok || string(got) != want {
			t.Errorf("%q is %q, %v", data, got, ok)
		}
	}
	for _, data := range []string{"\xFC", "\xFF\xFE<"} {
		if got, ok := Text([]byte(data)); ok {
			t.Errorf("%q is taken as %q", data, got)
		}
	}
	if got := string(Latin1([]byte("\xFC"))); got != "ü" {
		t.Errorf("%q", got)
	}
}
