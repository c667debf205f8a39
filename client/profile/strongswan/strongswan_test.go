package strongswan

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want, reason string }{
		{"vpn.example.com", "vpn.example.com", ""}, {" @vpn.example.com ", "@vpn.example.com", ""}, {"alice@example.com", "alice@example.com", ""},
		{"@@alice@example.com", "@@alice@example.com", ""}, {"192.0.2.1", "192.0.2.1", ""}, {"2001:db8::1", "2001:db8::1", ""}, {"C=DE, O=Harbour, CN=gw", "C=DE, O=Harbour, CN=gw", ""},
		{"@#6f666669", "@#6f666669", ""}, {"@#6f6", "", "hex digits"}, {"@", "", "empty"}, {"@@", "", "empty"},
		{"", "", ""}, {"%any", "", ""}, {"%any6", "", ""}, {"*", "", ""}, {"0.0.0.0", "", ""}, {"::", "", ""}, {"%identity", "", ""},
		{"fqdn:vpn.example.com", "fqdn:vpn.example.com", ""}, {"dns:a", "fqdn:a", ""}, {"userfqdn:a@b", "email:a@b", ""}, {"{2}:a.example", "fqdn:a.example", ""}, {"{11}:office", "keyid:office", ""},
		{"keyid:#6f6666", "@#6f6666", ""}, {"fqdn:#612e6578", "fqdn:a.ex", ""}, {"email:#610062", "", "cannot be shown"}, {"ipv4:#c0000201", "ipv4:192.0.2.1", ""}, {"ipv6:#c0000201", "", "not such an address"},
		{"ipv4:192.0.2.1", "ipv4:192.0.2.1", ""}, {"ipv6:192.0.2.1", "", "not such an address"}, {"keyid:", "", "empty"}, {"keyid:#zz", "", "hex digits"},
		{"asn1dn:CN=gw", "asn1dn:CN=gw", ""}, {"asn1dn:#300d310b", "", "write it as text"}, {"uri:sip:a@b", "", "URI"}, {"xmppaddr:a@b", "", "XMPP"}, {"asn1gn:x", "", "general name"},
		{"ipv4net:10.0.0.0/8", "", "network"}, {"{99}:x", "", "{99}"}, {"a\x00b", "", "cannot be shown"}, {strings.Repeat("a", 600), "", "too many"},
	} {
		if id, reason := Identity(c.text); id != c.want || !strings.Contains(reason, c.reason) || (c.reason == "") != (reason == "") {
			t.Errorf("%q: %q, %q", c.text, id, reason)
		}
	}
	if !Pattern("*.example.com") || Pattern("a.example.com") {
		t.Error("patterns")
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entries, want           string
		full, dynamic           bool
		narrowed, bad, prefixes int
	}{
		{entries: "10.0.0.0/8 10.0.0.0/8 10.1.2.3/8", want: "[10.0.0.0/8]"},
		{entries: "192.0.2.1 2001:db8::/32 fd00::1", want: "[192.0.2.1/32 2001:db8::/32 fd00::1/128]"},
		{entries: "10.0.0.0-10.0.0.255 10.0.1.1-10.0.1.6", want: "[10.0.0.0/24 10.0.1.1/32 10.0.1.2/31 10.0.1.4/31 10.0.1.6/32]"},
		{entries: "0.0.0.0/0", want: "[]", full: true}, {entries: "::/0 10.0.0.0/8", want: "[10.0.0.0/8]", full: true},
		{entries: "0.0.0.0-255.255.255.255", want: "[]", full: true},
		{entries: "dynamic %dynamic", want: "[]", dynamic: true},
		{entries: "10.0.0.0/8[tcp/80] dynamic[gre] 10.2.0.0/16[]", want: "[10.0.0.0/8 10.2.0.0/16]", dynamic: true, narrowed: 2},
		{entries: "none 10.0.0.9-10.0.0.1 10.0.0.1-::1 224.0.0.0/4 ::ffff:10.0.0.1 -", want: "[]", bad: 6},
	} {
		n := ParseNetworks(strings.Fields(c.entries))
		if got := fmt.Sprint(n.Prefixes); got != c.want || n.Full != c.full || n.Dynamic != c.dynamic || n.Narrowed != c.narrowed || len(n.Bad) != c.bad {
			t.Errorf("%s: %+v", c.entries, n)
		}
	}
	for entries, want := range map[string]profile.Verdict{"10.0.0.0/8": profile.Honoured, "10.0.0.0/8[tcp]": profile.Approximated, "10.0.0.0/8 x": profile.Approximated, "x": profile.Refused} {
		if v, note := ParseNetworks(strings.Fields(entries)).Told("kept"); v != want || strings.Contains(note, "kept") == (want == profile.Refused) {
			t.Errorf("%s: %s %q", entries, v, note)
		}
	}
	if Public([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}) || !Public([]netip.Prefix{netip.MustParsePrefix("8.8.8.0/24")}) {
		t.Error("public networks")
	}
	list, bad := Servers([]string{"10.0.0.1", "10.0.0.1", "", "fd00::1", "0.0.0.0", "x", "224.0.0.1"})
	if len(list) != 2 || bad != 3 {
		t.Errorf("%v, %d", list, bad)
	}
}

