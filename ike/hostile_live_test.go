package ike

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The line stands, and somebody without keys sends to it: it goes on, and at most a
// seldom question to the gateway comes of it (RFC 7296 1.5, 2.4, 2.21.4).

// recordedRequests makes the gateway send a few requests, and gives their octets.
func (h *hostile) recordedRequests() (out [][]byte) {
	for range 4 {
		b := h.seal(wire.ExchangeInformational, h.nextID, false)
		h.nextID++
		if err := h.deliver(b); err != nil {
			h.t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// hostileLive are those rows.
func hostileLive() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, when: whileConnected, want: want, act: act}
	}
	drop := func(name string, want DropReason, act func(h *hostile) error) misbehaviour {
		return row(name, drops(want), act)
	}
	return []misbehaviour{
		drop("every error notification without protection, for two minutes", "", func(h *hostile) (err error) {
			sent := len(h.sent)
			for range 120 {
				err = h.each(drops(""), h.unprotected(wire.ExchangeInformational, h.nextID)...)
				if h.s.current.window.request != nil {
					if late := h.respond(); late != nil {
						h.t.Fatal(late)
					}
				}
				if late := h.pass(time.Second); late != nil {
					h.t.Fatal(late)
				}
			}
			if n := len(h.sent) - sent; n > 13 {
				h.t.Errorf("%d questions to the gateway in two minutes", n)
			}
			return err
		}),
		drop("INVALID_IKE_SPI and INVALID_SPI as requests of nobody", DropUnknownSPI, func(h *hostile) error {
			stray := func(n wire.NotifyType) []byte {
				m := wire.Message{Header: wire.Header{InitiatorSPI: h.spiI, Exchange: wire.ExchangeInformational},
					Payloads: []wire.Payload{&wire.NotifyPayload{NotifyType: n, Data: spiBytes(h.childSPI)}}}
				return m.Marshal()
			}
			return h.each(drops(DropUnknownSPI), stray(wire.NotifyInvalidIKESPI), stray(wire.NotifyInvalidSPI), stray(wire.NotifyInvalidMajorVersion))
		}),
		drop("a Delete, a redirect and an update without protection", DropUnprotected, func(h *hostile) error {
			q := func(ps ...wire.Payload) []byte { return h.raw(wire.ExchangeInformational, h.nextID, false, ps...) }
			return h.each(drops(DropUnprotected), q(&wire.DeletePayload{Protocol: wire.ProtocolIKE}),
				q(&wire.NotifyPayload{NotifyType: wire.NotifyRedirect, Data: GatewayAt("192.0.2.66").append(nil)}),
				q(&wire.NotifyPayload{NotifyType: wire.NotifyUpdateSAAddresses}), q(&wire.NotifyPayload{NotifyType: wire.NotifyNoAdditionalAddresses}), q())
		}),
		row("the gateway's last request again and again", serves, func(h *hostile) error {
			all := h.recordedRequests()
			h.inputs = 0
			return h.each(serves, slices.Repeat(all[3:], 12)...)
		}),
		drop("the gateway's older requests again", DropOutside, func(h *hostile) error {
			all := h.recordedRequests()
			return h.each(drops(DropOutside), slices.Repeat(all[:3], 1000)...)
		}),
		drop("the gateway's answers again", DropOutside, func(h *hostile) error {
			h.do(CheckLiveness{})
			b := h.answer()
			if err := h.deliver(b); err != nil {
				h.t.Fatal(err)
			}
			return h.each(drops(DropOutside), slices.Repeat([][]byte{b}, 1000)...)
		}),
		drop("the messages of IKE_SA_INIT again", DropUnexpected, func(h *hostile) error {
			return h.each(drops(DropUnexpected), h.response, h.first.Data, h.plain(0, cookie(1)), h.plain(0, invalidKE(0, 19)), h.hint(wire.NotifyNoProposalChosen))
		}),
		drop("our own messages sent back", DropUnknownSPI, func(h *hostile) error {
			h.do(CheckLiveness{})
			return h.each(drops(DropUnknownSPI), h.last().Data, h.last().Data)
		}),
		drop("an answer that nobody asked for", DropOutside, func(h *hostile) error {
			var all [][]byte
			for _, id := range []uint32{0, 1, 2, 3, 100, 1 << 31, 1<<32 - 1} {
				all = append(all, h.sealedNoise(wire.ExchangeInformational, id, true, 64), h.raw(wire.ExchangeInformational, id, true))
			}
			return h.each(drops(DropOutside), all...)
		}),
		drop("requests outside the window", DropOutside, func(h *hostile) error {
			h.recordedRequests()
			var all [][]byte
			for _, id := range []uint32{0, 1, 2, 5, 6, 1 << 31, 1<<32 - 1} {
				all = append(all, h.sealedNoise(wire.ExchangeInformational, id, false, 64))
			}
			return h.each(drops(DropOutside), all...)
		}),
		drop("SPIs with one bit wrong", DropUnknownSPI, func(h *hostile) error {
			b := h.seal(wire.ExchangeInformational, h.nextID, false)
			var all [][]byte
			for bit := range 128 {
				c := bytes.Clone(b)
				c[bit/8] ^= 1 << (bit % 8)
				all = append(all, c)
			}
			return h.each(drops(DropUnknownSPI), all...)
		}),
		drop("every strict prefix of a request", "", func(h *hostile) error {
			return h.each(drops(""), prefixes(h.seal(wire.ExchangeInformational, h.nextID, false, &wire.DeletePayload{Protocol: wire.ProtocolIKE}))...)
		}),
		drop("every octet of a request changed", "", func(h *hostile) error {
			return h.each(drops(""), flips(h.seal(wire.ExchangeInformational, h.nextID, false, &wire.DeletePayload{Protocol: wire.ProtocolIKE}))...)
		}),
		drop("every octet of an answer changed", "", func(h *hostile) error {
			h.do(CheckLiveness{})
			return h.each(drops(""), flips(h.answer())...)
		}),
		drop("octets behind a request", "", func(h *hostile) error {
			b := h.seal(wire.ExchangeInformational, h.nextID, false)
			return h.each(drops(""), append(bytes.Clone(b), 0), withLength(append(bytes.Clone(b), 0)), append(bytes.Clone(b), b...))
		}),
		drop("every type of exchange with noise in it", "", func(h *hostile) error {
			var all [][]byte
			for kind := range 256 {
				all = append(all, h.sealedNoise(wire.ExchangeType(kind), h.nextID, false, 64), h.sealedNoise(wire.ExchangeType(kind), h.nextID, true, 64))
			}
			return h.each(drops(""), all...)
		}),
		drop("encrypted payloads of every small length", DropNotAuthentic, func(h *hostile) error {
			var all [][]byte
			for n := range 100 {
				all = append(all, h.sealedNoise(wire.ExchangeInformational, h.nextID, false, n+1))
			}
			return h.each(drops(DropNotAuthentic), all...)
		}),
		drop("fragments of a request that are not the gateway's", "", func(h *hostile) error {
			h.do(CheckLiveness{})
			var all [][]byte
			for i := range uint16(66) {
				all = append(all, h.fragmentNoise(h.nextID, false, i, 65), h.fragmentNoise(h.nextID, false, i, 64), h.fragmentNoise(h.nextID, false, 1, 65535-i))
			}
			return h.each(drops(""), all...)
		}),
		drop("ESP, keepalives, markers and nothing", DropMalformed, func(h *hostile) error {
			esp := append(spiBytes(h.childSPI), h.octets(200)...)
			return h.each(drops(DropMalformed), nil, []byte{0xff}, make([]byte, 4), esp, append(make([]byte, 4), h.seal(wire.ExchangeInformational, h.nextID, false)...))
		}),
		row("a request of the gateway's from a stranger's address", serves, func(h *hostile) error {
			b := h.seal(wire.ExchangeInformational, h.nextID, false)
			h.nextID++
			was := h.s.path
			err := h.deliverFrom(netip.MustParseAddrPort("192.0.2.66:4500"), b)
			if h.s.path != was {
				h.t.Errorf("the path is %v now", h.s.path)
			}
			return err
		}),
		row("the gateway's word about its addresses, from a stranger's", serves, func(h *hostile) error {
			h.byMOBIKE()
			was := h.s.path
			err := h.deliverFrom(netip.MustParseAddrPort("192.0.2.66:4500"), h.next(note(wire.NotifyNoAdditionalAddresses)))
			if late := h.pass(3 * time.Second); late != nil {
				h.t.Fatal(late)
			}
			// The gateway has got what went to its own address, and answers from there.
			_, update := h.open(h.last())
			cookie, _ := wire.Notify(update, wire.NotifyCookie2)
			if late := h.deliverFrom(was.remote, h.answer(cookie)); late != nil {
				h.t.Fatal(late)
			}
			if h.s.path.remote != was.remote {
				h.t.Errorf("the path is %v, was %v", h.s.path, was)
			}
			return err
		}),
		{name: "everything after the end", when: whileConnected, want: ends(CauseClosedByGateway), by: gateway, act: func(h *hostile) error {
			next := h.seal(wire.ExchangeInformational, h.nextID+1, false)
			err := h.inform(&wire.DeletePayload{Protocol: wire.ProtocolIKE})
			h.each(drops(DropIdle), next, h.response, nil)
			return err
		}},
	}
}
