package auth

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func TestParseIdentity(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text string
		kind uint8
		data string // text; "hex:" octets
		back string // String(); "": the text itself
	}{
		{"vpn.example.com", IDFQDN, "vpn.example.com", ""},
		{"@vpn.example.com", IDFQDN, "vpn.example.com", "vpn.example.com"},
		{"fqdn:vpn.example.com", IDFQDN, "vpn.example.com", "vpn.example.com"},
		{"dns:192.0.2.1", IDFQDN, "192.0.2.1", "fqdn:192.0.2.1"},
		{"anna", IDFQDN, "anna", ""},
		{" anna ", IDFQDN, "anna", "anna"},
		{"anna@example.com", IDRFC822, "anna@example.com", ""},
		{"@@anna", IDRFC822, "anna", "email:anna"},
		{"email:anna@example.com", IDRFC822, "anna@example.com", "anna@example.com"},
		{"EMAIL:anna", IDRFC822, "anna", "email:anna"},
		{"192.0.2.1", IDIPv4, "hex:c0000201", ""},
		{"ipv4:192.0.2.1", IDIPv4, "hex:c0000201", "192.0.2.1"},
		{"::ffff:192.0.2.1", IDIPv4, "hex:c0000201", "192.0.2.1"},
		{"2001:db8::1", IDIPv6, "hex:20010db8000000000000000000000001", ""},
		{"192.0.2.256", IDFQDN, "192.0.2.256", ""},
		{"fe80::1%eth0", IDKeyID, "fe80::1%eth0", "keyid:fe80::1%eth0"},
		{"office:7", IDKeyID, "office:7", "keyid:office:7"},
		{"@#0102ff", IDKeyID, "hex:0102ff", ""},
		{"@#616263", IDKeyID, "abc", "keyid:abc"},
		{"keyid:office", IDKeyID, "office", ""},
		{"room=7", IDKeyID, "room=7", "keyid:room=7"},
		{"C=DE=", IDDERDN, "", "C=DE="},
		{"C=DE, O=Example", IDDERDN, "", ""},
		{"c=DE,o=Example", IDDERDN, "", "C=DE, O=Example"},
		{"/C=DE/O=Example", IDDERDN, "", "C=DE, O=Example"},
		{`O=Example\, Inc., CN=a\\b`, IDDERDN, "", ""},
		{"DC=com, DC=example, emailAddress=a@example.com", IDDERDN, "", "DC=com, DC=example, E=a@example.com"},
		{"O=Ähre, CN=anna", IDDERDN, "", ""},
		{"asn1dn:CN=anna", IDDERDN, "", "CN=anna"},
	} {
		id, err := ParseIdentity(row.text)
		if err != nil || id.Type != row.kind {
			t.Errorf("%q: %+v, %v", row.text, id, err)
			continue
		}
		want := []byte(row.data)
		if h, ok := bytes.CutPrefix(want, []byte("hex:")); ok {
			want = vectors.Unhex(t, string(h))
		}
		if row.kind != IDDERDN && !bytes.Equal(id.Data, want) {
			t.Errorf("%q: data %x, want %x", row.text, id.Data, want)
		}
		back := row.back
		if back == "" {
			back = row.text
		}
		if id.String() != back {
			t.Errorf("%q prints %q, want %q", row.text, id.String(), back)
		}
		if again, err := ParseIdentity(id.String()); err != nil || !again.Equal(id) {
			t.Errorf("%q comes back as %+v, %v", row.text, again, err)
		}
	}
	for _, text := range []string{
		"", "  ", "*", "%any", "%any6", "0.0.0.0", "::", "0::", "::ffff:0.0.0.0", "ipv4:0.0.0.0", "@#", "@#xyz", "@", "@@", "keyid:",
		"ipv4:2001:db8::1", "ipv6:192.0.2.1", "ipv6:::ffff:192.0.2.1", "ipv6:fe80::1%eth0", "dn:room=7", "dn:CN", "dn:CN=",
	} {
		var e *IdentityError
		if id, err := ParseIdentity(text); !errors.As(err, &e) || e.Text == "" && text != "" && text != "  " {
			t.Errorf("%q: %+v, %v", text, id, err)
		}
	}
}

// The DER of a name written as text is that of the certificate's subject.
func TestDistinguishedNameEqualsSubject(t *testing.T) {
	t.Parallel()
	subject := pkix.Name{Country: []string{"DE"}, Organization: []string{"Example GmbH"}, CommonName: "anna"}
	cert := issue(t, nil, ecKey(t, elliptic.P256()), &x509.Certificate{Subject: subject}).cert
	id, err := ParseIdentity("C=DE, O=Example GmbH, CN=anna")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(id.Data, cert.RawSubject) {
		t.Errorf("%x\nwant %x", id.Data, cert.RawSubject)
	}
	if got := (Identity{IDDERDN, cert.RawSubject}).String(); got != "C=DE, O=Example GmbH, CN=anna" {
		t.Errorf("%q", got)
	}
}

