package ike

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

func selectors(prefixes ...string) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, p := range prefixes {
		out = append(out, wire.SelectorFromPrefix(netip.MustParsePrefix(p)))
	}
	return out
}

// RFC 7296 2.9: a responder may narrow, and nothing else.
func TestCheckNarrowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		offered, answered []wire.TrafficSelector
		ok                bool
	}{
		{"unchanged", selectors("0.0.0.0/0", "::/0"), selectors("0.0.0.0/0", "::/0"), true},
		{"one address", selectors("0.0.0.0/0"), selectors("10.0.0.9/32"), true},
		{"several parts of one", selectors("10.0.0.0/8"), selectors("10.1.0.0/16", "10.9.0.0/24"), true},
		{"one family of two", selectors("0.0.0.0/0", "::/0"), selectors("fd00::/64"), true},
		{"wider", selectors("10.0.0.0/8"), selectors("0.0.0.0/0"), false},
		{"one part outside", selectors("10.0.0.0/8"), selectors("10.0.0.0/24", "192.0.2.0/24"), false},
		{"the other family", selectors("0.0.0.0/0"), selectors("::/0"), false},
		{"nothing", selectors("0.0.0.0/0"), nil, false},
		{"too many", selectors("10.0.0.0/8"), slices.Repeat(selectors("10.0.0.0/24"), maxSelectors+1), false},
		{"of an unknown type", selectors("0.0.0.0/0"), []wire.TrafficSelector{{Raw: "\x09\x00\x00\x08"}}, false},
	} {
		got, err := checkNarrowed(c.offered, &wire.TSPayload{Selectors: c.answered})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.ok && !slices.Equal(got, c.answered) {
			t.Errorf("%s: kept %v", c.name, got)
		}
	}
	if _, err := checkNarrowed(selectors("0.0.0.0/0"), nil); err == nil {
		t.Error("no payload is taken for selectors")
	}
	_, err := checkNarrowed(selectors("10.0.0.0/8"), &wire.TSPayload{Selectors: selectors("0.0.0.0/0")})
	if !errors.Is(err, errNarrowing) {
		t.Errorf("wider selectors give %v", err)
	}
}

// RFC 7296 2.9.2: at a peer's rekey the selectors in use stay, if its offer covers
// them all.
func TestNarrow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                 string
		inUse, offered, want []wire.TrafficSelector
	}{
		{"all covered", selectors("10.0.0.9/32"), selectors("0.0.0.0/0"), selectors("10.0.0.9/32")},
		{"two in one offer each", selectors("10.0.0.0/24", "fd00::/64"), selectors("::/0", "0.0.0.0/0"), selectors("10.0.0.0/24", "fd00::/64")},
		{"one of two", selectors("10.0.0.0/24", "fd00::/64"), selectors("0.0.0.0/0"), nil},
		{"covered in part only", selectors("10.0.0.0/24"), selectors("10.0.0.0/25"), nil},
		{"none", selectors("10.0.0.0/24"), nil, nil},
	} {
		if got := narrow(c.inUse, c.offered); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// An answer outside what was asked for ends the attempt, after an orderly Delete.
func TestSelectorsOutsideOffer(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.RemoteTS = selectors("10.0.0.0/8")
	p := newScript(t, cfg)
	p.toAuth()
	ps := p.authReply()
	ps[len(ps)-1] = &wire.TSPayload{Responder: true, Selectors: selectors("0.0.0.0/0")}
	err := p.reply(ps...)
	_, farewell := p.open(p.last())
	if d, ok := wire.Find[*wire.DeletePayload](farewell); !ok || d.Protocol != wire.ProtocolIKE {
		t.Errorf("no Delete of the IKE SA, but %s", wire.Describe(farewell))
	}
	wantFatal(t, p, err, CauseSelectors)
}
