package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// RFC 6311 5.1, RFC 7296 2.4: the machine that takes over for the gateway is heard
// although there is no network. It is answered; what it may not have heard of waits
// for the network like everything else, and ends nothing.
func TestNoPathAndSynchronisation(t *testing.T) {
	t.Parallel()
	p := synchronising(t, syncs)
	p.Gateway.Silence(true)
	if err := p.Do(ike.CheckLiveness{}); err != nil { // one request is under way
		t.Fatal(err)
	}
	p.Drive(0)
	p.Gateway.Silence(false)
	if err := p.Do(ike.NoPath{}); err != nil {
		t.Fatal(err)
	}
	now, sent := p.Gateway.MessageIDs(), len(p.Sent)
	syncIDs(t, p, iketest.MessageIDs{Send: now.Send + 1, Receive: now.Receive})
	p.Gateway.Silence(true)
	p.Drive(10 * time.Minute)
	if p.Closed != nil || len(p.Sent) != sent+1 {
		t.Fatalf("closed %v, %d datagrams without a network, want the answer alone", p.Closed, len(p.Sent)-sent)
	}
	p.Gateway.Silence(false)
	if err := p.Do(ike.CheckLiveness{Urgent: true}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 10*time.Second, 1)
}
