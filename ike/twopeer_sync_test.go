package ike_test

import (
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Scenario 48 of the list: message ID synchronisation (RFC 6311 5.1).

var syncs = iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.MessageIDSync = true }}

// synchronising is a pair that has exchanged some requests in both directions.
func synchronising(t *testing.T, c iketest.PairConfig) *iketest.Pair {
	t.Helper()
	p := connected(t, both(byPSK(), c))
	for range 2 {
		gatewayRekeysChild(t, p)
		mustSettle(t, p, 5*time.Second, 1)
		clientRekeysChild(t, p)
		mustSettle(t, p, 5*time.Second, 1)
	}
	return p
}

// syncIDs has the gateway ask with these message IDs.
func syncIDs(t *testing.T, p *iketest.Pair, ids iketest.MessageIDs) {
	t.Helper()
	if err := p.Tell(func(now time.Time) error { p.Gateway.SyncMessageIDs(now, ids); return nil }); err != nil {
		t.Fatal(err)
	}
	p.Drive(0)
}

// synced wants these answers in all, and that the line works both ways.
func synced(t *testing.T, p *iketest.Pair, want ...iketest.MessageIDs) {
	t.Helper()
	if !slices.Equal(p.Gateway.Synced, want) {
		t.Errorf("the client answered %v, want %v", p.Gateway.Synced, want)
	}
	for _, rekey := range []act{clientRekeysChild, gatewayRekeysChild, gatewayRekeysIKE, clientRekeysIKE} {
		rekey(t, p)
		mustSettle(t, p, 10*time.Second, 1)
	}
}

// 48. RFC 6311 5.1: the values. M2 is the higher of M1 and what the client
// expects, and P2 the higher of P1 and what it would send.
func TestSync48Values(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ send, receive, wantSend, wantReceive int }{
		"the gateway is right":                     {0, 0, 0, 0},
		"the gateway has lost the client's":        {0, -3, 0, 0},
		"the gateway jumps ahead":                  {10, 0, 0, 10},
		"the gateway believes the client is ahead": {5, 7, 7, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := synchronising(t, syncs)
			now := p.Gateway.MessageIDs()
			syncIDs(t, p, iketest.MessageIDs{Send: now.Send + uint32(c.send), Receive: now.Receive + uint32(c.receive)})
			synced(t, p, iketest.MessageIDs{Send: now.Receive + uint32(c.wantSend), Receive: now.Send + uint32(c.wantReceive)})
		})
	}
}

// 48. RFC 6311 5.1: before the gateway has made a request of its own, and after
// its first, message ID 0 is also that of a request.
func TestSync48WithFewRequests(t *testing.T) {
	t.Parallel()
	for requests := range 2 {
		p := connected(t, both(byPSK(), syncs))
		for range requests {
			if err := p.Tell(func(now time.Time) error { return p.Gateway.CheckLiveness(now, nil) }); err != nil {
				t.Fatal(err)
			}
			p.Drive(time.Second)
		}
		now := p.Gateway.MessageIDs()
		syncIDs(t, p, iketest.MessageIDs{Send: now.Send, Receive: 0})
		synced(t, p, now.Mirrored())
	}
}

// 48. RFC 6311 5.1: the answer is lost, and the gateway asks again.
func TestSync48Repeated(t *testing.T) {
	t.Parallel()
	p := synchronising(t, syncs)
	now := p.Gateway.MessageIDs()
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		return 0, q.From.Addr() == iketest.ClientPublic
	}
	syncIDs(t, p, iketest.MessageIDs{Send: now.Send + 4, Receive: 0})
	p.Network.Intercept = nil
	want := iketest.MessageIDs{Send: now.Receive, Receive: now.Send + 4}
	for range 2 {
		if err := p.Tell(func(time.Time) error { p.Gateway.RepeatSync(); return nil }); err != nil {
			t.Fatal(err)
		}
		p.Drive(0)
	}
	synced(t, p, want, want)
}

// RFC 7383 3: the answer to a synchronisation goes out whole, though fragments are
// agreed on, and however small they are.
func TestSync48IsNeverCut(t *testing.T) {
	t.Parallel()
	c := both(syncs, iketest.PairConfig{Client: func(c *ike.Config) { c.FragmentSize = 576 }})
	p := synchronising(t, c)
	now, sent := p.Gateway.MessageIDs(), len(p.Sent)
	syncIDs(t, p, now)
	if len(p.Sent) != sent+1 {
		t.Fatalf("%d datagrams in answer to a synchronisation", len(p.Sent)-sent)
	}
	m, err := wire.ParseMessage(p.Sent[sent].Data)
	if err != nil {
		t.Fatal(err)
	}
	if _, whole := wire.Find[*wire.Encrypted](m.Payloads); !whole || m.MessageID != 0 {
		t.Errorf("the answer is %v with message ID %d", m.Payloads, m.MessageID)
	}
	synced(t, p, now.Mirrored())
}

