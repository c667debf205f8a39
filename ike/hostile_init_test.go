package ike

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Before keys exist. Who knows our SPI can say anything in the gateway's name, and
// nothing of it ends the attempt (RFC 7296 2.4, 2.6, 2.21.1).

// forge is a full answer to the first IKE_SA_INIT request, changed; the keys of the
// script stay what they are.
func (h *hostile) forge(change func(m *wire.Message)) []byte {
	h.t.Helper()
	trial := *h.script
	trial.sent = append(slices.Clone(h.sent), h.first)
	m, err := wire.ParseMessage(trial.initReply())
	if err != nil {
		h.t.Fatal(err)
	}
	if change != nil {
		change(m)
	}
	return m.Marshal()
}

// withKE is a full answer with other key exchange data.
func (h *hostile) withKE(data []byte) []byte {
	return h.forge(func(m *wire.Message) {
		ke, _ := wire.Find[*wire.KEPayload](m.Payloads)
		ke.Data = data
	})
}

// withNonce is a full answer with another nonce.
func (h *hostile) withNonce(n int) []byte {
	return h.forge(func(m *wire.Message) {
		nonce, _ := wire.Find[*wire.NoncePayload](m.Payloads)
		nonce.Data = h.octets(n)
	})
}

// hint is a notification in an IKE_SA_INIT answer.
func (h *hostile) hint(t wire.NotifyType, data ...byte) []byte {
	return h.plain(0, &wire.NotifyPayload{NotifyType: t, Data: data})
}

// prefixes are all strict prefixes of a message, with its own length field and with
// one that is right.
func prefixes(b []byte) (out [][]byte) {
	for n := range b {
		out = append(out, b[:n])
		if n >= wire.HeaderLen {
			out = append(out, withLength(bytes.Clone(b[:n])))
		}
	}
	return out
}

// withLength sets the header's length field right.
func withLength(b []byte) []byte {
	binary.BigEndian.PutUint32(b[24:], uint32(len(b)))
	return b
}

// lengths are a message with each of its length fields, of the header, of the
// payloads and within SA payloads, too small and too large.
func lengths(b []byte) (out [][]byte) {
	wrong := func(at, size int, right uint64) {
		for _, v := range []uint64{0, 1, 3, 4, right - 1, right + 1, 2*right + 1, 0xffff, 1<<(8*size) - 1} {
			if v == right || size < 8 && v >= 1<<(8*size) {
				continue
			}
			c := bytes.Clone(b)
			for i := range size {
				c[at+i] = byte(v >> (8 * (size - 1 - i)))
			}
			out = append(out, c)
		}
	}
	wrong(24, 4, uint64(len(b)))
	kind := wire.PayloadType(b[16])
	for at := wire.HeaderLen; kind != wire.PayloadNone && at+4 <= len(b); {
		n := int(binary.BigEndian.Uint16(b[at+2:]))
		wrong(at+2, 2, uint64(n))
		switch kind {
		case wire.PayloadSA: // one proposal
			wrong(at+6, 2, uint64(binary.BigEndian.Uint16(b[at+6:])))
			for t := at + 12 + int(b[at+10]); t+4 <= at+n; {
				size := int(binary.BigEndian.Uint16(b[t+2:]))
				wrong(t+2, 2, uint64(size))
				t += size
			}
		case wire.PayloadNotify:
			c := bytes.Clone(b)
			c[at+5] = 0xff // SPI size
			out = append(out, c)
		}
		kind = wire.PayloadType(b[at])
		at += n
	}
	return out
}

