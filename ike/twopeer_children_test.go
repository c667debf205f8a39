package ike_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func nets(prefixes ...string) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, p := range prefixes {
		out = append(out, wire.SelectorFromPrefix(netip.MustParsePrefix(p)))
	}
	return out
}

// protects makes a gateway of three networks with a way to deal with them.
func protects(n iketest.Narrowing) iketest.PairConfig {
	return iketest.PairConfig{
		Conditions: iketest.Conditions{Delay: 20 * time.Millisecond},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Narrowing, r.LocalTS = n, nets("10.1.0.0/16", "10.2.0.0/16", "192.168.7.0/24")
		},
	}
}

// asking makes a client that wants a list of networks.
func asking(prefixes ...string) iketest.PairConfig {
	return iketest.PairConfig{Client: func(c *ike.Config) { c.RemoteTS = nets(prefixes...) }}
}

// mustCarry wants exactly these networks, each in a Child SA of its own.
func mustCarry(t *testing.T, p *iketest.Pair, prefixes ...string) {
	t.Helper()
	var got, want []string
	for _, sa := range p.Carriers() {
		got = append(got, fmt.Sprint(sa.RemoteTS))
	}
	for _, n := range prefixes {
		want = append(want, fmt.Sprint(nets(n)))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("carried %v, want %v", got, want)
	}
}

// carrier is the client's Child SA for a network.
func carrier(t *testing.T, p *iketest.Pair, prefix string) *iketest.ClientSA {
	t.Helper()
	for _, sa := range p.Carriers() {
		if slices.Equal(sa.RemoteTS, nets(prefix)) {
			return sa
		}
	}
	t.Fatalf("nothing carries %s", prefix)
	return nil
}

func refusedChildren(p *iketest.Pair) (out []ike.ChildRefused) {
	for _, e := range p.Events {
		if r, ok := e.(ike.ChildRefused); ok {
			out = append(out, r)
		}
	}
	return out
}

// RFC 7296 2.9: a gateway that narrows selectors one by one is asked for the rest.
//
//	--> IKE_AUTH { SA, TSi, TSr(everything) }  <-- IKE_AUTH { SA, TSi, TSr(a), N(ADDITIONAL_TS_POSSIBLE) }
//	--> CREATE_CHILD_SA { SA, Ni, KE, TSi, TSr(everything but a) }  <-- ... TSr(b), N(ADDITIONAL_TS_POSSIBLE)
func TestTwoPeerNarrowedOneByOne(t *testing.T) {
	t.Parallel()
	all := []string{"10.1.0.0/16", "10.2.0.0/16", "192.168.7.0/24"}
	for name, c := range map[string]struct {
		pair    iketest.PairConfig
		carried []string
		asked   int // CREATE_CHILD_SA
	}{
		"everything, and told of more":          {protects(iketest.NarrowTelling), all, 2},
		"everything, and not told":              {protects(iketest.NarrowToOne), all[:1], 0},
		"a list, and not told":                  {both(protects(iketest.NarrowToOne), asking(all...)), all, 2},
		"a list, and told":                      {both(protects(iketest.NarrowTelling), asking(all...)), all, 2},
		"a list, pair by pair":                  {both(protects(iketest.NarrowByPairs), asking(all...)), all, 3},
		"a list of which one is not there":      {both(protects(iketest.NarrowToOne), asking("10.1.0.0/16", "10.9.0.0/16", "10.2.0.0/16")), all[:2], 2},
		"after a childless start":               {both(protects(iketest.NarrowTelling), childless(ike.ChildlessRequired, iketest.ChildlessOffered)), all, 3},
		"pair by pair after a childless start":  {both(both(protects(iketest.NarrowByPairs), asking(all...)), childless(ike.ChildlessRequired, iketest.ChildlessOffered)), all, 4},
		"no more than one wanted by the client": {both(protects(iketest.NarrowTelling), iketest.PairConfig{Client: func(c *ike.Config) { c.MaxChildren = 1 }}), all[:1], 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, c.pair)
			mustSettle(t, p, 10*time.Second, len(c.carried))
			mustCarry(t, p, c.carried...)
			if n := p.Gateway.Received[wire.ExchangeCreateChildSA]; n != c.asked {
				t.Errorf("%d CREATE_CHILD_SA, want %d", n, c.asked)
			}
		})
	}
}

