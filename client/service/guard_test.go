package service

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestPolicyOfEachState: what may leave in each state, by the table in security.md.
func TestPolicyOfEachState(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		r.expect("saved, closed, tunnel starts")
		if p := c.now(); p == nil || len(p.Gateways)+len(p.Resolvers) != 0 || p.Tunnel != nil {
			t.Fatalf("before the tunnel has said where to: %+v", p)
		}
		f := r.tunnel()
		ways := addrPorts("203.0.113.1:500", "203.0.113.1:4500")
		if err := f.cfg.Reach(t.Context(), ways); err != nil || !slices.Equal(c.now().Gateways, ways) {
			t.Fatalf("open to %v (%v)", c.now(), err)
		}
		shut, err := r.svc.OpenResolvers(addrPorts("192.168.1.1:53"))
		if err != nil || len(c.now().Resolvers) != 1 {
			t.Fatalf("%v: %+v", err, c.now())
		}
		shut()
		if p := c.now(); len(p.Resolvers) != 0 || p.Tunnel != nil {
			t.Errorf("after the question: %+v", p)
		}
		r.done()
		f.do(func() { f.emit(officeUp()) })
		r.expect("closed, routes of homeward0, dns of homeward0")
		want := &PolicyTunnel{Interface: "homeward0", Addresses: officeUp().Network.Addresses, DNS: officeUp().Network.DNS, IPv4: true}
		if p := c.now().Tunnel; p == nil || p.Interface != want.Interface || !p.IPv4 || p.IPv6 || !slices.Equal(p.DNS, want.DNS) || !slices.Equal(p.Addresses, want.Addresses) {
			t.Errorf("connected: %+v", p)
		}
		ways = addrPorts("203.0.113.7:4500") // it was sent elsewhere
		if err := f.cfg.Reach(t.Context(), ways); err != nil || !slices.Equal(c.now().Gateways, ways) || c.now().Tunnel == nil {
			t.Errorf("after a redirect open to %+v (%v)", c.now(), err)
		}
		r.done()
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		r.expect("tunnel fails, no dns, no routes, closed")
		if p := c.now(); len(p.Gateways) != 0 || p.Tunnel != nil {
			t.Errorf("between two attempts: %+v", p)
		}
		<-time.After(time.Minute)
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		st := r.state(control.StateBlocked)
		if p := c.now(); p == nil || len(p.Gateways) != 0 || st.KillSwitch.Mode != "on" || !st.KillSwitch.Engaged {
			t.Errorf("blocked: %+v, %+v", p, st.KillSwitch)
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		if c.now() != nil || c.disk.now.Engaged {
			t.Errorf("after the user's own disconnect: %+v, %+v", c.now(), c.disk.now)
		}
	})
}

// TestAltered: what somebody else takes away is set again at once, and said.
func TestAltered(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		c.flush()
		if r.expect(""); c.now() != nil {
			t.Error("held back in mode off")
		}
		c.foreign = false
		r.connect("vault")
		r.done()
		c.flush()
		r.expect("closed")
		st := r.state(control.StateConnecting)
		if c.now() == nil || !st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "another firewall") {
			t.Errorf("%+v", st.KillSwitch)
		}
		r.fail("closed", errors.New("no nft"))
		c.flush()
		st = r.state(control.StateBlocked)
		if st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "no nft") {
			t.Errorf("lost: %+v", st.KillSwitch)
		}
		r.fail("closed", nil)
		<-time.After(clearPause + time.Second)
		if st = r.state(control.StateBlocked); !st.KillSwitch.Engaged || c.now() == nil {
			t.Errorf("found again: %+v", st.KillSwitch)
		}
	})
}

// TestModeOverAHangingEffect: a mode holds when the call returns, whatever was under way.
func TestModeOverAHangingEffect(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		block := make(chan struct{})
		r.mu.Lock()
		r.blocks["routes of homeward0"] = block
		r.mu.Unlock()
		r.connect("office")
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		set := make(chan error, 1)
		go func() { set <- r.set(ada, "on") }()
		synctest.Wait()
		select {
		case err := <-set:
			t.Fatalf("set while it cannot be: %v", err)
		default:
		}
		close(block)
		if err := <-set; err != nil || c.now() == nil || c.now().Tunnel == nil {
			t.Errorf("%v: %+v", err, c.now())
		}
		r.state(control.StateConnected)
	})
}

// TestWhatTheKillSwitchKeepsFromWorking is said in the status.
func TestWhatTheKillSwitchKeepsFromWorking(t *testing.T) {
	full := officeUp()
	full.Network.Full = true
	full.Network.Routes = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	excludes, silent := full, full
	excludes.Network.Exclude = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}
	silent.Network.DNS = nil
	for _, tt := range []struct {
		up   tunnel.Up
		want string
	}{
		{officeUp(), "refuses everything else"},
		{full, ""},
		{excludes, "leaves 192.168.0.0/16 out"},
		{silent, "no names can be looked up"},
	} {
		inComputer(t, &computer{}, func(t *testing.T, r *rig) {
			r.connect("vault")
			f := r.tunnel()
			f.do(func() { f.emit(tt.up) })
			said := strings.Join(r.state(control.StateConnected).Warnings, " ")
			for _, words := range []string{"refuses everything else", "leaves 192.168.0.0/16 out", "no names can be looked up"} {
				if strings.Contains(said, words) != (words == tt.want) {
					t.Errorf("%q: said %q", words, said)
				}
			}
			if silent := len(tt.up.Network.DNS) == 0; strings.Contains(said, "All names go") == silent {
				t.Errorf("of name servers: %q", said)
			}
		})
	}
}

// TestCalmWithoutANetwork: a line that waits for a network is no failure, and comes
// back when there is one.
func TestCalmWithoutANetwork(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		f.die(&diagnose.Failure{Cause: diagnose.CauseNoNetwork})
		st := r.state(control.StateConnecting)
		if st.Step != stepWaiting || st.Error != nil || !st.KillSwitch.Engaged {
			t.Errorf("%+v", st)
		}
		n := r.count()
		<-time.After(20 * time.Second)
		if r.count() != n {
			t.Error("tried without a network")
		}
		c.news <- tunnel.NetworkChange{}
		if r.count() != n+1 {
			t.Error("not tried when there is a network")
		}
	})
}
