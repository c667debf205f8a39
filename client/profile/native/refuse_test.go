package native

import (
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestRefuses bends one thing at a time, and wants to hear of that one.
func TestRefuses(t *testing.T) {
	t.Parallel()
	const damaged, incomplete, unsupported = profile.ImportDamaged, profile.ImportIncomplete, profile.ImportUnsupported
	long, err := json.Marshal(strings.Repeat("n", 200))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		old, new string
		problem  profile.ImportProblem
		words    []string
	}{
		// What the file is.
		{`}` + "\n}", `}` + "\n}\n{}", damaged, []string{"line 8", "not JSON"}},
		{`}` + "\n}", `}` + "\n} x", damaged, []string{"line 7"}},
		{"true", "true,", damaged, []string{"not JSON"}},
		{"Office", "Off\xffice", damaged, []string{"UTF-8"}},
		{office, `[1]`, incomplete, []string{"version is missing"}},
		{office, ``, damaged, []string{"line 1"}},
		{office, strings.Repeat("[", 20000), damaged, []string{"not JSON"}},
		// Its version, before anything that a later one may have.
		{`"version": 1`, `"version": 2, "later": {}`, unsupported, []string{"version 2", "reads version 1", "update Homeward"}},
		{`"version": 1`, `"version": 99999999999999999999999`, unsupported, []string{"update Homeward"}},
		{`"version": 1,`, ``, incomplete, []string{"version is missing"}},
		{`"version": 1`, `"version": 0`, damaged, []string{"version is 0"}},
		{`"version": 1`, `"version": "1"`, damaged, []string{"version (line 2) is not a whole number"}},
		{`"version": 1`, `"version": 1.0`, damaged, []string{"version (line 2) is not a whole number"}},
		{`"version": 1`, `"version": 1e0`, damaged, []string{"version (line 2) is not a whole number"}},
		{`"version": 1`, `"version": -1`, damaged, []string{"version is -1"}},
		{`"version": 1`, `"version": null`, damaged, []string{"version (line 2)"}},
		// Names of fields.
		{`"full"`, `"fully"`, damaged, []string{"traffic.fully (line 6) is not a field of version 1"}},
		{`"name"`, `"Name"`, damaged, []string{"Name (line 3) is not a field"}},
		{`"name"`, `"id": "x", "name"`, damaged, []string{"id (line 3) is not a field"}},
		{`"name"`, `"origin": {"signed_by": "IT"}, "name"`, damaged, []string{"origin.signed_by (line 3) is not a field"}},
		{`"full"`, `"full": false, "full"`, damaged, []string{"traffic.full (line 6) stands there twice"}},
		{`"full"`, `"a\u0000\u202eb"`, damaged, []string{"traffic.ab (line 6) is not a field"}},
		{`"full"`, `"` + strings.Repeat("x", 5000) + `"`, damaged, []string{"is not a field"}},
		{`"traffic"`, `"ike": {"proposals": [{"encryption": "aes128gcm16", "hash": "x"}]}, "traffic"`, damaged, []string{"ike.proposals[0].hash (line 6) is not a field"}},
		// Missing.
		{`"name": "Office",`, ``, incomplete, []string{"name is missing"}},
		{`"address": "vpn.example.com", `, ``, incomplete, []string{"gateway.address is missing"}},
		{`, "auth": "certificate"`, ``, incomplete, []string{"gateway.auth is missing"}},
		{`"auth": "eap-mschapv2", `, ``, incomplete, []string{"client.auth is missing"}},
		{`"full": true`, ``, damaged, []string{"traffic sends nothing through the tunnel"}},
		// Types.
		{`"Office"`, `1`, damaged, []string{"name (line 3) is not text in quotes"}},
		{`"Office"`, `null`, damaged, []string{"name (line 3) is not text in quotes"}},
		{`true`, `"true"`, damaged, []string{"traffic.full (line 6) is not true or false"}},
		{`true`, `null`, damaged, []string{"traffic.full (line 6) is not true or false"}},
		{`true`, `1`, damaged, []string{"traffic.full"}},
		{`{"full": true}`, `[]`, damaged, []string{"traffic (line 6) is not an object"}},
		{`{"full": true}`, `null`, damaged, []string{"traffic (line 6) is not an object"}},
		{`"full"`, `"include": "10.0.0.0/8", "full"`, damaged, []string{"traffic.include (line 6) is not a list"}},
		{`"full"`, `"include": ["10.0.0.0/8", 7], "full"`, damaged, []string{"traffic.include[1] (line 6) is not an address prefix"}},
		{`"full"`, `"include": ["10.0.0.0"], "full"`, damaged, []string{"traffic.include[0] (line 6) is not an address prefix"}},
		{`"full"`, `"include": [""], "full"`, damaged, []string{"traffic.include[0] (line 6) is not an address prefix"}},
		{`"full"`, `"include": ["10.0.0.1/8"], "full"`, damaged, []string{"traffic.include[0] has bits set"}},
		{`"traffic"`, `"dns": {"servers": ["here"]}, "traffic"`, damaged, []string{"dns.servers[0] (line 6) is not an address such as"}},
		{`"traffic"`, `"dns": {"search": [true]}, "traffic"`, damaged, []string{"dns.search[0] (line 6) is not text"}},
		{`"traffic"`, `"dns": {"search": [["a"]]}, "traffic"`, damaged, []string{"dns.search[0] (line 6) is not text"}},
		{`"traffic"`, `"session": {"liveness": 60}, "traffic"`, damaged, []string{"session.liveness (line 6) is not a time such as"}},
		{`"traffic"`, `"session": {"liveness": "60"}, "traffic"`, damaged, []string{"session.liveness (line 6) is not a time such as"}},
		{`"traffic"`, `"session": {"liveness": "9999999999h"}, "traffic"`, damaged, []string{"session.liveness (line 6) is not a time such as"}},
		{`"traffic"`, `"session": {"liveness": "48h"}, "traffic"`, damaged, []string{"session.liveness is 48h"}},
		{`"traffic"`, `"session": {"childless": "always"}, "traffic"`, damaged, []string{"session.childless is not offered or required"}},
		// Numbers.
		{`"auth": "certificate"`, `"port": 65536, "auth": "certificate"`, damaged, []string{"gateway.port (line 4) is not a whole number from 0 to 65535"}},
		{`"auth": "certificate"`, `"port": -1, "auth": "certificate"`, damaged, []string{"gateway.port"}},
		{`"auth": "certificate"`, `"port": 4.5e3, "auth": "certificate"`, damaged, []string{"gateway.port"}},
		{`"traffic"`, `"child": {"lifetime_bytes": 18446744073709551616}, "traffic"`, damaged, []string{"child.lifetime_bytes (line 6) is not a whole number from 0 to 18446744073709551615"}},
		{`"traffic"`, `"child": {"lifetime_bytes": 18446744073709551615}, "traffic"`, damaged, []string{"child.lifetime_bytes is 18446744073709551615"}},
		{`"traffic"`, `"child": {"lifetime_packets": 1e400}, "traffic"`, damaged, []string{"child.lifetime_packets (line 6)"}},
		{`"full"`, `"mtu": 9223372036854775808, "full"`, damaged, []string{"traffic.mtu (line 6) is not a whole number"}},
		{`"full"`, `"mtu": 9000, "full"`, damaged, []string{"traffic.mtu is 9000"}},
		// Values.
		{`"Office"`, string(long), damaged, []string{"name is not between 1 and 128"}},
		{`"vpn.example.com"`, `"vpn example"`, damaged, []string{"gateway.address is not a host name"}},
		{`"auth": "certificate"`, `"auth": "rsa"`, damaged, []string{"gateway.auth is not a method"}},
		{`"auth": "certificate"`, `"auth": "psk"`, damaged, []string{"gateway.auth must be certificate"}},
		{`"auth": "certificate"`, `"auth": "certificate", "quirks": ["x"]`, damaged, []string{"gateway.quirks has a quirk"}},
		{`"traffic"`, `"ike": {"proposals": [{"encryption": "3des", "integrity": "sha1", "prf": "sha1", "group": "modp1024"}]}, "traffic"`, damaged,
			[]string{"ike.proposals[0].encryption", "only where legacy is set"}},
		{`"traffic"`, `"ike": {"proposals": [{"encryption": "des"}]}, "traffic"`, damaged, []string{"is never used"}},
		{`"traffic"`, `"child": {"proposals": [{"encryption": "null", "integrity": "sha256"}]}, "traffic"`, damaged, []string{"only where strict is set"}},
	} {
		text := strings.Replace(office, c.old, c.new, 1)
		if text == office {
			t.Errorf("%q is not in the file", c.old)
			continue
		}
		refused(t, text, c.problem, c.words...)
	}
}