// RFC 7296 2.9: one address family for each Child SA, as some gateways have it.
func TestTwoPeerOneFamilyForEachChild(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.RequestIPv6 = true
			c.LocalTS = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
			c.RemoteTS = c.LocalTS
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Addresses = []netip.Prefix{netip.MustParsePrefix("10.99.0.5/32"), netip.MustParsePrefix("2001:db8:99::5/64")}
			r.Narrowing = iketest.NarrowToOne
		},
	})
	mustSettle(t, p, 10*time.Second, 2)
	mustCarry(t, p, "0.0.0.0/0", "::/0")
	if six := carrier(t, p, "::/0"); six.LocalTS[0].Start != netip.MustParseAddr("2001:db8:99::5") || six.LocalTS[0].End != six.LocalTS[0].Start {
		t.Errorf("our selectors %v", six.LocalTS)
	}
}

// RFC 7296 1.3: a gateway that has enough says so, and that is that.
//
//	--> CREATE_CHILD_SA { SA, Ni, KE, TSi, TSr }  <-- CREATE_CHILD_SA { N(NO_ADDITIONAL_SAS) }
func TestTwoPeerNoAdditionalSAs(t *testing.T) {
	t.Parallel()
	c := protects(iketest.NarrowTelling)
	inner := c.Gateway
	c.Gateway = func(r *iketest.ResponderConfig) {
		inner(r)
		r.MaxChildren = 2
	}
	p := connected(t, c)
	mustSettle(t, p, time.Minute, 2)
	mustCarry(t, p, "10.1.0.0/16", "10.2.0.0/16")
	told := refusedChildren(p)
	if len(told) != 1 || told[0].Notify != wire.NotifyNoAdditionalSAs {
		t.Errorf("told %v", told)
	}
	// What stands is rekeyed all the same, and nothing more is asked for.
	before := p.Gateway.Received[wire.ExchangeCreateChildSA]
	if err := p.Do(ike.RekeyChild{InboundSPI: carrier(t, p, "10.1.0.0/16").InboundSPI}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, time.Minute, 2)
	if n := p.Gateway.Received[wire.ExchangeCreateChildSA] - before; n != 1 {
		t.Errorf("%d exchanges for one rekey", n)
	}
}

// RFC 7296 2.9: how many Child SAs a gateway may lead us on to is bounded.
func TestTwoPeerChildrenAreBounded(t *testing.T) {
	t.Parallel()
	c := protects(iketest.NarrowTelling)
	c.Gateway = func(r *iketest.ResponderConfig) {
		r.Narrowing = iketest.NarrowTelling
		for i := range 40 {
			r.LocalTS = append(r.LocalTS, wire.SelectorFromPrefix(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(2 * i), 0, 0}), 16)))
		}
	}
	p := connected(t, c)
	mustSettle(t, p, time.Minute, 16)
	if n := p.Gateway.Received[wire.ExchangeCreateChildSA]; n != 15 {
		t.Errorf("%d CREATE_CHILD_SA, want 15", n)
	}
	if err := p.Do(ike.CreateChild{RemoteTS: nets("172.16.0.0/12")}); !errors.Is(err, ike.ErrTooManyChildren) {
		t.Errorf("CreateChild: %v", err)
	}
}

