package native

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

func line(t testing.TB, im profile.Imported, path string) profile.Line {
	t.Helper()
	for _, l := range im.Report {
		if l.Path == path {
			return l
		}
	}
	t.Fatalf("%s is not reported: %+v", path, im.Report)
	return profile.Line{}
}

// TestReport: each field of the file has its line, in order, and so has what
// its silence means.
func TestReport(t *testing.T) {
	t.Parallel()
	im := parse(t, office)
	var paths []string
	for _, l := range im.Report {
		paths = append(paths, l.Path)
		if l.Lowers {
			t.Errorf("%+v lowers security", l)
		}
		if (l.Verdict == profile.Honoured) == (l.Value == missing) {
			t.Errorf("%+v", l)
		}
	}
	if got, want := strings.Join(paths, " "), "version name gateway.address gateway.auth client.auth client.username traffic.full gateway.certificate_name gateway.anchors"; got != want {
		t.Errorf("reported\n%s, want\n%s", got, want)
	}
	if l := line(t, im, "gateway.certificate_name"); !strings.Contains(l.Note, "vpn.example.com") {
		t.Errorf("%+v", l)
	}
	for _, p := range complete(t) {
		text, err := Encode(&p)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range parse(t, string(text)).Report {
			if l.Value == "" || profile.CleanText(l.Value, maxShown) != l.Value || profile.CleanText(l.Note, 1<<10) != l.Note || l.Verdict == "" {
				t.Errorf("%+v", l)
			}
		}
	}
}

