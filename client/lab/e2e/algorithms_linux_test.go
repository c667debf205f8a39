package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// algorithmCase is a profile that insists on one algorithm of each kind.
type algorithmCase struct {
	name     string
	ike, esp words
	legacy   bool
	warns    bool // the status has a warning
}

// words are a proposal in the profile's keywords.
type words struct{ encryption, integrity, prf, group string }

// profile is the proposal as the store has it.
func (w words) profile() map[string]any {
	p := map[string]any{}
	for k, v := range map[string]string{"encryption": w.encryption, "integrity": w.integrity, "prf": w.prf, "group": w.group} {
		if v != "" {
			p[k] = v
		}
	}
	return p
}

// strongSwan is the proposal in strongSwan's words, which are our own but for
// the PRF.
func (w words) strongSwan() string {
	list := []string{w.encryption, w.integrity, w.group}
	if w.prf != "" {
		list = append(list, "prf"+w.prf)
	}
	return strings.Join(slices.DeleteFunc(list, func(word string) bool { return word == "" }), "-")
}

// notHere are the algorithms that strongSwan 5.9.8 with kernel-libipsec does not
// have; ike/iketest and the ESP tests speak them.
var notHere = map[string]string{
	"mlkem768":   "strongSwan has ML-KEM from 6.0 on",
	"mlkem1024":  "strongSwan has ML-KEM from 6.0 on",
	"aes128gmac": "kernel-libipsec has no cipher for AES-GMAC",
	"aes192gmac": "kernel-libipsec has no cipher for AES-GMAC",
	"aes256gmac": "kernel-libipsec has no cipher for AES-GMAC",
}

// algorithmCases makes one case of every keyword, with good company. An
// encryption that both kinds of SA may have is tried in both at once.
func algorithmCases(t *testing.T) []algorithmCase {
	var cases []algorithmCase
	for _, k := range suite.Keywords() {
		if reason := notHere[k.Word]; reason != "" {
			t.Logf("not tried: %s: %s", k.Word, reason)
			continue
		}
		c := algorithmCase{
			name: k.Kind + " " + k.Word, legacy: k.Legacy, warns: k.Legacy || k.ESPOnly,
			ike: words{encryption: "aes128gcm16", prf: "sha256", group: "x25519"},
			esp: words{encryption: "aes128gcm16"},
		}
		switch k.Kind {
		case "encryption":
			integrity := ""
			if !k.AEAD {
				integrity = "sha256"
			}
			c.esp.encryption, c.esp.integrity = k.Word, integrity
			if !k.ESPOnly {
				c.ike.encryption, c.ike.integrity = k.Word, integrity
			}
		case "integrity":
			c.ike.encryption, c.ike.integrity = "aes256", k.Word
			c.esp.encryption, c.esp.integrity = "aes256", k.Word
		case "prf":
			c.ike.prf = k.Word
		case "group":
			c.ike.group, c.esp.group = k.Word, k.Word
		default:
			t.Fatalf("a keyword of a kind that is not known: %+v", k)
		}
		cases = append(cases, c)
	}
	return cases
}

// TestEveryAlgorithm makes one connection for every algorithm that both ends
// have, from a profile that insists on it to a gateway that has nothing else, and
// opens a page through it. A group is used for the Child SA's rekey too.
func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.profile(lab.Mobileconfig{Name: anyProfile, EAP: true, CA: [][]byte{r.PKI.CA.DER()}})
	cases := algorithmCases(t)
	r.copies(cases)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			own := *r
			own.t = t
			own.insist(c)
		})
	}
}

// copies stores a copy of the one stored profile for each case.
func (r *rig) copies(cases []algorithmCase) {
	r.t.Helper()
	number := 0
	r.store(func(record map[string]any) []map[string]any {
		var out []map[string]any
		for _, c := range cases {
			number++
			p := maps.Clone(record["profile"].(map[string]any))
			p["id"], p["name"] = fmt.Sprintf("%032x", number), c.name
			p["ike"] = map[string]any{"proposals": []any{c.ike.profile()}, "strict": true, "legacy": c.legacy}
			p["child"] = map[string]any{"proposals": []any{c.esp.profile()}, "strict": true, "legacy": c.legacy}
			copied := maps.Clone(record)
			copied["profile"] = p
			out = append(out, copied)
		}
		return out
	})
}

// store adds to the profiles, while the service is not running, what is made of
// the one that is there.
func (r *rig) store(more func(record map[string]any) []map[string]any) {
	r.t.Helper()
	if err := r.Homeward.Stop(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(r.StateDir, "profiles", "*.json"))
	if err != nil || len(files) != 1 {
		r.t.Fatalf("the store holds %q (%v), want one profile", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		r.t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(b, &record); err != nil {
		r.t.Fatal(err)
	}
	for _, m := range more(record) {
		if b, err = json.Marshal(m); err != nil {
			r.t.Fatal(err)
		}
		path := filepath.Join(filepath.Dir(files[0]), m["profile"].(map[string]any)["id"].(string)+".json")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.Homeward.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// insist connects with the case's profile to a gateway of one mind with it.
func (r *rig) insist(c algorithmCase) {
	r.t.Helper()
	if err := r.Gateway.Reload(r.ctx, lab.GatewayOptions{IKEProposals: c.ike.strongSwan(), ESPProposals: c.esp.strongSwan()}); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.ctl("", "disconnect") })
	r.connect(c.name)
	r.opens(intranet("/"), lab.IntranetGreeting)
	s := r.status()
	for _, word := range []string{c.ike.encryption, c.ike.integrity, c.ike.group} {
		if !strings.Contains(s.IKE.Suite, word) {
			r.t.Errorf("the IKE SA has %s, want %+v", s.IKE.Suite, c.ike)
		}
	}
	if !strings.Contains(s.IKE.Suite, "prf"+c.ike.prf) || !strings.HasPrefix(s.ESP.Suite, c.esp.encryption) || !strings.Contains(s.ESP.Suite, c.esp.integrity) {
		r.t.Errorf("the SAs have %s and %s, want %+v and %+v", s.IKE.Suite, s.ESP.Suite, c.ike, c.esp)
	}
	if warned := len(s.Warnings) > 0; warned != c.warns {
		r.t.Errorf("warnings = %q, want one: %t", s.Warnings, c.warns)
	}
	if c.esp.group != "" {
		before := r.theSA()
		if err := r.Gateway.RekeyChild(r.ctx); err != nil {
			r.t.Error("rekeying with the group: ", err)
		}
		if after := r.theSA(); after.child == before.child {
			r.t.Error("the Child SA was not rekeyed")
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
	}
}
