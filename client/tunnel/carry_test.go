package tunnel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

var branches = []string{"10.1.0.0/16", "10.2.0.0/16", "192.168.7.0/24"}

// branchOffice is a gateway with three networks, each in a Child SA of its own.
func branchOffice(t *testing.T, n iketest.Narrowing) *office {
	return newOffice(t, func(c *iketest.ResponderConfig) {
		c.Narrowing, c.LocalTS, c.DNS = n, remote(branches...), nil
	})
}

// behind finds the gateway's Child SA for an address.
func (o *office) behind(addr netip.Addr) (found iketest.Child) {
	o.tell(func(time.Time) error {
		for _, c := range o.gateway.Children() {
			host := wire.SelectorFromPrefix(netip.PrefixFrom(addr, addr.BitLen()))
			if slices.ContainsFunc(c.LocalTS, func(ts wire.TrafficSelector) bool { return ts.Contains(host) }) {
				found = *c // the newest wins
			}
		}
		return nil
	})
	return found
}

// reaches sends a packet to an address and wants it on that address's Child SA.
func reaches(t *testing.T, o *office, addr string) {
	t.Helper()
	to := netip.MustParseAddr(addr)
	c := o.behind(to)
	in, _ := endOf(t, o, c)
	packet := udpPair(insideAddr, to, "to "+addr)
	o.tun.Inject(packet)
	d := <-o.esp
	if spi := binary.BigEndian.Uint32(d.Data); spi != c.InboundSPI {
		t.Errorf("%s: sent on %08x, want %08x", addr, spi, c.InboundSPI)
		return
	}
	if inner, drop := in.Open(d.Data); drop != esp.DropNone || !bytes.Equal(inner, packet) {
		t.Errorf("%s: %v, got %x", addr, drop, inner)
	}
}

// settled drains what Run has told, and gives the last network and Info.
func (r *running) settled(net Network, info Info) (Network, Info) {
	<-time.After(2 * time.Second) // the bubble's clock
	synctest.Wait()
	for {
		select {
		case e := <-r.events:
			switch e := e.(type) {
			case Up:
				net, info = e.Network, e.Info
			case Changed:
				info = e.Info
			}
		default:
			return net, info
		}
	}
}

// TestSeveralChildSAs: a gateway that narrows selectors one by one is asked for the
// rest (RFC 7296 2.9), the routes are what all of its Child SAs carry, each packet
// finds its own, and each is shown.
func TestSeveralChildSAs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		narrowing iketest.Narrowing
		traffic   profile.Traffic
		pushed    []string
		routes    []string
	}{
		"full tunnel, and the gateway tells of more": {iketest.NarrowTelling, profile.Traffic{Full: true}, nil, branches},
		"the profile names networks":                 {iketest.NarrowToOne, profile.Traffic{Include: prefixes(branches[0], branches[2], "172.16.0.0/12")}, nil, []string{branches[0], branches[2]}},
		"the gateway pushes networks (3.15.2)":       {iketest.NarrowToOne, profile.Traffic{AcceptPushed: true}, branches, branches},
		"it pushes more than the profile allows":     {iketest.NarrowToOne, profile.Traffic{AcceptPushed: true, AllowPushed: prefixes("10.0.0.0/8")}, branches, branches[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(g *iketest.ResponderConfig) {
					g.Narrowing, g.LocalTS, g.DNS, g.Subnets = c.narrowing, remote(branches...), nil, prefixes(c.pushed...)
				})
				cfg := o.config()
				cfg.Profile.Traffic = c.traffic
				r := run(t, cfg)
				up := r.up()
				net, info := r.settled(up.Network, up.Info)
				if !slices.Equal(net.Routes, prefixes(c.routes...)) {
					t.Errorf("routes %v, want %v", net.Routes, c.routes)
				}
				if len(info.Children) != len(c.routes) {
					t.Fatalf("%d Child SAs, want %d", len(info.Children), len(c.routes))
				}
				for i, child := range info.Children {
					if len(child.Remote) != 1 || child.Remote[0] != c.routes[i] || !strings.HasPrefix(child.Suite, "aes256gcm16") ||
						child.Local[0] != insideAddr.String()+"/32" || child.Since.IsZero() || !child.RekeyAt.After(time.Now()) {
						t.Errorf("Child SA %+v", child)
					}
				}
				for _, p := range c.routes {
					reaches(t, o, netip.MustParsePrefix(p).Addr().Next().String())
				}
				stats := r.Stats()
				for _, child := range info.Children {
					if u := stats.SAs[child.InboundSPI]; u.TxPackets != 1 || u.TxBytes == 0 {
						t.Errorf("%v has carried %+v", child.Remote, u)
					}
				}
				r.stop()
				complaints(t, o)
			})
		})
	}
}

func complaints(t *testing.T, o *office) {
	t.Helper()
	for _, c := range o.gateway.Complaints {
		t.Errorf("gateway complains: %s", c)
	}
}

