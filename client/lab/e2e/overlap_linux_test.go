package e2e

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// The network that home and the company both have, and a host that both have in it.
const (
	sharedNetwork = "192.168.77.0/24"
	sharedHost    = "192.168.77.10"
)

// How far away a host is that answers: at home nobody is in between, at the company the
// gateway is.
const (
	atHome       = "ttl=64"
	atTheCompany = "ttl=63"
)

// answersFrom wants an address to be answered by one of the two, and by no other.
func (r *rig) answersFrom(address, where string) {
	r.t.Helper()
	var out string
	if err := lab.Until(r.ctx, address+" answers with "+where, func() (bool, error) {
		var err error
		out, err = r.Client.Run(r.ctx, "ping", "-n", "-c", "1", "-W", "1", address)
		return err == nil && strings.Contains(out, where), r.ctx.Err()
	}); err != nil {
		r.t.Fatalf("%v; the last answer: %s", err, out)
	}
}

// warned waits until the status says something of overlapping networks, with these words;
// none: until it says nothing of them.
func (r *rig) warned(words ...string) {
	r.t.Helper()
	var s status
	if err := lab.Until(r.ctx, "the status says what there is to choose", func() (bool, error) {
		s = r.status()
		var said []string
		for _, w := range s.Warnings {
			if strings.Contains(w, "homewardctl overlap") {
				said = append(said, w)
			}
		}
		for _, w := range words {
			if len(said) != 1 || !strings.Contains(said[0], w) {
				return false, nil
			}
		}
		return len(words) > 0 || len(said) == 0, nil
	}); err != nil {
		r.t.Fatalf("%v: %q, want %q", err, s.Warnings, words)
	}
}

// TestOverlap: home and the company have the same network. It is said, with both networks
// and with what to type; who has the addresses is a person's choice; the router, the
// company's other networks and its name servers are reached whoever has them; DHCP goes
// on; and on another Wi-Fi it is decided anew.
func TestOverlap(t *testing.T) {
	t.Parallel()
	const name = "office"
	r := start(t, lab.Options{Uplinks: true})
	for n, lines := range map[*lab.Namespace][]string{
		r.Router:            {"addr add " + sharedHost + "/24 dev lan"},
		r.Gateway.Namespace: {"addr add 192.168.77.254/24 dev inside"},
		r.Intranet:          {"addr add " + sharedHost + "/24 dev eth0"},
	} {
		for _, line := range lines {
			if _, err := n.Run(r.ctx, "ip", strings.Fields(line)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.native(lab.Native{Name: name, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{
		"traffic.full": nil, "traffic.include": []string{sharedNetwork, lab.IntranetPrefix.String()},
		"dns.domains": []string{lab.CompanyDomain},
	}})
	reaches := func() {
		t.Helper()
		r.answersFrom(lab.RouterInside.String(), atHome)
		r.opens("http://"+lab.IntranetAddress.String()+"/", lab.IntranetGreeting)
		r.opens("http://"+lab.IntranetName+"/", lab.IntranetGreeting)
	}

	r.connect(name)
	r.warned("The network you are in, "+sharedNetwork, "the company's, "+sharedNetwork, "«homewardctl overlap office company»")
	r.answersFrom(sharedHost, atHome)
	reaches()

	u := r.Uplinks
	r.switchTo(u.LTE, u.WiFi)
	r.warned()
	r.answersFrom(sharedHost, atTheCompany)
	r.switchTo(u.WiFi, u.LTE)
	r.warned("go to the network you are in")
	r.answersFrom(sharedHost, atHome)

	r.must("", "overlap", name, "company")
	r.must("", "disconnect")
	r.connect(name)
	r.warned("go to the company", "«homewardctl overlap office local»")
	r.answersFrom(sharedHost, atTheCompany)
	reaches()
	if _, err := r.Client.Run(r.ctx, "ip", "neigh", "flush", "dev", "eth0"); err != nil {
		t.Fatal(err)
	}
	reaches()

	r.must("", "overlap", name, "local")
	r.must("", "disconnect")
	r.connect(name)
	r.warned("go to the network you are in, as you chose")
	r.answersFrom(sharedHost, atHome)
	reaches()
	r.must("", "disconnect")
}

// TestOverlapOfEverything: with everything in the tunnel the company's choice holds for the
// whole local network, also for one that a rogue's lease claims later.
func TestOverlapOfEverything(t *testing.T) {
	t.Parallel()
	const name = "office"
	r := start(t, lab.Options{})
	rogue, err := r.Rogue(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	r.native(lab.Native{Name: name, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{"traffic.overlap": "company"}})
	var flows []lab.Flow
	for _, f := range r.StrangerFlows() {
		if f.Device == "" {
			flows = append(flows, f)
		}
	}
	g := r.watchFor(lab.GatewayOnly(), flows)
	g.play("connecting", func() { r.connect(name) })
	g.open = false
	g.scene("connected", func() { r.opens(intranet("/"), lab.IntranetGreeting) })
	g.scene("a lease that claims the company's network", func() {
		if err := rogue.Lease(r.ctx, lab.Lure{Address: netip.MustParsePrefix("10.99.0.50/24")}); err != nil {
			t.Fatal(err)
		}
		r.opens("http://"+lab.IntranetAddress.String()+"/", lab.IntranetGreeting)
	})
	g.scene("after that", func() {
		r.warned("The network you are in, 10.99.0.0/24", "go to the company")
	})
	r.must("", "disconnect")
	if err := rogue.Forget(r.ctx); err != nil {
		t.Error(err)
	}
}
