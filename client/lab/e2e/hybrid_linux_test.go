package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestHybridProposalBesideOthers offers a gateway that knows nothing of
// additional key exchanges (RFC 9370) a proposal with one, before Homeward's own
// set: it takes one of the others, and rekeys the Child SA with what it knows.
// strongSwan has additional key exchanges from 6.0 on; ike/iketest makes them.
func TestHybridProposalBesideOthers(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.profile(lab.Mobileconfig{Name: anyProfile, EAP: true, CA: [][]byte{r.PKI.CA.DER()}})
	r.store(func(record map[string]any) []map[string]any {
		p := maps.Clone(record["profile"].(map[string]any))
		p["id"], p["name"] = strings.Repeat("7", 32), "hybrid"
		p["ike"] = map[string]any{"proposals": []any{words{encryption: "aes256gcm16", prf: "sha256", group: "x25519-ke1_mlkem768"}.profile()}}
		p["child"] = map[string]any{"proposals": []any{words{encryption: "aes256gcm16", group: "x25519-ke1_mlkem768"}.profile()}}
		copied := maps.Clone(record)
		copied["profile"] = p
		return []map[string]any{copied}
	})
	r.connect("hybrid")
	r.opens(intranet("/"), lab.IntranetGreeting)
	if s := r.status(); strings.Contains(s.IKE.Suite, "ke1_") || s.IKE.Suite == "" {
		t.Errorf("the IKE SA has %q", s.IKE.Suite)
	}
	before := r.theSA()
	if err := r.Gateway.RekeyChild(r.ctx); err != nil {
		t.Error(err)
	}
	if after := r.theSA(); after.child == before.child {
		t.Error("the Child SA was not rekeyed")
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
}
