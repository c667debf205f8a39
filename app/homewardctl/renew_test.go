package main

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
)

// TestRenew: a line is signed in again when its user wants that; who asks what, and what
// becomes of it where the gateway does not take it.
func TestRenew(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.fails([]string{"no line to sign in again for", "homewardctl connect"}, "renew")
	r.setGateway(limitedGateway("123456", r.renew, make(chan struct{})))
	r.ok("connect", "office")
	r.person.will("654321", "123456")
	if s := r.ok("renew"); !strings.Contains(s, "Signed in again to office") {
		t.Errorf("renew says %q", s)
	}
	if n := len(r.person.questions()); n != 2 {
		t.Errorf("the person was asked %d times, want twice", n)
	}
	r.fails([]string{"must be longer than nothing"}, "renew", "--timeout", "0s")
	r.fails([]string{"office stands", "not through within 1ns"}, "renew", "--timeout", "1ns")
	if st, err := r.app.client.Status(t.Context()); err != nil || st.State != control.StateConnected {
		t.Errorf("the line is %s, %v", st.State, err)
	}
}

// TestRenewOfALineThatEnds: a line that ends meanwhile is no success.
func TestRenewOfALineThatEnds(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	asked := make(chan struct{})
	r.setGateway(limitedGateway("123456", r.renew, asked))
	r.ok("connect", "office")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-asked
		if _, err := r.app.client.Disconnect(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	r.person.silent = make(chan struct{})
	r.fails([]string{"ended before the new sign-in"}, "renew")
	<-ended
}

func TestNetworkWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   control.Network
		want string
	}{
		{control.Network{Kind: control.NetworkWiFi, Name: "Harbour Guest"}, "Wi-Fi (Harbour Guest)"},
		{control.Network{Kind: control.NetworkWiFi}, "Wi-Fi"},
		{control.Network{Kind: control.NetworkEthernet, Name: "eth0"}, "Ethernet (eth0)"},
		{control.Network{Kind: control.NetworkCellular, Name: "wwan0"}, "mobile data (wwan0)"},
		{control.Network{Kind: control.NetworkOther, Name: "br0"}, "br0"},
	} {
		if got := networkWords(tt.in); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.in, got, tt.want)
		}
	}
}
