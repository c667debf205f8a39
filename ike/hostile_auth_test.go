package ike

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// While IKE_AUTH is under way, and the gateway has proven nothing: what somebody
// without keys can send is dropped, whatever it says (RFC 7296 2.4, 2.21.2).

// flips are a message with each octet changed, one at a time.
func flips(b []byte) (out [][]byte) {
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		out = append(out, c)
	}
	return out
}

// unprotected are answers and requests that say an error each, without protection.
func (h *hostile) unprotected(kind wire.ExchangeType, id uint32) (out [][]byte) {
	for n := range wire.NotifyType(64) {
		note := &wire.NotifyPayload{NotifyType: n + 1, Data: []byte{0, 1}}
		out = append(out, h.raw(kind, id, true, note), h.raw(kind, id, false, note))
	}
	return out
}

// sealedNoise is a message with the right outside and an SK payload of n octets.
func (h *hostile) sealedNoise(kind wire.ExchangeType, id uint32, response bool, n int) []byte {
	return h.raw(kind, id, response, &wire.Encrypted{First: wire.PayloadNotify, Body: h.octets(n)})
}

// fragmentNoise is one with an SKF payload.
func (h *hostile) fragmentNoise(id uint32, response bool, number, total uint16) []byte {
	return h.raw(h.request().Exchange, id, response, &wire.EncryptedFragment{
		First: wire.PayloadNotify, Number: number, Total: total, Body: h.octets(80),
	})
}

