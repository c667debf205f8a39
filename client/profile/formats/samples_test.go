package formats

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// refusals say why a sample is not imported, in words of its sentence. A
// template counts as one that was not filled in, also where its manifest entry
// does not call it a reject.
var refusals = map[string]string{
	"neg-pisces-mismatched-tag.mobileconfig":    "<integer> closed by </string>",
	"neg-quericy-placeholder-data.mobileconfig": "payload 2",
	"neg-emthebi-ipsec-ikev1.mobileconfig":      "Cisco IPsec (IKEv1)",
	"tmpl-strongswan-docs-eap.mobileconfig":     "payload 2",
	"tmpl-hocuspocus-alwayson.mobileconfig.in":  "not base64",
	"synth-encrypted.mobileconfig":              "encrypted for one device",
	"hwdsl2-vpnclient.sswan":                    string(Sswan),
	"strongswan-docs-cert.sswan":                string(Sswan),
	"strongswan-docs-eap.sswan":                 string(Sswan),
	"campus-eap.nmconnection":                   string(NMConnection),
	"algo-nm-key.nmconnection":                  string(NMConnection),
	"swanctl-eap-mschapv2.conf":                 string(SwanctlConf),
	"swanctl-cert.conf":                         string(SwanctlConf),
	"swanctl-ppk.conf":                          string(SwanctlConf),
	"ipsec-eap.conf":                            string(IPsecConf),
	"ipsec-eap.secrets":                         string(IPsecSecrets),
	"algo-ipsec-client.conf":                    string(IPsecConf),
	"ac-ocdaemon-profile.xml":                   "SSL",
	"onc-chromium-l2tp.onc":                     "L2TP",
}

// TestSamples imports every profile of the manifest, or refuses it for the
// right reason.
func TestSamples(t *testing.T) {
	t.Parallel()
	dir := profiletest.Samples(t)
	f, err := os.Open(filepath.Join(dir, "manifest.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, row := range rows[1:] {
		get := func(name string) string { return row[column[name]] }
		t.Run(get("file"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(dir, get("file")))
			if err != nil {
				t.Fatal(err)
			}
			found, err := Import(data)
			if word, refuse := refusals[get("file")]; refuse {
				var e *profile.ImportError
				if !errors.As(err, &e) || !strings.Contains(e.Sentence, word) {
					t.Errorf("%d connections, error %v; want a refusal that says %q", len(found), err, word)
				}
				return
			}
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if len(found) != 1 {
				t.Fatalf("%d connections, want 1", len(found))
			}
			checkSample(t, found[0], get)
		})
	}
}

// checkSample compares a connection with what the manifest says of it.
func checkSample(t *testing.T, im profile.Imported, get func(string) string) {
	p := im.Profile
	server, _, _ := strings.Cut(strings.ReplaceAll(get("server"), " ", ";"), ";")
	identity := strings.TrimPrefix(strings.TrimPrefix(get("remote_id"), "(server name)"), "-")
	if p.Gateway.Address != server || p.Gateway.Identity != identity {
		t.Errorf("gateway %s as %s; want %s as %s", p.Gateway.Address, p.Gateway.Identity, get("server"), get("remote_id"))
	}
	local := get("local_id")
	if local == "(absent)" || local == "''" || local == "-" {
		local = ""
	}
	if p.Client.Identity != local {
		t.Errorf("identity %q, want %q", p.Client.Identity, local)
	}
	if kind := get("kind"); kind == "ProfileXML" || kind == "AnyConnect XML" {
		return
	}
	want := profile.ClientPSK
	switch auth := get("auth"); {
	case strings.Contains(auth, "EAP (password)"):
		want = profile.ClientMSCHAPv2
	case strings.HasPrefix(auth, "Certificate"):
		want = profile.ClientCertificate
	}
	if p.Client.Auth != want {
		t.Errorf("signs in by %s, want %s", p.Client.Auth, want)
	}
	if (want == profile.ClientCertificate) != (im.Secrets.PrivateKey != nil) {
		t.Error("the private key is missing, or there is one too many")
	}
	if strings.Contains(get("auth"), "psk=yes") != (im.Secrets.PSK != nil) {
		t.Error("the shared key is missing, or there is one too many")
	}
	if absent := strings.Contains(get("ike_algs"), "absent"); absent != (len(p.IKE.Proposals) == 0) {
		t.Errorf("proposals %+v for %s", p.IKE.Proposals, get("ike_algs"))
	}
	if p.Child.PFS != strings.Contains(get("child_algs"), "PFS=True") {
		t.Errorf("PFS %v for %s", p.Child.PFS, get("child_algs"))
	}
	if strings.Contains(get("kind"), "SignedData") {
		if p.Origin.SignedBy == "" || p.Origin.SignerTrusted {
			t.Errorf("signed by %q, trusted %v; want a stranger", p.Origin.SignedBy, p.Origin.SignerTrusted)
		}
	}
}