func TestIdentityEqual(t *testing.T) {
	t.Parallel()
	parse := func(text string) Identity {
		id, err := ParseIdentity(text)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// The same name as UTF8String instead of PrintableString.
	utf8DN := Identity{IDDERDN, vectors.Unhex(t, "300f310d300b06035504030c04616e6e61")}
	if text := utf8DN.String(); text != "CN=anna" {
		t.Fatalf("%q", text)
	}
	for _, row := range []struct {
		a, b Identity
		want bool
	}{
		{parse("vpn.example.com"), parse("VPN.Example.com."), true},
		{parse("vpn.example.com"), parse("vpn.example.org"), false},
		{parse("anna@example.com"), parse("anna@EXAMPLE.com"), true},
		{parse("anna@example.com"), parse("Anna@example.com"), false},
		{parse("192.0.2.1"), parse("192.0.2.1"), true},
		{parse("192.0.2.1"), parse("fqdn:192.0.2.1"), false},
		{parse("CN=anna"), utf8DN, true},
		{parse("CN=Anna"), utf8DN, true},
		{parse("CN=anna, O=x"), utf8DN, false},
		{parse("O=anna"), utf8DN, false},
		{parse("keyid:a"), parse("keyid:A"), false},
		{parse("keyid:a"), parse("keyid:a"), true},
		{Identity{IDDERDN, []byte{1}}, Identity{IDDERDN, []byte{2}}, false},
	} {
		if row.a.Equal(row.b) != row.want || row.b.Equal(row.a) != row.want {
			t.Errorf("%v and %v: want %v", row.a, row.b, row.want)
		}
	}
}

// RFC 7296 3.5: type, three reserved octets, data.
func TestIdentityPayload(t *testing.T) {
	t.Parallel()
	id, err := ParseIdentity("vpn.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(id.Body()); got != "02000000"+hex.EncodeToString([]byte("vpn.example.com")) {
		t.Errorf("body %s", got)
	}
	for _, responder := range []bool{false, true} {
		first, chain := wire.AppendChain(nil, []wire.Payload{id.Payload(responder)})
		if want := map[bool]wire.PayloadType{false: wire.PayloadIDi, true: wire.PayloadIDr}[responder]; first != want {
			t.Errorf("payload %v, want %v", first, want)
		}
		ps, err := wire.ParseChain(first, chain)
		if err != nil {
			t.Fatal(err)
		}
		back := FromPayload(ps[0].(*wire.IDPayload))
		clear(chain) // FromPayload must have copied
		if !back.Equal(id) {
			t.Errorf("came back as %v", back)
		}
	}
	if got := AddressIdentity(netip.MustParseAddr("::ffff:192.0.2.1")); got.String() != "192.0.2.1" || got.Type != IDIPv4 {
		t.Errorf("%v", got)
	}
	if got := AddressIdentity(netip.MustParseAddr("fe80::1%eth0")); got.String() != "fe80::1" || got.Type != IDIPv6 {
		t.Errorf("%v", got)
	}
}

// Values that arrive malformed still print, on one line.
func TestIdentityPrintsAnything(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		id   Identity
		want string
	}{
		{Identity{IDIPv4, []byte{1, 2}}, "type 1 0102"},
		{Identity{IDIPv6, []byte{1, 2, 3, 4}}, "type 5 01020304"},
		{Identity{IDFQDN, []byte("a\nb")}, "type 2 610a62"},
		{Identity{IDRFC822, nil}, "type 3 "},
		{Identity{IDDERDN, []byte{0x30, 0}}, "type 9 3000"},
		{Identity{IDKeyID, []byte{0xff}}, "@#ff"},
		{Identity{77, []byte{1}}, "type 77 01"},
	} {
		if got := row.id.String(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	for _, s := range []string{
		"vpn.example.com", "@x", "@@x", "@#00", "a@b", "192.0.2.1", "2001:db8::1", "C=DE, O=a\\, b", "/C=DE/O=x", "keyid:x", "fqdn:@x", "room=7", "dn:CN=x", "0::", "0@", "@ I", "@@ a@b",
	} {
		f.Add(s, uint8(IDDERDN), []byte(s))
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8, data []byte) {
		received := Identity{kind, data}
		if s := received.String(); s == "" {
			t.Error("prints as nothing")
		}
		if !received.Equal(received) {
			t.Errorf("%v does not equal itself", received)
		}
		id, err := ParseIdentity(text)
		if err != nil {
			return
		}
		if !printable(text) {
			return // only text that a person can type comes back
		}
		back, err := ParseIdentity(id.String())
		if err != nil || !back.Equal(id) {
			t.Errorf("%q prints %q, which is %v, %v", text, id.String(), back, err)
		}
	})
}
