package profile

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// TestFields: every field of a full profile has a path of its own, and nothing that
// belongs to one machine is among them.
func TestFields(t *testing.T) {
	t.Parallel()
	p := full(t)
	seen := map[string]bool{}
	for _, f := range Fields(p) {
		if seen[f.Path] || f.Text() == "" || strings.HasPrefix(f.Path, "origin") || f.Path == "id" || f.Path == "version" {
			t.Errorf("%s: %q", f.Path, f.Text())
		}
		seen[f.Path] = true
	}
	for _, path := range []string{"name", "gateway.address", "gateway.anchors", "client.auth", "ike.proposals[0].encryption", "dns.servers"} {
		if !seen[path] {
			t.Errorf("no %s among %v", path, seen)
		}
	}
	q := *p
	q.ID, q.Origin = NewID(), Origin{Format: "other"}
	if d := Differences(p, &q); d != nil {
		t.Errorf("%+v", d)
	}
}

// TestLosses: what a reader of an exported file does not understand is told, with
// what that means.
func TestLosses(t *testing.T) {
	t.Parallel()
	before := &Profile{
		Name: "Office", Gateway: Gateway{Address: "vpn.example.com", Port: 4500, Auth: GatewayCertificate, Revocation: RevocationStrict, Pins: []string{"a", "b"}},
		Traffic: Traffic{Full: true, Exclude: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		IKE:     SA{Proposals: []Proposal{{Encryption: "aes256"}, {Encryption: "aes128"}}},
	}
	after := &Profile{
		Name: "Office", Gateway: Gateway{Address: "vpn.example.com", Port: 500, Auth: GatewayCertificate, Revocation: RevocationRelaxed},
		Traffic: Traffic{Full: true}, IKE: SA{Proposals: []Proposal{{Encryption: "aes256"}}}, DNS: DNS{AcceptPushed: true},
	}
	want := []Line{
		{Path: "name", Value: "Office", Verdict: Honoured},
		{Path: "gateway.address", Value: "vpn.example.com", Verdict: Honoured},
		{Path: "gateway.port", Value: "4500", Verdict: Approximated, Note: "a reader of the file takes it as 500"},
		{Path: "gateway.auth", Value: "certificate", Verdict: Honoured},
		{Path: "gateway.pins", Value: "a b", Verdict: Refused, Note: "the format has no place for it", Lowers: true},
		{Path: "gateway.revocation", Value: "strict", Verdict: Refused, Note: "the format has no place for it"},
		{Path: "ike.proposals[0].encryption", Value: "aes256", Verdict: Honoured},
		{Path: "ike.proposals[1].encryption", Value: "aes128", Verdict: Refused, Note: "only one"},
		{Path: "traffic.full", Value: "true", Verdict: Honoured},
		{Path: "traffic.exclude", Value: "10.0.0.0/8", Verdict: Refused, Note: "the format has no place for it"},
		{Path: "dns.accept_pushed", Value: "true", Verdict: Approximated, Note: "the profile does not say it, and a reader of the file understands it so"},
	}
	got := Losses(before, after, map[string]string{"ike.proposals[]": "only one", "nothing": ""}, "gateway.pins", "traffic.exc")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
