package locate

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var sixtyFour = []string{"ipv4only.arpa 60 AAAA 2001:db8:64::192.0.0.170", "ipv4only.arpa 60 AAAA 2001:db8:64::192.0.0.171"}

// translate wants these addresses for the gateway's.
func (r *rig) translate(of []netip.Addr, want ...netip.Addr) {
	r.t.Helper()
	got, err := r.Translate(context.Background(), of)
	if !slices.Equal(got, want) || err != nil {
		r.t.Errorf("translated %v to %v, %v; want %v", of, got, err, want)
	}
}

// TestTranslateRFC7050: where there is no way to any address the network's servers are
// asked one question, through a hole that is open only meanwhile; again when its time is
// over, or in another network.
func TestTranslateRFC7050(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.answers(r.zone(true, sixtyFour...))
		both := []netip.Addr{gw4, gw4b}
		r.translate(both)
		r.translate([]netip.Addr{gw6})
		r.noRoute[gw4], r.noRoute[gw4b], r.noRoute[gw6] = true, true, true
		r.translate([]netip.Addr{gw6})
		if asked := r.take(); len(asked) != 0 || r.opened != 0 {
			t.Errorf("asked %v, which nobody needs to know", asked)
		}
		a := netip.MustParseAddr
		r.noRoute[a("10.1.2.3")] = true
		want := []netip.Addr{a("2001:db8:64::203.0.113.1"), a("2001:db8:64::203.0.113.2")}
		r.translate(both, want...)
		if asked := r.take(); len(asked) != 1 || asked[0].kind != dnsmessage.TypeAAAA || asked[0].name != "ipv4only.arpa." || r.opened != 1 {
			t.Errorf("asked %v, %d holes", asked, r.opened)
		}
		r.translate(both, want...)
		if asked := r.take(); len(asked) != 0 {
			t.Errorf("asked %v within the TTL", asked)
		}
		pass(61 * time.Second)
		r.answers(r.zone(true, "ipv4only.arpa 60 AAAA 64:ff9b::192.0.0.170", "ipv4only.arpa 60 AAAA 2001:db8::53"))
		r.translate([]netip.Addr{gw4, a("10.1.2.3")}, a("64:ff9b::203.0.113.1"))
		r.servers = []netip.AddrPort{two}
		r.answers(r.zone(true, "ipv4only.arpa 60 A 192.0.0.170"))
		r.translate(both)
		if asked := r.take(); len(asked) != 2 || asked[1].server != two {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestTranslateWithoutAnswer: silence and an error are no word that there is no
// translator, and take no longer than a name does.
func TestTranslateWithoutAnswer(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.noRoute[gw4] = true
		ask := func() error {
			begun := time.Now()
			got, err := r.Translate(context.Background(), []netip.Addr{gw4})
			if took := time.Since(begun); len(got) != 0 || took > shortTime+pause {
				t.Errorf("%v after %v", got, took)
			}
			return err
		}
		r.answers(func(question, dnsmessage.Message) [][]byte { return nil })
		if ask() == nil {
			t.Error("silence is an answer")
		}
		r.answers(func(_ question, m dnsmessage.Message) [][]byte {
			return [][]byte{r.pack(m, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })}
		})
		if ask() == nil {
			t.Error("a server's failure is an answer")
		}
		r.servers = nil
		if ask() == nil {
			t.Error("a network without servers has answered")
		}
		r.servers = []netip.AddrPort{one}
		r.answers(r.zone(true, sixtyFour...))
		r.translate([]netip.Addr{gw4}, netip.MustParseAddr("2001:db8:64::203.0.113.1"))
		r.take()
	})
}
