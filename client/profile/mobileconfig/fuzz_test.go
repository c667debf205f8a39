package mobileconfig

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"howett.net/plist"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// FuzzParse feeds whole files. Whatever comes in, the answer is an ImportError
// or profiles that are valid.
func FuzzParse(f *testing.F) {
	client := issue(f, issueOptions{name: "alice"})
	f.Add([]byte(declaration + office))
	for _, v := range []dict{
		configuration(vpnPayload(ikeEAP(nil), dict{"DNS": dict{"SearchDomains": list{"a.example"}}, "IPv4": dict{"OverridePrimary": 1}})),
		configuration(vpnPayload(ikeCertificate(nil), nil), identityPayload(p12(f, pkcs12.LegacyRC2, client, "pw"), dict{"Password": "pw"})),
		configuration(vpnPayload(ikeEAP(dict{ikeParameters: sa("3DES", "SHA1-96", 2)}), nil), certPayload(typeRoot, client.cert.Raw, nil)),
	} {
		f.Add(marshal(f, v, plist.XMLFormat))
		f.Add(marshal(f, v, plist.BinaryFormat))
	}
	s := newSigner(f, issueOptions{})
	f.Add(indefinite(f, s.sign(f, []byte(office), time.Time{})))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := ParseWith(data, profile.ImportOptions{Now: now})
		var e *profile.ImportError
		if err != nil {
			if !errors.As(err, &e) || e.Sentence == "" {
				t.Fatalf("error %v of type %T", err, err)
			}
			if profile.CleanText(e.Sentence, 1<<20) != e.Sentence {
				t.Fatalf("the sentence %q cannot be shown", e.Sentence)
			}
			return
		}
		for _, im := range found {
			if err := im.Profile.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzPlist feeds both encodings of property lists.
func FuzzPlist(f *testing.F) {
	f.Add([]byte(office))
	f.Add(bplist(0, []byte{0xD1, 0x01, 0x02}, []byte{0x51, 'k'}, []byte{0xA1, 0x01}))
	f.Add(marshal(f, dict{"a": list{1, 2.5, true, now, "ü", []byte{1}}}, plist.BinaryFormat))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parsePlist(data)
		if (v == nil) == (err == nil) {
			t.Fatalf("value %v, error %v", v, err)
		}
	})
}

// FuzzSignature feeds what stands around a signed profile.
func FuzzSignature(f *testing.F) {
	s := newSigner(f, issueOptions{})
	f.Add(s.sign(f, []byte(office), time.Time{}))
	f.Add([]byte("MIME-Version: 1.0\nContent-Type: application/pkcs7-mime\n\nMIAG"))
	f.Add([]byte("-----BEGIN PKCS7-----\nMIAG\n-----END PKCS7-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		content, _, err := unwrap(data, profile.ImportOptions{Now: now, Roots: s.roots()})
		if err == nil && content == nil && len(data) > 0 {
			t.Fatal("neither content nor error")
		}
	})
}

// TestSeedsFromSamples runs the cut-off pieces of real files, which a corpus
// of our own would not have.
func TestSeedsFromSamples(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"synth-binary.mobileconfig", "synth-signed-ber.mobileconfig", "hwdsl2-vpnclient.mobileconfig"} {
		data, err := os.ReadFile(filepath.Join(profiletest.Samples(t), name))
		if err != nil {
			t.Fatal(err)
		}
		end := len(bytes.TrimRight(data, "\r\n"))
		for n := 0; n < end; n += 97 {
			if _, err := Parse(data[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes passed for the whole", name, n, len(data))
			}
		}
	}
}