// TestSecretsAreRefused: a field for a secret is refused with a word on where
// secrets go, and its value is shown nowhere.
func TestSecretsAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"password", "Password", "psk", "shared_key", "sharedKey", "secret", "private_key", "key", "pin", "p12", "Token", "user_token", "passphrase"} {
		text := strings.Replace(office, `"username"`, `"`+name+`": "hunter2hunter2", "username"`, 1)
		refused(t, text, profile.ImportDamaged, "client."+name+" (line 5)", "would be a secret", "keychain", ".mobileconfig")
		if _, err := Parse([]byte(text)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	card := strings.Replace(office, `"eap-mschapv2"`, `"certificate", "token": "hunter2hunter2"`, 1)
	refused(t, card, profile.ImportDamaged, "client.token is not a PKCS#11 URI")
	if _, err := Parse([]byte(card)); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("token: %v", err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("hunter2hunter2")}))
	broken := strings.Replace(key, "-----END", "----END", 1) // which a PEM decoder steps over
	for _, content := range []string{key, pemText(certificate(t, "A")) + key, broken + pemText(certificate(t, "A"))} {
		text, err := json.Marshal([]string{content})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, strings.Replace(office, `"auth": "c`, `"anchors": `+string(text)+`, "auth": "c`, 1),
			profile.ImportDamaged, "gateway.anchors[0] (line 4)", "would be a secret")
	}
	// Words that only look like one.
	for _, name := range []string{"pinned", "rekey", "monkey"} {
		refused(t, strings.Replace(office, `"username"`, `"`+name+`": 1, "username"`, 1), profile.ImportDamaged, "is not a field")
	}
}

func TestBadCertificates(t *testing.T) {
	t.Parallel()
	good := pemText(certificate(t, "A"))
	for name, content := range map[string]any{
		"no base64":         []string{"%%%"},
		"empty":             []string{""},
		"another PEM block": []string{strings.ReplaceAll(good, "CERTIFICATE", "CERTIFICATE REQUEST")},
		"half a PEM block":  []string{good[:len(good)/2]},
		"a broken one":      []string{strings.Replace(good, "-----END", "----END", 1) + good},
		"a number":          []any{1},
		"text":              good,
		"no certificate":    []string{"AAAA"},
		"one within":        [][]string{{good}},
	} {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, strings.Replace(office, `"auth": "c`, `"anchors": `+string(text)+`, "auth": "c`, 1), profile.ImportDamaged, "gateway.anchors")
		})
	}
}
