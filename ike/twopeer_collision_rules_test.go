package ike_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The requests of the table below, in the order of its columns.
var ruleRequests = []struct {
	name string
	ask  func(w *collision) (wire.ExchangeType, []wire.Payload)
}{
	{"rekey X", func(w *collision) (wire.ExchangeType, []wire.Payload) {
		return wire.ExchangeCreateChildSA, newChildRequest(w.t, w.old[iketest.TheGateway])
	}},
	{"rekey unknown", func(w *collision) (wire.ExchangeType, []wire.Payload) {
		return wire.ExchangeCreateChildSA, newChildRequest(w.t, 0x0badcafe)
	}},
	{"delete X", func(w *collision) (wire.ExchangeType, []wire.Payload) {
		return wire.ExchangeInformational, []wire.Payload{deleteESPRequest(w.old[iketest.TheGateway])}
	}},
	{"delete unknown", func(*collision) (wire.ExchangeType, []wire.Payload) {
		return wire.ExchangeInformational, []wire.Payload{deleteESPRequest(0x0badcafe)}
	}},
	{"rekey IKE", func(w *collision) (wire.ExchangeType, []wire.Payload) {
		ke := keyExchangeRequest(w.t)
		return wire.ExchangeCreateChildSA, []wire.Payload{
			&wire.SAPayload{Proposals: suite.ToWire(suite.PreferGroup(suite.DefaultIKE(), ke.Group), wire.ProtocolIKE, []byte{1, 2, 3, 4, 5, 6, 7, 8})},
			ruleNonce(), ke,
		}
	}},
	{"delete IKE", func(*collision) (wire.ExchangeType, []wire.Payload) {
		return wire.ExchangeInformational, []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}}
	}},
	{"create", func(w *collision) (wire.ExchangeType, []wire.Payload) {
		return wire.ExchangeCreateChildSA, newChildRequest(w.t, 0)[1:]
	}},
}

func ruleNonce() *wire.NoncePayload { return &wire.NoncePayload{Data: slices.Repeat([]byte{0x77}, 32)} }

func keyExchangeRequest(t *testing.T) *wire.KEPayload {
	t.Helper()
	kx, err := suite.NewKeyExchange(suite.GroupX25519, iketest.NewRand(99))
	if err != nil {
		t.Fatal(err)
	}
	return &wire.KEPayload{Group: kx.Group(), Data: kx.Public()}
}

// newChildRequest rekeys the Child SA with this inbound SPI of the gateway's; its
// first payload says so.
func newChildRequest(t *testing.T, spi uint32) []wire.Payload {
	t.Helper()
	ke := keyExchangeRequest(t)
	return []wire.Payload{
		&wire.NotifyPayload{Protocol: wire.ProtocolESP, SPI: binary.BigEndian.AppendUint32(nil, spi), NotifyType: wire.NotifyRekeySA},
		&wire.SAPayload{Proposals: suite.ToWire(suite.PreferGroup(suite.DefaultESP(), ke.Group), wire.ProtocolESP, []byte{0xaa, 0xbb, 0xcc, 0xdd})},
		ruleNonce(), ke,
		&wire.TSPayload{Selectors: nets("10.1.0.0/16")},
		&wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{wire.AnyIPv4()}},
	}
}

func deleteESPRequest(spi uint32) *wire.DeletePayload {
	return &wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{binary.BigEndian.AppendUint32(nil, spi)}}
}

// What a request is answered, in short.
const (
	yes   = "accepted"
	gone1 = "deleted old"
	none  = "empty"
	later = "TEMPORARY_FAILURE"
	what  = "CHILD_SA_NOT_FOUND"
)

