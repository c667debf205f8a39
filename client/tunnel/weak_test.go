package tunnel

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// TestKeywordsAgree: the words of a profile are those of the core, and each cipher
// and integrity algorithm of the core has its counterpart in the data plane.
func TestKeywordsAgree(t *testing.T) {
	t.Parallel()
	words := map[string][]string{}
	for _, k := range suite.Keywords() {
		if strings.HasPrefix(k.Word, "mlkem") {
			continue // an additional key exchange, never the only one
		}
		words[k.Kind] = append(words[k.Kind], k.Word)
		if k.Legacy != profile.LegacyKeyword(k.Word) {
			t.Errorf("%s %s: legacy is %t to the core", k.Kind, k.Word, k.Legacy)
		}
		enc, integ := "aes256", "sha256"
		switch k.Kind {
		case "encryption":
			if enc = k.Word; k.AEAD {
				integ = ""
			}
		case "integrity":
			integ = k.Word
		default:
			continue
		}
		p, err := suite.ParseESP(enc, integ, "")
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := espSuite(p)
		if err != nil {
			t.Errorf("%s: %v", k.Word, err)
			continue
		}
		keys, err := suite.DeriveChild(suite.Proposal{PRF: []uint16{suite.PRF_HMAC_SHA2_256}}, []byte("d"), nil, nil, nil, p)
		if err != nil {
			t.Fatal(err)
		}
		cfg.SPI, cfg.Key, cfg.IntegrityKey = 0x1000, keys.InitiatorEncryption, keys.InitiatorIntegrity
		cfg.Source, cfg.Destination = selectors(remote("0.0.0.0/0")), selectors(remote("0.0.0.0/0"))
		if _, err := esp.NewOutbound(cfg); err != nil {
			t.Errorf("%s: %v", k.Word, err)
		}
	}
	for kind, want := range map[string][]string{
		"encryption": profile.EncryptionKeywords(), "integrity": profile.HashKeywords(),
		"prf": profile.HashKeywords(), "group": profile.GroupKeywords(),
	} {
		slices.Sort(words[kind])
		if !slices.Equal(words[kind], want) {
			t.Errorf("%s: the core has %q, a profile %q", kind, words[kind], want)
		}
	}
}

// legacySets are a profile's wish for what is no longer safe.
func legacySets(p *profile.Profile) {
	p.IKE = profile.SA{Legacy: true, Proposals: []profile.Proposal{
		{Encryption: "3des", Integrity: "sha1", PRF: "sha1", Group: "modp1024"},
		{Encryption: "aes128", Integrity: "sha256", PRF: "sha256", Group: "modp2048"},
	}}
	p.Child = profile.SA{Legacy: true, Proposals: []profile.Proposal{{Encryption: "3des", Integrity: "sha1"}}}
}

// TestLegacyComesLast: a gateway that has something better takes that, whatever
// the order in the profile.
func TestLegacyComesLast(t *testing.T) {
	t.Parallel()
	var p profile.Profile
	legacySets(&p)
	ps, err := proposals(p.IKE, true)
	if err != nil {
		t.Fatal(err)
	}
	last := len(ps) - 1
	if ps[0].Keyword() != "aes128-sha256-prfsha256-modp2048" || ps[last].Keyword() != "3des-sha1-prfsha1-modp1024" || last != 1+len(suite.DefaultIKE()) {
		t.Errorf("%v", ps)
	}
	p.IKE.Strict = true
	if ps, err = proposals(p.IKE, true); err != nil || len(ps) != 2 || ps[1].Weak() == nil {
		t.Errorf("%v, %v", ps, err)
	}
}

// TestLegacyLineWarns: a line with algorithms that are no longer safe says so in
// its status, one sentence for each SA, and a good one says nothing.
func TestLegacyLineWarns(t *testing.T) {
	t.Parallel()
	for _, onlyLegacy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, func(r *iketest.ResponderConfig) {
				if onlyLegacy {
					r.IKE, r.ESP = onlySuites(t)
				}
			})
			cfg := o.config()
			legacySets(cfg.Profile)
			r := run(t, cfg)
			up := r.up()
			exchange(t, o)
			got := slices.Concat(up.Info.IKEWarnings, up.Info.ESPWarnings)
			if !onlyLegacy {
				if got != nil {
					t.Errorf("%q", got)
				}
				r.stop()
				return
			}
			want := []string{
				"The connection to the gateway uses 3DES, HMAC-SHA-1, HMAC-SHA-1-96 and the 1024-bit group 2: the profile allows that, but it is no longer safe; ask your administrator for a gateway that does without it.",
				"This line uses 3DES and HMAC-SHA-1-96: the profile allows that, but it is no longer safe; ask your administrator for a gateway that does without it.",
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
			r.stop()
		})
	}
}

func onlySuites(t *testing.T) (ike, child []suite.Proposal) {
	t.Helper()
	i, err := suite.ParseIKE("3des", "sha1", "sha1", "modp1024")
	if err != nil {
		t.Fatal(err)
	}
	c, err := suite.ParseESP("3des", "sha1", "")
	if err != nil {
		t.Fatal(err)
	}
	return []suite.Proposal{i}, []suite.Proposal{c}
}

// TestReadableLineWarns: a line that does not encrypt says that.
func TestReadableLineWarns(t *testing.T) {
	t.Parallel()
	p, err := suite.ParseESP("null", "sha256", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := warnings("This line", p); len(got) != 1 || !strings.Contains(got[0], "does not encrypt") {
		t.Errorf("%q", got)
	}
}
