package token

import (
	"strings"
	"testing"
)

// TestParseURI reads the examples' shapes of RFC 7512 3, and refuses what it does not
// understand: to leave an attribute out would find another object (RFC 7512 2.3).
func TestParseURI(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"":                                  {},
		"pkcs11:":                           {},
		"pkcs11:object=my-pubkey;type=cert": {"object": "my-pubkey", "type": "cert"},
		"pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;model=1.0":  {"token": "The Software PKCS#11 Softtoken", "model": "1.0"},
		"pkcs11:id=%69%95%3E%5C%F4%BD%EC%91;slot-id=327":                 {"id": "\x69\x95\x3e\x5c\xf4\xbd\xec\x91", "slot-id": "327"},
		"pkcs11:serial=DECC0401648;manufacturer=Snake%20Oil,%20Inc.":     {"serial": "DECC0401648", "manufacturer": "Snake Oil, Inc."},
		"pkcs11:slot-description=Sun%20Metaslot?module-name=softhsm2":    {"slot-description": "Sun Metaslot"},
		"pkcs11:token=t?module-name=opensc-pkcs11&module-path=/x/opensc": {"token": "t"},
	} {
		u, err := parseURI(text)
		if err != nil || len(u.path) != len(want) {
			t.Errorf("%s: %v, %v", text, u.path, err)
			continue
		}
		for name, value := range want {
			if u.path[name] != value {
				t.Errorf("%s: %s is %q", text, name, u.path[name])
			}
		}
	}
	for _, text := range []string{
		"token=x", "pkcs12:token=x", "pkcs11:token", "pkcs11:token=a;token=b", "pkcs11:colour=red", "pkcs11:token=%zz",
		"pkcs11:type=secret-key", "pkcs11:token=x?pin-value=1234", "pkcs11:?pin-source=file:/etc/pin", "pkcs11:" + strings.Repeat("x", maxURI),
	} {
		if u, err := parseURI(text); err == nil {
			t.Errorf("%s: %v", text, u.path)
		}
	}
}

// TestURIModule matches drivers by name and by file.
func TestURIModule(t *testing.T) {
	t.Parallel()
	const file = "/usr/lib/x86_64-linux-gnu/libsofthsm2.so"
	for text, want := range map[string]bool{
		"pkcs11:": true, "pkcs11:?module-name=softhsm2": true, "pkcs11:?module-name=libsofthsm2": true, "pkcs11:?module-name=opensc-pkcs11": false,
		"pkcs11:?module-path=" + file: true, "pkcs11:?module-path=/tmp/libsofthsm2.so": false,
	} {
		u, err := parseURI(text)
		if err != nil || u.matchesModule(file) != want {
			t.Errorf("%s: %v, %v", text, !want, err)
		}
	}
}

// FuzzURI reads whatever a profile may hold.
func FuzzURI(f *testing.F) {
	f.Add("pkcs11:token=The%20token;id=%01?module-name=x")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseURI(text)
		if err == nil && (u.path["type"] == "secret-key" || len(text) > maxURI) {
			t.Errorf("%q was taken", text)
		}
	})
}

// TestPINIsNotShown prints a PIN in the ways that programs print.
func TestPINIsNotShown(t *testing.T) {
	t.Parallel()
	p := pin("123456")
	if p.String() != "redacted" || p.GoString() != "redacted" || p.LogValue().String() != "redacted" || p.text() != "123456" || pin(nil).text() != "" {
		t.Errorf("shown as %s", p.String())
	}
}