// TestLowers: what lowers security wants a yes, and what is like it does not.
func TestLowers(t *testing.T) {
	t.Parallel()
	sa := func(name, fields string) string {
		return strings.Replace(office, `"traffic"`, `"`+name+`": {`+fields+`}, "traffic"`, 1)
	}
	const old = `"proposals": [{"encryption": "aes128", "integrity": "sha1", "prf": "sha256", "group": "x25519"}]`
	gateway := func(fields string) string { return strings.Replace(office, `"auth": "c`, fields+`, "auth": "c`, 1) }
	client := func(fields string) string { return strings.Replace(office, `"username"`, fields+`, "username"`, 1) }
	eap := func(fields string) string {
		return strings.Replace(office, `"auth": "eap-mschapv2"`, `"auth": "eap", "eap": {`+fields+`}`, 1)
	}
	anchor, err := json.Marshal([]string{pemText(certificate(t, "RADIUS CA"))})
	if err != nil {
		t.Fatal(err)
	}
	traffic := func(fields string) string { return strings.Replace(office, `"full": true`, fields, 1) }
	for _, c := range []struct {
		text, path string
		lowers     bool
		note       string
	}{
		{sa("ike", `"legacy": true`), "ike.legacy", true, "no longer safe"},
		{sa("ike", `"legacy": false`), "ike.legacy", false, ""},
		{sa("child", `"legacy": true`), "child.legacy", true, "no longer safe"},
		{sa("ike", `"legacy": true, `+old), "ike.proposals[0]", true, "no longer safe"},
		{sa("ike", `"proposals": [{"encryption": "aes128gcm16", "prf": "sha256", "group": "x25519"}]`), "ike.proposals[0]", false, ""},
		{sa("ike", `"legacy": true, "proposals": [{"encryption": "aes128gcm16", "prf": "sha256", "group": "x25519"}, {"encryption": "aes128gcm16", "prf": "sha256", "group": "x25519-ke1_modp1024"}]`),
			"ike.proposals[1]", true, "no longer safe"},
		{sa("child", `"strict": true, "proposals": [{"encryption": "null", "integrity": "sha256"}]`), "child.proposals[0]", true, "nothing is encrypted"},
		{sa("child", `"strict": true, "proposals": [{"encryption": "aes256gmac"}]`), "child.proposals[0]", true, "nothing is encrypted"},
		{sa("child", `"lifetime": "25h"`), "child.lifetime", true, "more than a day"},
		{sa("ike", `"lifetime": "24h"`), "ike.lifetime", false, ""},
		{gateway(`"quirks": ["no-idr"]`), "gateway.quirks", true, "not compared"},
		{gateway(`"quirks": ["rekey-without-pfs"]`), "gateway.quirks", true, "derived"},
		{gateway(`"quirks": ["esp-to-old-port"]`), "gateway.quirks", false, ""},
		{gateway(`"quirks": []`), "gateway.quirks", false, ""},
		{client(`"eap_only": "any"`), "client.eap_only", true, "without a certificate"},
		{client(`"eap_only": ""`), "client.eap_only", false, ""},
		{client(`"further": [{"auth": "eap-mschapv2"}, {"auth": "eap-mschapv2", "bare": true}]`), "client.further[1].bare", true, "not tied"},
		{client(`"further": [{"auth": "eap-mschapv2", "bare": false}]`), "client.further[0].bare", false, ""},
		{client(`"eap_only": "any"`), "client.eap_only", true, "an impostor"},
		{gateway(`"revocation": "off"`), "gateway.revocation", true, "stolen"},
		{gateway(`"revocation": "relaxed"`), "gateway.revocation", false, ""},
		{gateway(`"revocation": "strict"`), "gateway.revocation", false, "no line without"},
		{gateway(`"pins": ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]`), "gateway.pins", false, "chain"},
		{eap(`"methods": ["tls"]`), "client.eap.methods", false, ""},
		{eap(`"methods": ["peap", "mschapv2"]`), "client.eap.methods", false, ""},
		{eap(`"methods": ["gtc"]`), "client.eap.methods", true, "wrong for a password"},
		{eap(`"methods": ["tls", "md5"]`), "client.eap.methods", true, "guess your password"},
		{eap(`"methods": ["ttls"], "inner": ["pap"]`), "client.eap.inner", false, "as you typed it"},
		{eap(`"methods": ["ttls"], "inner": ["chap"]`), "client.eap.inner", false, ""},
		{eap(`"methods": ["tls"], "server_names": ["*.corp.example"]`), "client.eap.server_names", false, ""},
		{eap(`"methods": ["tls"], "server_names": ["*"], "anchors": ` + string(anchor)), "client.eap.server_names", true, "whatever its name"},
		{eap(`"methods": ["tls"], "anchors": ` + string(anchor)), "client.eap.anchors", false, "only what these issue"},
		{eap(`"methods": ["tls"], "without_ems": true`), "client.eap.without_ems", true, "old server"},
		{eap(`"methods": ["tls"], "without_ems": false`), "client.eap.without_ems", false, ""},
		{eap(`"methods": ["peap"], "without_binding": true`), "client.eap.without_binding", true, "at one end"},
		{eap(`"methods": ["peap"], "without_binding": false`), "client.eap.without_binding", false, ""},
		{eap(`"methods": ["ttls"], "confirm_notice": true`), "client.eap.confirm_notice", false, ""},
		{strings.Replace(eap(`"methods": ["tls", "ttls"]`), `"username"`, `"eap_only": "safe", "username"`, 1), "client.eap_only", false, "by the sign-in alone"},
		{client(`"further": [{"auth": "eap", "eap": {"methods": ["gtc"]}}]`), "client.further[0].eap.methods", true, "one-time code"},
		{client(`"further": [{"auth": "eap", "eap": {"methods": ["peap"], "without_binding": true}}]`), "client.further[0].eap.without_binding", true, "at one end"},
		{sa("session", `"liveness": "-1s"`), "session.liveness", true, "only when you disconnect"},
		{sa("session", `"liveness": "5s"`), "session.liveness", true, "so often"},
		{sa("session", `"liveness": "10s"`), "session.liveness", false, ""},
		{sa("session", `"no_mobike": true`), "session.no_mobike", false, ""},
		{sa("session", `"no_redirect": true`), "session.no_redirect", false, ""},
		{traffic(`"full": true, "exclude": ["203.0.113.0/24"]`), "traffic.exclude", true, "outside the tunnel"},
		{traffic(`"full": true, "exclude": ["192.168.0.0/15"]`), "traffic.exclude", true, "outside the tunnel"},
		{traffic(`"full": true, "exclude": ["192.168.0.0/16", "fd00::/8"]`), "traffic.exclude", false, ""},
		{traffic(`"full": false, "accept_pushed": true, "exclude": ["203.0.113.0/24"]`), "traffic.exclude", false, ""},
	} {
		l := line(t, parse(t, c.text), c.path)
		if l.Lowers != c.lowers || !strings.Contains(l.Note, c.note) || l.Verdict != profile.Honoured {
			t.Errorf("%s: %+v", c.text, l)
		}
	}
}

// TestCertificateWithoutKey: a profile that signs in by certificate says that
// its key is not in the file, and an expired certificate says so.
func TestCertificateWithoutKey(t *testing.T) {
	t.Parallel()
	p := complete(t)[0]
	text, err := Encode(&p)
	if err != nil {
		t.Fatal(err)
	}
	found, err := ParseWith(text, profile.ImportOptions{Now: time.Unix(1<<33, 0)})
	if err != nil {
		t.Fatal(err)
	}
	l := line(t, found[0], "client.certificates")
	if l.Verdict != profile.Approximated || !strings.Contains(l.Note, ".mobileconfig") || !strings.Contains(l.Value, "expired on") {
		t.Errorf("%+v", l)
	}
	if !found[0].Secrets.Empty() {
		t.Error("there are secrets")
	}
}
