package formats

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
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
	"strongswan-docs-cert.sswan":                "local.p12",
	"strongswan-docs-eap.sswan":                 "remote.cert",
	"ipsec-eap.secrets":                         "open the ipsec.conf",
	"ac-ocdaemon-profile.xml":                   "SSL",
	"swanctl-ppk.conf":                          "RFC 8784",
	"onc-chromium-l2tp.onc":                     "L2TP",
}

// password is what opens the PKCS#12 file of the samples that do not say it.
func password(t *testing.T) []byte {
	text := string(profiletest.Sample(t, "algo-testuser1.mobileconfig"))
	_, rest, _ := strings.Cut(text, "<key>Password</key>")
	_, rest, _ = strings.Cut(rest, "<string>")
	word, _, ok := strings.Cut(rest, "</string>")
	if !ok {
		t.Fatal("no password in the sample")
	}
	return []byte(word)
}

// row is one line of the manifest.
type row map[string]string

func manifest(t *testing.T) (rows []row) {
	f, err := os.Open(filepath.Join(profiletest.Samples(t), "manifest.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	lines, err := r.ReadAll()
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		out := row{}
		for i, name := range lines[0] {
			out[name] = line[i]
		}
		rows = append(rows, out)
	}
	return rows
}

// TestSamples imports every profile of the manifest, or refuses it for the
// right reason.
func TestSamples(t *testing.T) {
	t.Parallel()
	rows, seen := manifest(t), map[string]bool{}
	word := password(t)
	for _, r := range rows {
		seen[r["file"]] = true
		t.Run(r["file"], func(t *testing.T) {
			t.Parallel()
			found, err := ImportWith(profiletest.Sample(t, r["file"]), profile.ImportOptions{
				ReadFile:    profile.FilesBeside(profiletest.Samples(t)),
				AskPassword: func(string, int) ([]byte, error) { return slices.Clone(word), nil },
			})
			if word, refuse := refusals[r["file"]]; refuse {
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
			profiletest.Check(t, found)
			checkSample(t, found[0], r)
		})
	}
	files, err := os.ReadDir(profiletest.Samples(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := f.Name(); !seen[name] && name != "README.md" && name != "manifest.tsv" {
			t.Errorf("the manifest does not say what %s is", name)
		}
	}
}

// nothing are the ways in which the manifest says that there is nothing.
var nothing = regexp.MustCompile(`^(-|\(.*\)|''|default \(.*\))$`)

func (r row) value(name string) string {
	if nothing.MatchString(r[name]) {
		return ""
	}
	return r[name]
}

// checkSample compares a connection with what the manifest says of it.
func checkSample(t *testing.T, im profile.Imported, r row) {
	p := im.Profile
	server, _, _ := strings.Cut(strings.ReplaceAll(r["server"], " (", ";"), ";")
	if p.Gateway.Address != server || p.Gateway.Identity != r.value("remote_id") {
		t.Errorf("gateway %s as %q; want %s as %q", p.Gateway.Address, p.Gateway.Identity, server, r.value("remote_id"))
	}
	if want := r.value("local_id"); p.Client.Identity != want {
		t.Errorf("identity %q, want %q", p.Client.Identity, want)
	}
	if want := r.value("username"); p.Client.Username != want {
		t.Errorf("user %q, want %q", p.Client.Username, want)
	}
	wantAuth, wantKey := authOf(r)
	if p.Client.Auth != wantAuth {
		t.Errorf("signs in by %s, want %s", p.Client.Auth, wantAuth)
	}
	if wantKey != (im.Secrets.PrivateKey != nil) {
		t.Error("the private key is missing, or there is one too many")
	}
	if strings.Contains(r["auth"], "psk=yes") != (im.Secrets.PSK != nil) {
		t.Error("the shared key is missing, or there is one too many")
	}
	checkAlgorithms(t, p, r)
	checkByItself(t, p, r)
	if strings.Contains(r["kind"], "SignedData") && (p.Origin.SignedBy == "" || p.Origin.SignerTrusted) {
		t.Errorf("signed by %q, trusted %v; want a stranger", p.Origin.SignedBy, p.Origin.SignerTrusted)
	}
}

// authOf reads the manifest's words for how the employee signs in, and whether the
// key is in the file or beside it.
func authOf(r row) (auth profile.ClientAuth, key bool) {
	words := r["auth"]
	switch {
	case strings.Contains(words, "eap types=25"):
		return profile.ClientEAP, false
	case strings.Contains(words, "EAP (password)"), strings.HasPrefix(words, "eap "), words == "method=eap", words == "ikev2-eap",
		strings.Contains(words, "EAP-AnyConnect"), strings.Contains(words, "EAP-MSCHAPv2"), strings.Contains(words, "user=EAP"):
		return profile.ClientMSCHAPv2, false
	case strings.HasPrefix(words, "Certificate"), strings.HasPrefix(words, "ikev2-cert"):
		return profile.ClientCertificate, true
	case strings.HasPrefix(words, "pubkey"), strings.Contains(words, "machine=Certificate"), words == "method=key":
		return profile.ClientCertificate, false
	}
	return profile.ClientPSK, false
}

// algorithms are the names of the manifest's Apple and Windows profiles.
var algorithms = map[string]string{
	"AES-256-GCM": "aes256gcm16", "AES-128": "aes128", "3DES": "3des", "SHA2-256": "sha256", "SHA2-384": "sha384", "SHA2-512": "sha512", "SHA1-96": "sha1", "dflt": "sha256",
	"DH14": "modp2048", "DH19": "ecp256", "DH20": "ecp384", "DH21": "ecp521", "AES_GCM_128": "aes128gcm16", "SHA256": "sha256", "Group14": "modp2048", "GCMAES128": "aes128gcm16", "ECP256": "ecp256",
}

// checkAlgorithms compares what is offered with encryption/integrity/group/minutes,
// or with strongSwan's text.
func checkAlgorithms(t *testing.T, p profile.Profile, r row) {
	ike, _, _ := strings.Cut(r.value("ike_algs"), " PFS")
	child, pfs, _ := strings.Cut(r["child_algs"], " PFS")
	if nothing.MatchString(child) {
		child = ""
	}
	if want := strings.HasPrefix(pfs, "=True"); pfs != "" && p.Child.PFS != want {
		t.Errorf("PFS %v for %s", p.Child.PFS, r["child_algs"])
	}
	if !strings.Contains(ike, "/") {
		want := proposal.Parse(ike, proposal.IKE).Proposals
		wantChild := proposal.Parse(child, proposal.ESP).Proposals
		if fmt.Sprint(p.IKE.Proposals) != fmt.Sprint(want) || fmt.Sprint(p.Child.Proposals) != fmt.Sprint(wantChild) {
			t.Errorf("offers %v and %v, want %v and %v", p.IKE.Proposals, p.Child.Proposals, want, wantChild)
		}
		return
	}
	parts := strings.Split(ike, "/")
	want := profile.Proposal{Encryption: algorithms[parts[0]], PRF: algorithms[parts[1]], Group: algorithms[parts[2]]}
	if strings.Contains(r["ike_algs"], "PQ[36, 37]") {
		want.Group += "-ke1_mlkem768-ke1_none-ke2_mlkem1024-ke2_none"
	}
	if len(p.IKE.Proposals) != 1 || p.IKE.Proposals[0] != want {
		t.Errorf("offers %+v, want %+v", p.IKE.Proposals, want)
	}
	parts = strings.Split(child, "/")
	if len(p.Child.Proposals) != 1 || p.Child.Proposals[0].Encryption != algorithms[parts[0]] {
		t.Errorf("offers %+v, want %s", p.Child.Proposals, child)
	}
	if minutes := regexp.MustCompile(`(\d+)min`).FindStringSubmatch(ike); minutes != nil {
		want, err := time.ParseDuration(minutes[1] + "m")
		if err != nil || time.Duration(p.IKE.Lifetime) != want {
			t.Errorf("lifetime %v for %s", time.Duration(p.IKE.Lifetime), ike)
		}
	}
}

// checkByItself compares when the line comes by itself.
func checkByItself(t *testing.T, p profile.Profile, r row) {
	words, want := r["on_demand"], profile.WhenNever
	switch {
	case strings.HasPrefix(words, "enabled=1"):
		want = profile.WhenRules
	case strings.Contains(words, "AlwaysOn=true") && strings.Contains(words, "DeviceTunnel=true"):
		want = profile.WhenBoot
	case strings.Contains(words, "AlwaysOn=true"):
		want = profile.WhenLogin
	case r["file"] == "ac-two-hosts.xml": // AutoConnectOnStart, of which the manifest does not speak
		want = profile.WhenLogin
	}
	if p.OnDemand.When != want {
		t.Errorf("comes by itself %q, want %q for %s", p.OnDemand.When, want, words)
	}
	if p.OnDemand.When != profile.WhenNever && strings.Contains(words, "TND=") {
		_, domain, _ := strings.Cut(words, "TND=")
		domain, _, _ = strings.Cut(domain, " ")
		if len(p.OnDemand.Rules) != 1 || p.OnDemand.Rules[0].Action != profile.RuleDisconnect || !slices.Equal(p.OnDemand.Rules[0].DNSDomains, []string{domain}) {
			t.Errorf("trusts %+v, want %s", p.OnDemand.Rules, domain)
		}
	}
	if strings.Contains(words, "routing=SplitTunnel") && p.Traffic.Full {
		t.Error("everything goes through the tunnel")
	}
}