// hostileProving are the rows of an injector.
func hostileProving() []misbehaviour {
	auth := func(name string, want DropReason, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, when: whileProving, want: drops(want), act: act}
	}
	return []misbehaviour{
		auth("every error notification without protection", "", func(h *hostile) error {
			q := h.request()
			h.each(drops(""), h.unprotected(q.Exchange, 0)...)
			return h.each(drops(""), h.unprotected(q.Exchange, q.MessageID)...)
		}),
		auth("a Delete without protection", DropUnprotected, func(h *hostile) error {
			return h.deliver(h.raw(wire.ExchangeInformational, 0, false, &wire.DeletePayload{Protocol: wire.ProtocolIKE}))
		}),
		auth("a redirect without protection", DropUnprotected, func(h *hostile) error {
			return h.deliver(h.raw(wire.ExchangeIKEAuth, h.request().MessageID, true,
				&wire.NotifyPayload{NotifyType: wire.NotifyRedirect, Data: GatewayAt("192.0.2.66").append(nil)}))
		}),
		auth("encrypted payloads of every small length", DropNotAuthentic, func(h *hostile) error {
			var all [][]byte
			for n := range 100 {
				all = append(all, h.sealedNoise(wire.ExchangeIKEAuth, h.request().MessageID, true, n+1),
					h.sealedNoise(wire.ExchangeInformational, 0, false, n+1))
			}
			return h.each(drops(DropNotAuthentic), all...)
		}),
		auth("an encrypted payload of 64 KiB", DropNotAuthentic, func(h *hostile) error {
			return h.deliver(h.sealedNoise(wire.ExchangeIKEAuth, h.request().MessageID, true, 65000))
		}),
		auth("every strict prefix of the answer", "", func(h *hostile) error {
			return h.each(drops(""), prefixes(h.answer(h.authReply()...))...)
		}),
		auth("every octet of the answer changed", "", func(h *hostile) error {
			return h.each(drops(""), flips(h.answer(h.authReply()...))...)
		}),
		auth("every length field of the answer too small and too large", "", func(h *hostile) error {
			return h.each(drops(""), lengths(h.answer(h.authReply()...))...)
		}),
		auth("fragments with impossible numbers", DropFragment, func(h *hostile) error {
			id := h.request().MessageID
			h.each(drops(DropMalformed), h.fragmentNoise(id, true, 0, 2), h.fragmentNoise(id, true, 3, 2), h.fragmentNoise(id, true, 1, 0))
			return h.each(drops(DropFragment),
				h.fragmentNoise(id, true, 1, 65535), h.fragmentNoise(id, true, 65535, 65535), h.fragmentNoise(id, true, 1, 65),
				h.fragmentNoise(0, false, 1, 65535))
		}),
		auth("fragments that are not the gateway's", DropNotAuthentic, func(h *hostile) error {
			var all [][]byte
			for i := range uint16(64) {
				all = append(all, h.fragmentNoise(h.request().MessageID, true, i+1, 64), h.fragmentNoise(0, false, i+1, 64))
			}
			return h.each(drops(DropNotAuthentic), all...)
		}),
		auth("our own request sent back", DropUnknownSPI, func(h *hostile) error { return h.deliver(h.last().Data) }),
		auth("our own request sent back as an answer", DropNotAuthentic, func(h *hostile) error {
			b := bytes.Clone(h.last().Data)
			b[19] = byte(wire.FlagResponse)
			return h.deliver(b)
		}),
		auth("the answer to IKE_SA_INIT again", DropDuplicate, func(h *hostile) error {
			return h.each(drops(DropDuplicate), slices.Repeat([][]byte{h.response}, 1000)...)
		}),
		auth("cookie, group, redirect and errors after the full answer", DropUnexpected, func(h *hostile) error {
			to := append(GatewayAt("192.0.2.66").append(nil), h.s.init.nonce...)
			return h.each(drops(DropUnexpected), h.plain(0, cookie(1)), h.plain(0, invalidKE(0, 19)), h.hint(wire.NotifyRedirect, to...),
				h.hint(wire.NotifyNoProposalChosen), h.hint(wire.NotifyInvalidMajorVersion))
		}),
		auth("message IDs of no request", DropOutside, func(h *hostile) error {
			var all [][]byte
			for _, id := range []uint32{0, 2, 3, 1 << 31, 1<<32 - 1} {
				all = append(all, h.sealedNoise(wire.ExchangeIKEAuth, id, true, 80))
			}
			for _, id := range []uint32{1, 2, 1 << 31, 1<<32 - 1} {
				all = append(all, h.sealedNoise(wire.ExchangeInformational, id, false, 80))
			}
			return h.each(drops(DropOutside), all...)
		}),
		auth("an answer of another exchange", DropOutside, func(h *hostile) error {
			var all [][]byte
			for kind := range 256 {
				if k := wire.ExchangeType(kind); k != wire.ExchangeIKEAuth && k != wire.ExchangeIKESAInit {
					all = append(all, h.sealedNoise(k, h.request().MessageID, true, 80))
				}
			}
			return h.each(drops(DropOutside), all...)
		}),
		auth("SPIs with one octet wrong", "", func(h *hostile) error {
			b := h.answer(h.authReply()...)
			return h.each(drops(""), flips(b)[:16]...)
		}),
		auth("version and flags changed", "", func(h *hostile) error {
			b := h.answer(h.authReply()...)
			return h.each(drops(""), withOctet(b, 17, 0x10), withOctet(b, 17, 0x30), withOctet(b, 17, 0x21), withOctet(b, 19, 0xff),
				withOctet(b, 19, 0x30), withOctet(b, 19, 0))
		}),
		auth("the marker, keepalives and nothing", DropMalformed, func(h *hostile) error {
			return h.each(drops(DropMalformed), nil, []byte{0xff}, make([]byte, 4), append(make([]byte, 4), h.answer()...))
		}),
		{name: "a full answer from another host", when: whileProving, want: drops(DropWrongSource), act: func(h *hostile) error {
			return h.deliverFrom(netip.MustParseAddrPort("192.0.2.66:500"), h.forge(nil))
		}},
	}
}

func withOctet(b []byte, at int, v byte) []byte {
	c := bytes.Clone(b)
	c[at] = v
	return c
}