// RFC 7296 1.3.1, scenario 33: the owner asks for one more; a duplicate of what
// stands, or is asked for, is not initiated.
func TestTwoPeerCreateChildNeverADuplicate(t *testing.T) {
	t.Parallel()
	p := connected(t, both(protects(iketest.NarrowAtOnce), asking("10.1.0.0/16")))
	mustCarry(t, p, "10.1.0.0/16")
	for _, remote := range [][]wire.TrafficSelector{nil, nets("10.1.0.0/16"), nets("10.1.2.0/24")} {
		if err := p.Do(ike.CreateChild{RemoteTS: remote}); !errors.Is(err, ike.ErrCarried) {
			t.Errorf("%v: %v, want ErrCarried", remote, err)
		}
	}
	if err := p.Do(ike.CreateChild{RemoteTS: nets("2001:db8::/32")}); !errors.Is(err, ike.ErrNoSelectors) {
		t.Errorf("without an address of the family: %v", err)
	}
	if err := p.Do(ike.CreateChild{RemoteTS: nets("10.2.0.0/16")}); err != nil {
		t.Fatal(err)
	}
	if err := p.Do(ike.CreateChild{RemoteTS: nets("10.2.3.0/24")}); !errors.Is(err, ike.ErrCarried) {
		t.Errorf("while it is under way: %v, want ErrCarried", err)
	}
	mustSettle(t, p, 10*time.Second, 2)
	mustCarry(t, p, "10.1.0.0/16", "10.2.0.0/16")

	// Nor while the one that carries it is being rekeyed, by either end.
	for _, rekey := range []act{clientRekeysChild, gatewayRekeysChild} {
		rekey(t, p)
		p.Drive(30 * time.Millisecond)
		if err := p.Do(ike.CreateChild{RemoteTS: nets("10.2.0.0/16")}); !errors.Is(err, ike.ErrCarried) {
			t.Errorf("while it is rekeyed: %v, want ErrCarried", err)
		}
		mustSettle(t, p, 10*time.Second, 2)
	}
	// What the gateway does not protect is told, and changes nothing.
	if err := p.Do(ike.CreateChild{RemoteTS: nets("10.9.0.0/16")}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 10*time.Second, 2)
	if told := refusedChildren(p); len(told) != 1 || told[0].Notify != wire.NotifyTSUnacceptable || !slices.Equal(told[0].RemoteTS, nets("10.9.0.0/16")) {
		t.Errorf("told %v", told)
	}
}

// Scenario 33, RFC 7296 1.3.1: the gateway makes what waits in our queue.
func TestTwoPeerGatewayMakesItFirst(t *testing.T) {
	t.Parallel()
	p := connected(t, both(protects(iketest.NarrowAtOnce), iketest.PairConfig{Client: func(c *ike.Config) {
		c.RemoteTS = nets("10.1.0.0/16", "10.2.0.0/16")
	}, Gateway: func(r *iketest.ResponderConfig) { r.Narrowing = iketest.NarrowToOne; r.LocalTS = nets("10.1.0.0/16") }}))
	mustSettle(t, p, 10*time.Second, 1) // it does not protect 10.2.0.0/16 when it is asked
	// Our liveness check is lost for a while, so that the gateway's request is there first.
	lossy := p.Now.Add(3 * time.Second)
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		return 0, q.From.Addr() == iketest.ClientPublic && !header(t, q.Data).Response() && p.Now.Before(lossy)
	}
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Do(ike.CreateChild{RemoteTS: nets("10.2.0.0/16")}); err != nil { // waits for the window
		t.Fatal(err)
	}
	before := p.Gateway.Received[wire.ExchangeCreateChildSA]
	gatewayCreates(t, p, "10.2.0.0/16")
	mustSettle(t, p, 20*time.Second, 2)
	mustCarry(t, p, "10.1.0.0/16", "10.2.0.0/16")
	if n := p.Gateway.Received[wire.ExchangeCreateChildSA] - before; n != 0 {
		t.Errorf("asked %d times for what was there", n)
	}
}

func gatewayCreates(t *testing.T, p *iketest.Pair, prefix string) {
	t.Helper()
	if err := p.Tell(func(now time.Time) error {
		return p.Gateway.CreateChild(now, nets(prefix), []wire.TrafficSelector{wire.AnyIPv4()})
	}); err != nil {
		t.Fatal(err)
	}
}