// RFC 7296 2.25, 2.25.1, 2.25.2: what a peer is answered, for every request in
// every state that the client can be in. X is the Child SA that stands at first.
func TestCollisionRules(t *testing.T) {
	t.Parallel()
	for _, state := range []struct {
		name  string
		enter func(w *collision)
		//        rekey X, unknown, delete X, unknown, rekey IKE, delete IKE, create
		want [7]string
	}{
		{"idle", func(*collision) {}, [7]string{yes, what, gone1, none, yes, none, yes}},
		{"creating a Child SA", func(w *collision) {
			w.asks(iketest.TheClient, func() error { return w.p.Do(ike.CreateChild{RemoteTS: nets("10.2.0.0/16")}) })
		}, [7]string{yes, what, gone1, none, later, none, yes}},
		{"rekeying X", func(w *collision) {
			w.rekeys(iketest.TheClient)
		}, [7]string{yes, what, gone1, none, later, none, yes}},
		{"rekeying X, as the peer does", func(w *collision) {
			w.rekeys(iketest.TheClient)
			w.rekeys(iketest.TheGateway)
			w.ask(iketest.TheGateway, "rekey child")
			w.keepAnswer(iketest.TheClient, "accepted")
		}, [7]string{later, what, gone1, none, later, none, yes}},
		{"waiting for the peer to delete X, which it has rekeyed", func(w *collision) {
			w.rekeys(iketest.TheGateway)
			w.ask(iketest.TheGateway, "rekey child")
			w.keepAnswer(iketest.TheClient, "accepted")
		}, [7]string{later, what, gone1, none, yes, none, yes}},
		{"deleting X, which the client has rekeyed", func(w *collision) {
			w.rekeys(iketest.TheClient)
			w.ask(iketest.TheClient, "rekey child")
			w.answer(iketest.TheGateway, "accepted")
		}, [7]string{later, what, none, none, later, none, yes}},
		{"closing X", func(w *collision) {
			w.deletes(iketest.TheClient, "old")
		}, [7]string{later, what, none, none, later, none, yes}},
		{"about to close X, once another request is answered", func(w *collision) {
			w.asks(iketest.TheClient, func() error { return w.p.Do(ike.CheckLiveness{}) })
			w.deletes(iketest.TheClient, "old")
		}, [7]string{later, what, gone1, none, yes, none, yes}},
		{"rekeying the IKE SA", func(w *collision) {
			w.rekeysIKE(iketest.TheClient)
		}, [7]string{later, later, gone1, none, yes, none, later}},
		{"rekeying the IKE SA, as the peer does", func(w *collision) {
			w.rekeysIKE(iketest.TheClient)
			w.rekeysIKE(iketest.TheGateway)
			w.ask(iketest.TheGateway, "rekey ike")
			w.keepAnswer(iketest.TheClient, "accepted")
		}, [7]string{later, later, gone1, none, later, none, later}},
		{"waiting for the peer to delete the IKE SA, which it has rekeyed", func(w *collision) {
			w.rekeysIKE(iketest.TheGateway)
			w.ask(iketest.TheGateway, "rekey ike")
			w.keepAnswer(iketest.TheClient, "accepted")
		}, [7]string{later, later, gone1, none, later, none, later}},
		{"deleting the IKE SA, which the client has rekeyed", func(w *collision) {
			w.rekeysIKE(iketest.TheClient)
			w.ask(iketest.TheClient, "rekey ike")
			w.answer(iketest.TheGateway, "accepted")
		}, [7]string{later, later, gone1, none, later, none, later}},
		{"closing the IKE SA", func(w *collision) {
			w.deletesIKE(iketest.TheClient)
		}, [7]string{later, later, gone1, none, later, none, later}},
	} {
		for i, request := range ruleRequests {
			t.Run(state.name+": "+request.name, func(t *testing.T) {
				t.Parallel()
				w := collide(t, iketest.TheClient, 0, asking("10.1.0.0/16"))
				w.lossy = true
				state.enter(w)
				exchange, payloads := request.ask(w)
				var id uint32
				if err := w.p.Tell(func(now time.Time) error {
					id = w.p.Gateway.Interject(now, exchange, payloads)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				held := w.wire.Held()
				w.deliver(held[len(held)-1])
				var answer *iketest.Held
				for _, m := range w.wire.Held() {
					if m.From == iketest.TheClient && m.Header.Response() && m.Header.MessageID == id {
						answer = m
					}
				}
				if answer == nil {
					t.Fatal("no answer")
				}
				if got := w.says(answer); got != state.want[i] {
					t.Errorf("the answer is %q, want %q", got, state.want[i])
				}
			})
		}
	}
}