func TestTimesAndSwitches(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"30": 30 * time.Second, "30s": 30 * time.Second, " 9m": 9 * time.Minute, "3h": 3 * time.Hour, "1d": 24 * time.Hour, "0": 0} {
		if d, ok := Time(text); !ok || d != want {
			t.Errorf("%q: %v %v", text, d, ok)
		}
	}
	for _, text := range []string{"", "h", "-1", "1w", "soon", "99999999999", "1.5h"} {
		if d, ok := Time(text); ok {
			t.Errorf("%q: %v", text, d)
		}
	}
	for text, want := range map[string]string{"yes": "true true", "No ": "false true", "1": "true true", "enabled": "true true", "never": "false false", "": "false false"} {
		if on, ok := Switch(text); fmt.Sprint(on, ok) != want {
			t.Errorf("%q: %v %v", text, on, ok)
		}
	}
	if d, moved := Hold(time.Hour, time.Second, time.Minute); d != time.Minute || !moved {
		t.Errorf("%v %v", d, moved)
	}
}

// folder is a ReadFile over a map, which notes what was asked for.
func folder(files map[string][]byte, asked *[]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		*asked = append(*asked, path)
		if data, ok := files[path]; ok {
			return bytes.Clone(data), nil
		}
		return nil, fs.ErrNotExist
	}
}

// TestPlaces: where a file is looked for, and where it is not.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ca.pem":             "ca.pem x509ca/ca.pem x509ca/ca.pem ca.pem",
		"sub/ca.pem":         "sub/ca.pem x509ca/sub/ca.pem x509ca/ca.pem ca.pem",
		"/etc/x509ca/ca.pem": "x509ca/ca.pem ca.pem",
		"../ca.pem":          "", "a/../../b": "", `..\ca.pem`: "", "": "",
	} {
		var asked []string
		f := Files{Read: folder(nil, &asked), Now: profiletest.Now}
		if certs, _, note := f.Authorities(name, "x509ca"); certs != nil || !strings.Contains(note, "beside the profile") {
			t.Errorf("%s: %s", name, note)
		}
		if got := strings.Join(asked, " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, ok := (Files{}).Text("x"); ok {
		t.Error("a file was read by nothing")
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	ca := profiletest.Authority(t, "Harbour Root")
	middle := ca.Between(t, "Harbour Gateways")
	gw := middle.Issue(t, "gw")
	var asked []string
	f := Files{Now: profiletest.Now, Read: folder(map[string][]byte{"ca.pem": slices.Concat(middle.PEM(), ca.PEM()), "bad": []byte("x")}, &asked)}
	certs, shown, note := f.Authorities("ca.pem")
	if len(certs) != 2 || !strings.Contains(shown, "Harbour Gateways, issued by Harbour Root, valid until 2026-09-01") || !strings.Contains(note, `read from the file "ca.pem"`) {
		t.Errorf("%d, %q, %q", len(certs), shown, note)
	}
	if _, _, note := f.Authorities("bad"); !strings.Contains(note, "no certificate") {
		t.Errorf("%q", note)
	}
	var g profile.Gateway
	Trust(&g, certs)
	Trust(&g, certs)
	if len(g.Anchors) != 1 || !bytes.Equal(g.Anchors[0], ca.Raw) || len(g.Intermediates) != 1 {
		t.Errorf("%d anchors, %d helpers", len(g.Anchors), len(g.Intermediates))
	}
	g = profile.Gateway{}
	Trust(&g, []*x509.Certificate{gw.Certificate})
	if len(g.Anchors) != 1 {
		t.Error("a certificate that is named is trusted by itself")
	}
	late := Files{Now: profiletest.Now.AddDate(9, 0, 0)}
	if shown := late.Describe(ca.Certificate); !strings.Contains(shown, "issued by itself, expired on") {
		t.Errorf("%q", shown)
	}
}

func TestUsersIdentity(t *testing.T) {
	t.Parallel()
	alice := profiletest.Authority(t, "Harbour Root").Issue(t, "alice")
	files := map[string][]byte{"alice.crt": alice.PEM(), "private/alice.key": alice.KeyPEM(t), "alice.p12": alice.PKCS12(t, "pw")}
	var asked []string
	f := Files{Now: profiletest.Now, Read: folder(files, &asked)}
	id, note, err := f.Identity(Named{Path: "alice.crt"}, Named{Path: "/etc/private/alice.key", Folders: []string{"private"}})
	if err != nil || id == nil || !bytes.Equal(id.Chain[0], alice.Raw) || !strings.Contains(note, "sealed store") {
		t.Errorf("%v, %q, %v", id, note, err)
	}
	if id, _, err := f.Identity(Named{Path: "alice.p12", Password: "pw"}); err != nil || id == nil {
		t.Errorf("%v", err)
	}
	for _, list := range [][]Named{nil, {{Path: "alice.crt"}, {Path: "bob.key"}}} {
		if id, note, err := f.Identity(list...); id != nil || note != PickYourself || err != nil {
			t.Errorf("%v, %q, %v", id, note, err)
		}
	}
	if id, note, err := f.Identity(Named{Path: "alice.crt"}); id != nil || !strings.Contains(note, "without private key") || err != nil {
		t.Errorf("%v, %q, %v", id, note, err)
	}
	if id, note, err := f.Identity(Named{Path: "alice.p12", Password: "no"}); id != nil || !strings.Contains(note, "not opened") || err != nil {
		t.Errorf("nobody to ask: %v, %q, %v", id, note, err)
	}
	f.Ask = func(name string, attempt int) ([]byte, error) {
		if name != "alice.p12" || attempt > 0 {
			return nil, errors.New("no more")
		}
		return []byte("pw"), nil
	}
	if id, _, err := f.Identity(Named{Path: "alice.p12", Password: "no"}); err != nil || id == nil {
		t.Errorf("asked: %v", err)
	}
	f.Ask = func(string, int) ([]byte, error) { return nil, errors.New("cancelled") }
	_, _, err = f.Identity(Named{Path: "alice.p12"})
	profiletest.Refused(t, nil, err, profile.ImportPassword, "alice.p12")
}