// TestChildSAsComeAndGo: the gateway makes one more of its own accord and deletes
// another (RFC 7296 1.3.1, 1.4.1). Routes come; those of the one that went stay,
// and what uses them is refused and never leaves in clear.
func TestChildSAsComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := branchOffice(t, iketest.NarrowToOne)
		cfg := o.config()
		r := run(t, cfg)
		up := r.up()
		net, info := r.settled(up.Network, up.Info)
		if !slices.Equal(net.Routes, prefixes(branches[0])) {
			t.Fatalf("routes %v", net.Routes)
		}
		o.tell(func(now time.Time) error {
			return o.gateway.CreateChild(now, remote(branches[1]), remote("0.0.0.0/0"))
		})
		net, info = r.settled(net, info)
		if !slices.Equal(net.Routes, prefixes(branches[0], branches[1])) || len(info.Children) != 2 {
			t.Errorf("routes %v, Child SAs %v", net.Routes, info.Children)
		}
		reaches(t, o, "10.1.0.9")
		reaches(t, o, "10.2.0.9")

		gone := o.behind(netip.MustParseAddr("10.1.0.9")).InboundSPI
		o.tell(func(now time.Time) error { return o.gateway.DeleteChild(now, gone) })
		net, info = r.settled(net, info)
		if !slices.Equal(net.Routes, prefixes(branches[0], branches[1])) || len(info.Children) != 1 || info.Children[0].Remote[0] != branches[1] {
			t.Errorf("routes %v, Child SAs %v", net.Routes, info.Children)
		}
		reaches(t, o, "10.2.0.9")
		o.tun.Inject(udpPair(insideAddr, netip.MustParseAddr("10.1.0.9"), "to nowhere"))
		if told := <-o.tun.Written(); told[20] != 3 || told[21] != 13 {
			t.Errorf("the host is told %x, want that it is prohibited", told)
		}
		r.stop()
		complaints(t, o)
	})
}

// TestOneOfSeveralIsRekeyed: nothing but that one changes, for the packets too.
func TestOneOfSeveralIsRekeyed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := branchOffice(t, iketest.NarrowTelling)
		r := run(t, o.config())
		up := r.up()
		net, before := r.settled(up.Network, up.Info)
		for i := range branches {
			old := o.behind(netip.MustParsePrefix(branches[i]).Addr().Next()).InboundSPI
			o.tell(func(now time.Time) error { return o.gateway.RekeyChild(now, old) })
			after, info := r.settled(net, before)
			if !slices.Equal(after.Routes, net.Routes) || len(info.Children) != 3 {
				t.Errorf("routes %v, %d Child SAs", after.Routes, len(info.Children))
			}
			for _, p := range branches {
				reaches(t, o, netip.MustParsePrefix(p).Addr().Next().String())
			}
		}
		r.stop()
		complaints(t, o)
	})
}

// TestChildlessStart: the profile says how the line starts (RFC 6023), and a
// disagreement has a cause of its own.
func TestChildlessStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profile profile.Childless
		gateway iketest.Childless
		want    diagnose.Cause // "": it comes up
		started bool           // childless
	}{
		"offered by both":            {profile.ChildlessOffered, iketest.ChildlessOffered, "", true},
		"required and offered":       {profile.ChildlessRequired, iketest.ChildlessOffered, "", true},
		"offered and unknown":        {profile.ChildlessOffered, iketest.ChildlessUnknown, "", false},
		"not wanted":                 {profile.ChildlessNever, iketest.ChildlessOffered, "", false},
		"required and unknown":       {profile.ChildlessRequired, iketest.ChildlessUnknown, diagnose.CauseChildless, false},
		"not wanted and insisted on": {profile.ChildlessNever, iketest.ChildlessRequired, diagnose.CauseChildless, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(g *iketest.ResponderConfig) { g.Childless = c.gateway })
				cfg := o.config()
				cfg.Profile.Session.Childless = c.profile
				r := run(t, cfg)
				if c.want != "" {
					var f *diagnose.Failure
					if err := <-r.result; !errors.As(err, &f) || f.Cause != c.want {
						t.Errorf("ended with %v", err)
					}
					return
				}
				r.up()
				exchange(t, o)
				if o.gateway.Childless != c.started {
					t.Errorf("started childless: %v", o.gateway.Childless)
				}
				r.stop()
				complaints(t, o)
			})
		})
	}
}

func TestSelectorTexts(t *testing.T) {
	t.Parallel()
	span := wire.TrafficSelector{EndPort: 65535, Start: netip.MustParseAddr("10.0.0.1"), End: netip.MustParseAddr("10.0.0.9")}
	https := wire.TrafficSelector{Protocol: 6, StartPort: 443, EndPort: 443, Start: netip.MustParseAddr("10.0.0.1"), End: netip.MustParseAddr("10.0.0.1")}
	got := selectorTexts(append(remote("::/0", "10.0.0.0/8"), span, https))
	want := []string{"::/0", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "10.0.0.1/32 protocol 6 ports 443-443"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