// hostileInit are forged answers that are wrong from the outside.
func hostileInit() []misbehaviour {
	stranger := netip.MustParseAddrPort("192.0.2.66:500")
	header := func(name string, want DropReason, change func(b []byte)) misbehaviour {
		return misbehaviour{name: name, want: drops(want), act: func(h *hostile) error {
			b := h.hint(wire.NotifyNoProposalChosen)
			change(b)
			return h.deliver(b)
		}}
	}
	return []misbehaviour{
		{name: "every strict prefix of a full answer", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.each(drops(DropMalformed), prefixes(h.forge(nil))...)
		}},
		{name: "every length field of a full answer too small and too large", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.each(drops(DropMalformed), lengths(h.forge(nil))...)
		}},
		{name: "a datagram without an octet", want: drops(DropMalformed), act: func(h *hostile) error { return h.deliver(nil) }},
		{name: "a NAT keepalive", want: drops(DropMalformed), act: func(h *hostile) error { return h.deliver([]byte{0xff}) }},
		{name: "the non-ESP marker on port 500", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.deliver(append(make([]byte, 4), h.hint(wire.NotifyNoProposalChosen)...))
		}},
		{name: "the non-ESP marker alone, twice", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.each(drops(DropMalformed), make([]byte, 4), make([]byte, 8))
		}},
		{name: "64 KiB of noise", want: drops(DropMalformed), act: func(h *hostile) error { return h.deliver(h.octets(65507)) }},
		{name: "64 KiB of vendor IDs", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.deliver(h.plain(0, &wire.VendorIDPayload{Data: h.octets(32000)}, &wire.VendorIDPayload{Data: h.octets(32000)}))
		}},
		{name: "more than 64 KiB", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.deliver(h.plain(0, &wire.VendorIDPayload{Data: h.octets(65000)}, &wire.VendorIDPayload{Data: h.octets(600)}))
		}},
		{name: "65 payloads", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.deliver(h.plain(0, slices.Repeat([]wire.Payload{&wire.VendorIDPayload{}}, 65)...))
		}},
		header("major version 1", DropMalformed, func(b []byte) { b[17] = 0x10 }),
		header("major version 3", DropMalformed, func(b []byte) { b[17] = 0x30 }),
		header("a minor version and all reserved flags", DropInitAnswer, func(b []byte) { b[17], b[19] = 0x2f, b[19]|0xc7 }),
		header("an exchange of an unknown type", DropUnknownSPI, func(b []byte) { b[18] = 240 }),
		header("an exchange that needs keys", DropUnknownSPI, func(b []byte) { b[18] = byte(wire.ExchangeIKEAuth) }),
		header("message ID 1", DropUnexpected, func(b []byte) { b[23] = 1 }),
		header("message ID 2^32-1", DropUnexpected, func(b []byte) { copy(b[20:], "\xff\xff\xff\xff") }),
		header("another SPI of ours", DropUnknownSPI, func(b []byte) { b[7] ^= 1 }),
		header("a request", DropUnexpected, func(b []byte) { b[19] = 0 }),
		header("an initiator's answer", DropUnexpected, func(b []byte) { b[19] |= byte(wire.FlagInitiator) }),
		{name: "our own request", want: drops(DropUnexpected), act: func(h *hostile) error { return h.deliver(h.first.Data) }},
		{name: "another host", want: drops(DropWrongSource), act: func(h *hostile) error { return h.deliverFrom(stranger, h.forge(nil)) }},
		{name: "nothing in it", want: drops(DropInitAnswer), act: func(h *hostile) error { return h.deliver(h.plain(1)) }},
		{name: "an encrypted payload", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.deliver(h.plain(1, &wire.Encrypted{First: wire.PayloadSA, Body: h.octets(80)}))
		}},
		{name: "a fragment", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.deliver(h.plain(1, &wire.EncryptedFragment{First: wire.PayloadSA, Number: 1, Total: 2, Body: h.octets(80)}))
		}},
		{name: "an unknown critical payload", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.deliver(h.plain(1, &wire.Unknown{PayloadType: 200, Critical: true}))
		}},
		{name: "a responder SPI of zero", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.deliver(h.forge(func(m *wire.Message) { m.ResponderSPI = 0 }))
		}},
		{name: "every error notification that there is", want: drops(DropInitAnswer), act: func(h *hostile) error {
			var all [][]byte
			for n := range wire.NotifyType(64) {
				all = append(all, h.hint(n+1, 1, 2, 3))
			}
			all = slices.DeleteFunc(all, func(b []byte) bool { return bytes.Equal(b, h.hint(wire.NotifyInvalidKEPayload, 1, 2, 3)) })
			all = append(all, h.hint(8191), h.hint(16383))
			err := h.each(drops(DropInitAnswer), all...)
			if late := h.pass(hintWait - time.Millisecond); late != nil {
				h.t.Errorf("ended by what anybody can send: %v", late)
			}
			return err
		}},
		{name: "status notifications alone", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.each(drops(DropInitAnswer), h.hint(wire.NotifyInitialContact), h.hint(wire.NotifyNATDetectionSourceIP, 1),
				h.hint(wire.NotifyUpdateSAAddresses), h.hint(65535))
		}},
		{name: "a redirect without our nonce", want: drops(DropInitAnswer), act: func(h *hostile) error {
			to := GatewayAt("192.0.2.66").append(nil)
			return h.each(drops(DropInitAnswer), h.hint(wire.NotifyRedirect, to...),
				h.hint(wire.NotifyRedirect, append(to, h.octets(32)...)...), h.hint(wire.NotifyRedirect))
		}},
		{name: "a redirect to nowhere", want: drops(DropInitAnswer), act: func(h *hostile) error {
			nonce := h.s.init.nonce // as a reader knows it
			var all [][]byte
			for _, id := range [][]byte{
				{1, 4, 0, 0, 0, 0}, {1, 4, 224, 0, 0, 1}, {1, 4, 127, 0, 0, 1}, {1, 3, 192, 0, 2}, {1, 255},
				append([]byte{2, 16}, make([]byte, 16)...), {3, 0}, {3, 3, 'a', '/', 'b'}, {3, 2, '-', '-'}, {9, 1, 'x'},
			} {
				all = append(all, h.hint(wire.NotifyRedirect, append(id, nonce...)...))
			}
			return h.each(drops(DropInitAnswer), all...)
		}},
		{name: "a redirect that the configuration refuses", want: drops(DropInitAnswer), setup: func(c *Config) { c.NoRedirect = true },
			act: func(h *hostile) error {
				return h.deliver(h.hint(wire.NotifyRedirect, append(GatewayAt("192.0.2.66").append(nil), h.s.init.nonce...)...))
			}},
		{name: "endless cookies", want: drops(DropRetries), act: func(h *hostile) (err error) {
			for i := range 60 {
				err = h.deliver(h.plain(0, cookie(byte(i), byte(i>>8), 1)))
				if late := h.pass(cookieWait / 8); late != nil {
					h.t.Fatal(late)
				}
			}
			return err
		}},
		{name: "cookies without an octet and of too many", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.each(drops(DropInitAnswer), h.plain(0, cookie()), h.plain(0, cookie(h.octets(65)...)), h.plain(0, cookie(h.octets(60000)...)))
		}},
		{name: "a flood of answers for another SPI", want: drops(DropUnknownSPI), act: func(h *hostile) (err error) {
			b := h.forge(nil)
			for range 20000 { // who has not seen our request must guess 64 bits
				copy(b, h.octets(16))
				if err = h.deliver(b); err == nil {
					return nil
				}
			}
			return err
		}},
	}
}