// 48. RFC 6311 5.1, 8: somebody sends an old synchronisation again. It is
// dropped without an answer, and nothing changes.
func TestSync48Replayed(t *testing.T) {
	t.Parallel()
	p := synchronising(t, syncs)
	now := p.Gateway.MessageIDs()
	var old iketest.Packet
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if q.From.Addr() == p.Network.Gateway {
			old = *q
			old.Data = slices.Clone(q.Data)
		}
		return 0, false
	}
	syncIDs(t, p, iketest.MessageIDs{Send: now.Send + 4, Receive: 0})
	p.Network.Intercept = nil
	replay := func() {
		sent, drops := len(p.Sent), p.Drops[ike.DropDuplicate]
		p.Network.Inject(p.Now, old)
		p.Drive(0)
		if len(p.Sent) != sent || p.Drops[ike.DropDuplicate] != drops+1 {
			t.Errorf("%d messages in answer to a replay, %d drops", len(p.Sent)-sent, p.Drops[ike.DropDuplicate]-drops)
		}
	}
	gatewayRekeysChild(t, p)
	mustSettle(t, p, 5*time.Second, 1)
	replay()
	second := p.Gateway.MessageIDs()
	syncIDs(t, p, iketest.MessageIDs{Send: second.Send, Receive: 0})
	replay()
	synced(t, p, iketest.MessageIDs{Send: now.Receive, Receive: now.Send + 4}, second.Mirrored())
}

// 48. RFC 6311 5.1: an M1 that the gateway has used already is dropped, and so is
// the M1 of the synchronisation before.
func TestSync48TooLow(t *testing.T) {
	t.Parallel()
	p := synchronising(t, syncs)
	now := p.Gateway.MessageIDs()
	syncIDs(t, p, iketest.MessageIDs{Send: now.Send - 1, Receive: now.Receive})
	if len(p.Gateway.Synced) != 0 {
		t.Error("the client answers an M1 that is too low")
	}
	syncIDs(t, p, now)
	syncIDs(t, p, now)
	if len(p.Gateway.Synced) != 1 {
		t.Error("the client answers one M1 twice")
	}
	synced(t, p, now.Mirrored())
}

// 48. RFC 6311 4: what has not been agreed on is ignored.
func TestSync48NotNegotiated(t *testing.T) {
	t.Parallel()
	p := synchronising(t, iketest.PairConfig{})
	now := p.Gateway.MessageIDs()
	drops := p.Drops[ike.DropOutside]
	syncIDs(t, p, iketest.MessageIDs{Send: now.Send, Receive: now.Receive})
	if p.Drops[ike.DropOutside] != drops+1 {
		t.Error("the message is not dropped")
	}
	synced(t, p)
}

// 48. RFC 6311 5.1: a request of the client's is under way when the machine that
// had it is lost. It goes out anew under the message ID that was agreed on.
func TestSync48WhileARequestIsOut(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]act{"rekey of the Child SA": clientRekeysChild, "rekey of the IKE SA": clientRekeysIKE} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := synchronising(t, syncs)
			p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
				return 0, !q.Keepalive && q.From.Addr() == iketest.ClientPublic && header(t, q.Data).Exchange == wire.ExchangeCreateChildSA
			}
			now := p.Gateway.MessageIDs()
			ask(t, p)
			p.Drive(time.Second)
			p.Network.Intercept = nil
			syncIDs(t, p, iketest.MessageIDs{Send: now.Send, Receive: now.Receive})
			synced(t, p, iketest.MessageIDs{Send: now.Receive + 1, Receive: now.Send})
		})
	}
}

// 48. RFC 6311 4: the new IKE SA of a rekey synchronises, too.
func TestSync48AfterIKERekey(t *testing.T) {
	t.Parallel()
	p := synchronising(t, syncs)
	clientRekeysIKE(t, p)
	mustSettle(t, p, 10*time.Second, 1)
	now := p.Gateway.MessageIDs()
	syncIDs(t, p, iketest.MessageIDs{Send: now.Send + 1, Receive: now.Receive})
	synced(t, p, iketest.MessageIDs{Send: now.Receive, Receive: now.Send + 1})
}
