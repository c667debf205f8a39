package ike_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// TestMOBIKENarrowPathIsNoDeadPath: a path check that is lost for its size says
// nothing against the path. The line stays where it is, though another path would
// have been faster with the answer to a smaller one (RFC 4555 3.5).
func TestMOBIKENarrowPathIsNoDeadPath(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil, iketest.GatewayPublic6)
	tellAddresses(t, p, []netip.Addr{iketest.ClientPublic, iketest.ClientPublic6}, nil)
	const slower = 15 * time.Millisecond
	p.Network.Conditions.MTU = 1000
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		if x.To.Addr().Is4() {
			return slower, false
		}
		return 0, false
	}
	sent := len(p.Sent)
	if e := checked(t, p, 1500); e.OK {
		t.Errorf("1,500 octets pass where 1,000 do: %+v", e)
	}
	p.Drive(time.Second)
	if n := iketest.Count[ike.Moved](p); n != 0 {
		t.Errorf("the line moved %d times", n)
	}
	for _, x := range sentSince(p, sent) {
		if x.To.Addr().Is6() {
			t.Fatal("another path was tried while a smaller message had not been")
		}
	}
	mustBehave(t, p)
}

// TestMOBIKEPathBelowIPv6Minimum: a path of IPv6 that carries less than 1,280
// octets breaks RFC 8200 5. Asking how much it carries does not end a line that
// smaller messages keep alive, and that goes back where more passes.
func TestMOBIKEPathBelowIPv6Minimum(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil, iketest.GatewayPublic6)
	tellAddresses(t, p, []netip.Addr{iketest.ClientPublic, iketest.ClientPublic6}, nil)
	mustMove(t, p, iketest.ClientPublic6, iketest.GatewayPublic6)
	p.Network.Conditions.MTU = 1000
	before := iketest.Count[ike.PathChecked](p)
	if err := p.Do(ike.CheckPath{Size: 1500}); err != nil {
		t.Fatal(err)
	}
	p.Until(2*time.Minute, func() bool { return p.Closed != nil || iketest.Count[ike.PathChecked](p) > before })
	if p.Closed != nil {
		t.Fatalf("asking for the path's size ended the line: %v", p.Cause())
	}
	if e := lastOf[ike.PathChecked](t, p); e.OK {
		t.Errorf("1,500 octets pass where 1,000 do: %+v", e)
	}
	mustBehave(t, p)
}
