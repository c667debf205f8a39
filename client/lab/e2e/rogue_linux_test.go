package e2e

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

func networks(texts ...string) (out []netip.Prefix) {
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// lure is all that a rogue can say to have the traffic of a full tunnel: routes for halves
// of everything, for the company and for single hosts; a part of the public network, and
// the company's of IPv6, as the link's own.
var lure = lab.Lure{
	Address: netip.MustParsePrefix("203.0.113.50/28"), // .48 to .63: the public server is one of them
	Routes: networks("0.0.0.0/1", "128.0.0.0/1", "10.99.0.0/24", "10.99.0.2/32", "203.0.113.53/32",
		"::/1", "8000::/1", "fd00:99::/64", "fd00:99::2/128", "2001:db8:113::53/128"),
	OnLink: networks("fd00:99::/64", "2001:db8:bad::/64"),
	MTU:    1280,
}

// rogueScene is a rig with a rogue in its Wi-Fi and a stranger on its machine.
type rogueScene struct {
	*guarded
	rogue *lab.Rogue
	mode  string
}

// inRogueNetwork begins to watch. Without a kill switch the local network is within reach,
// and a program may bind itself to it: then the routes alone are on trial.
func inRogueNetwork(t *testing.T, mode string) *rogueScene {
	t.Helper()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	rogue, err := r.Rogue(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	may, flows := lab.GatewayOnly(), r.StrangerFlows()
	if mode == "off" {
		may.Local = networks("192.168.77.0/24", "fd00:77::/64")
		flows = slices.DeleteFunc(flows, func(f lab.Flow) bool { return f.Device != "" })
	}
	r.must("", "killswitch", mode)
	return &rogueScene{r.watchFor(may, flows), rogue, mode}
}

// lured lets the rogue have what it can, by DHCP and by advertisements.
func (s *rogueScene) lured() {
	s.t.Helper()
	if err := s.rogue.Lease(s.ctx, lure); err != nil {
		s.t.Fatal(err)
	}
	if err := s.rogue.Advertise(s.ctx, lure); err != nil {
		s.t.Fatal(err)
	}
	for _, to := range []string{"203.0.113.53", "10.99.0.2", "2001:db8:113::53", "fd00:99::2"} {
		// The service's own packets, and no others, follow the main table.
		out, err := s.Client.Run(s.ctx, "ip", "route", "get", to, "mark", "0x686d7764")
		if err != nil || !strings.Contains(out, "dev eth0") || strings.Contains(out, "via "+lab.RouterInside.String()) || strings.Contains(out, "via "+lab.RouterInside6.String()) {
			s.t.Fatalf("the rogue has not lured the system at all: %s: %s, %v", to, out, err)
		}
	}
}

// holds wants the line to carry everything, and names to be asked of the company alone.
func (s *rogueScene) holds(name string) {
	s.t.Helper()
	if err := lab.Until(s.ctx, "the company's name servers are asked again", func() (bool, error) {
		found, err := s.Client.Lookup(s.ctx, lab.IntranetName)
		return err == nil && len(found) > 0, nil
	}); err != nil {
		s.t.Fatal(err)
	}
	before := s.rogue.DNS.Queries(lab.PublicName)
	ends := s.scene(name, func() {
		s.opens(intranet("/"), lab.IntranetGreeting)
		s.opens("http://"+lab.PublicName+"/", lab.PublicGreeting)
		s.opens("http://["+lab.IntranetAddress6.String()+"]/", lab.IntranetGreeting)
	})
	if n := s.rogue.DNS.Queries(lab.PublicName); n != before {
		s.t.Errorf("%s: the rogue's resolver was asked %d times", name, n-before)
	}
	for f, e := range ends {
		public := f.To.Addr() == lab.PublicAddress || f.To.Addr() == lab.PublicAddress6
		if f.Device == "" && f.Kind == lab.TCP && public && e.Answered == 0 {
			s.t.Errorf("%s: %s: %+v", name, f, e)
		}
	}
}

// leave ends the line and the rogue's hold.
func (s *rogueScene) leave() {
	s.t.Helper()
	s.must("", "disconnect")
	s.must("", "killswitch", "off")
	if err := s.rogue.Forget(s.ctx); err != nil {
		s.t.Error(err)
	}
}

// TestRogueRoutes: a DHCP server that pushes routes (options 121 and 249, RFC 3442) and a
// router that announces itself, routes (RFC 4191), name servers (RFC 8106), an MTU and
// networks of others as the link's own, before and during a full tunnel, have nothing of
// it; with the kill switch, and by the routes alone.
func TestRogueRoutes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"off", "on"} {
		t.Run("kill switch "+mode, func(t *testing.T) {
			t.Parallel()
			t.Run("before", func(t *testing.T) {
				t.Parallel()
				s := inRogueNetwork(t, mode)
				s.lured()
				if tally, _ := s.play("lured, without a line", func() {}); tally.Leaks() == 0 {
					t.Error("the sniffer does not see what leaves")
				}
				s.play("connecting", func() { s.connect(lab.OfficeProfile) })
				s.holds("connected")
				s.leave()
			})
			t.Run("during", func(t *testing.T) {
				t.Parallel()
				s := inRogueNetwork(t, mode)
				s.play("connecting", func() { s.connect(lab.OfficeProfile) })
				s.open = false
				s.scene("lured", s.lured)
				s.holds("after that")
				s.leave()
			})
		})
	}
}
