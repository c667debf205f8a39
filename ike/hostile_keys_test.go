package ike

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Forged IKE_SA_INIT answers that speak of algorithms, nonces and key exchanges:
// values that no honest peer sends (RFC 6989, RFC 7748 6), downgrades, and groups that
// the gateway would not have wanted.

// withGroup offers one group for the IKE SA.
func withGroup(group uint16) func(*Config) {
	return func(c *Config) { c.IKEProposals[0].Group = []uint16{group} }
}

// hexBytes reads digits.
func hexBytes(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return b
}

// badValues is a row for values of a group, each of which must be refused, in an
// answer to IKE_SA_INIT.
func badValues(name string, group uint16, values func(h *hostile, public []byte) [][]byte) misbehaviour {
	return misbehaviour{name: name, want: drops(DropInitAnswer), setup: withGroup(group), act: func(h *hostile) error {
		m, err := wire.ParseMessage(h.first.Data)
		if err != nil {
			h.t.Fatal(err)
		}
		ours, _ := wire.Find[*wire.KEPayload](m.Payloads)
		var all [][]byte
		for _, v := range values(h, ours.Data) {
			all = append(all, h.withKE(v))
		}
		return h.each(drops(DropInitAnswer), all...)
	}}
}

// fixed gives the same values whatever the world is.
func fixed(values ...[]byte) func(*hostile, []byte) [][]byte {
	return func(*hostile, []byte) [][]byte { return values }
}

// smallX25519 are the points of small order (RFC 7748 6.1), in forms that reduce to them.
var smallX25519 = [][]byte{
	make([]byte, 32),
	hexBytes("0100000000000000000000000000000000000000000000000000000000000000"),
	hexBytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
	hexBytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
	hexBytes("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	hexBytes("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	hexBytes("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	hexBytes("0000000000000000000000000000000000000000000000000000000000000080"),
}

// smallX448 are 0, 1, p-1 and p (RFC 7748 6.2).
var smallX448 = [][]byte{
	make([]byte, 56),
	append([]byte{1}, make([]byte, 55)...),
	append(append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 27)...), append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 27)...)...),
	append(bytes.Repeat([]byte{0xff}, 28), append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 27)...)...),
}

// modpEdges are 0, 1, p-1, p and p+1 for a modulus that begins and ends with 64 ones.
func modpEdges(h *hostile, _ []byte) [][]byte {
	p := hexBytes(prime2048)
	add := func(d byte) []byte { b := bytes.Clone(p); b[len(b)-1] += d; return b }
	next := bytes.Clone(p) // p+1
	for i := len(next) - 1; ; i-- {
		if next[i]++; next[i] != 0 {
			break
		}
	}
	one := append(make([]byte, 255), 1)
	return [][]byte{make([]byte, 256), one, add(0xff), p, next, bytes.Repeat([]byte{0xff}, 256)}
}

// prime2048 is the modulus of group 14 (RFC 3526 3).
const prime2048 = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd" +
	"ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f" +
	"83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510" +
	"15728e5a8aacaa68ffffffffffffffff"

// hostileKeys are those rows.
func hostileKeys() []misbehaviour {
	lengths := func(h *hostile, public []byte) [][]byte {
		n := len(public)
		var out [][]byte
		for _, size := range []int{0, 1, n - 1, n + 1, 2 * n, 60000} {
			out = append(out, h.octets(size))
		}
		return out
	}
	rows := []misbehaviour{
		badValues("x25519 values of small order", suite.GroupX25519, fixed(smallX25519...)),
		badValues("x25519 values of wrong lengths", suite.GroupX25519, lengths),
		badValues("x448 values of small order", suite.GroupX448, fixed(smallX448...)),
		badValues("x448 values of wrong lengths", suite.GroupX448, lengths),
		badValues("points off the curve P-256", suite.GroupP256, func(_ *hostile, public []byte) [][]byte {
			off := bytes.Clone(public)
			off[63] ^= 1
			swapped := append(bytes.Clone(public[32:]), public[:32]...)
			return [][]byte{off, swapped, bytes.Repeat([]byte{0xff}, 64), bytes.Repeat([]byte{1}, 64)}
		}),
		badValues("the point at infinity of P-256", suite.GroupP256, fixed(make([]byte, 64), []byte{0})),
		badValues("points of P-256 with a form octet", suite.GroupP256, func(_ *hostile, public []byte) [][]byte {
			return [][]byte{append([]byte{2 + public[63]&1}, public[:32]...), append([]byte{4}, public...)}
		}),
		badValues("points of P-521 off the curve", suite.GroupP521, func(_ *hostile, public []byte) [][]byte {
			off := bytes.Clone(public)
			off[131] ^= 1
			return [][]byte{off, make([]byte, 132), bytes.Repeat([]byte{0xff}, 132)}
		}),
		badValues("the edges of a MODP group", suite.Group2048, modpEdges),
		badValues("MODP values of wrong lengths", suite.Group2048, lengths),
		badValues("values outside the subgroup of group 24", suite.Group2048S256, func(*hostile, []byte) [][]byte {
			two := append(make([]byte, 255), 2)
			return [][]byte{make([]byte, 256), append(make([]byte, 255), 1), two, bytes.Repeat([]byte{0x55}, 256)}
		}),
		{name: "nonces shorter and longer than there are", want: drops(DropMalformed), act: func(h *hostile) error {
			return h.each(drops(DropMalformed), h.withNonce(0), h.withNonce(1), h.withNonce(15), h.withNonce(257), h.withNonce(60000))
		}},
		{name: "nonces shorter than half the key", want: drops(DropInitAnswer),
			setup: func(c *Config) { c.IKEProposals[0].PRF = []uint16{suite.PRF_HMAC_SHA2_512} },
			act: func(h *hostile) error {
				return h.each(drops(DropInitAnswer), h.withNonce(16), h.withNonce(17), h.withNonce(31))
			}},
		{name: "a nonce of an odd length", want: serves, act: func(h *hostile) error { return h.deliver(h.withNonce(17)) }},
		{name: "a key exchange of another group than chosen", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.deliver(h.forge(func(m *wire.Message) {
				ke, _ := wire.Find[*wire.KEPayload](m.Payloads)
				ke.Group = suite.GroupP256
			}))
		}},
		{name: "no key exchange, no nonce", want: drops(DropInitAnswer), act: func(h *hostile) error {
			without := func(kind wire.PayloadType) []byte {
				return h.forge(func(m *wire.Message) {
					m.Payloads = slices.DeleteFunc(m.Payloads, func(p wire.Payload) bool { return p.Type() == kind })
				})
			}
			return h.each(drops(DropInitAnswer), without(wire.PayloadKE), without(wire.PayloadNonce))
		}},
	}
	return append(rows, hostileChoices()...)
}

// chosen is a full answer that chooses something else.
func (h *hostile) chosen(change func(p *wire.Proposal)) []byte {
	return h.forge(func(m *wire.Message) {
		sa, _ := wire.Find[*wire.SAPayload](m.Payloads)
		change(&sa.Proposals[0])
	})
}

// hostileChoices are downgrades.
func hostileChoices() []misbehaviour {
	transform := func(h *hostile, was, is wire.Transform) []byte {
		return h.chosen(func(p *wire.Proposal) {
			p.Transforms = slices.Clone(p.Transforms)
			for i, t := range p.Transforms {
				if t.Type == was.Type {
					p.Transforms[i] = is
				}
			}
		})
	}
	encr := wire.Transform{Type: wire.TransformENCR}
	groups := wire.Transform{Type: wire.TransformKE}
	return []misbehaviour{
		{name: "algorithms that were not offered", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.each(drops(DropInitAnswer),
				transform(h, encr, wire.Transform{Type: wire.TransformENCR, ID: 2}),
				transform(h, encr, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_3DES}),
				transform(h, encr, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_NULL}),
				transform(h, encr, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_AES_GCM_16, KeyLen: 128}),
				transform(h, encr, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_AES_GCM_16}),
				transform(h, wire.Transform{Type: wire.TransformPRF}, wire.Transform{Type: wire.TransformPRF, ID: suite.PRF_HMAC_SHA1}))
		}},
		{name: "groups that were not offered", want: drops(DropInitAnswer), act: func(h *hostile) error {
			var all [][]byte
			for _, g := range []uint16{0, 1, 2, 5, 14, 22, 24, 65535} {
				all = append(all, transform(h, groups, wire.Transform{Type: wire.TransformKE, ID: g}))
			}
			return h.each(drops(DropInitAnswer), all...)
		}},
		{name: "a choice that is left open", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.each(drops(DropInitAnswer),
				h.chosen(func(p *wire.Proposal) { p.Transforms = append(slices.Clone(p.Transforms), p.Transforms[0]) }),
				h.chosen(func(p *wire.Proposal) { p.Transforms = nil }),
				h.chosen(func(p *wire.Proposal) { p.Protocol = wire.ProtocolESP }),
				h.chosen(func(p *wire.Proposal) { p.SPI = h.octets(4) }),
				h.forge(func(m *wire.Message) {
					sa, _ := wire.Find[*wire.SAPayload](m.Payloads)
					sa.Proposals = append(sa.Proposals, sa.Proposals[0])
				}))
		}},
		{name: "the key length hidden behind an unknown attribute", want: drops(DropInitAnswer), act: func(h *hostile) error {
			b := h.forge(nil)
			at := bytes.Index(b, []byte{0x80, 14, 1, 0}) // Key Length = 256
			b[at+1] = 15
			return h.deliver(b)
		}},
		{name: "IKE_INTERMEDIATE stripped", want: drops(DropInitAnswer), setup: func(c *Config) {
			hybrid := c.IKEProposals[0]
			hybrid.AddKE[0] = []uint16{suite.GroupMLKEM768}
			c.IKEProposals = append(c.IKEProposals, hybrid)
		}, act: func(h *hostile) error {
			return h.deliver(h.chosen(func(p *wire.Proposal) {
				p.Transforms = append(slices.Clone(p.Transforms), wire.Transform{Type: wire.TransformADDKE1, ID: suite.GroupMLKEM768})
			}))
		}},
		{name: "the additional key exchange stripped", want: drops(DropInitAnswer), setup: func(c *Config) {
			hybrid := c.IKEProposals[0]
			hybrid.AddKE[0] = []uint16{suite.GroupMLKEM768}
			hybrid.Encryption = []suite.Transform{{ID: suite.ENCR_AES_GCM_16, KeyLen: 128}}
			c.IKEProposals = append(c.IKEProposals, hybrid)
		}, act: func(h *hostile) error {
			return h.deliver(transform(h, encr, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_AES_GCM_16, KeyLen: 128}))
		}},
		{name: "the childless start stripped", want: drops(DropInitAnswer), setup: func(c *Config) { c.Childless = ChildlessRequired }, act: func(h *hostile) error {
			err := h.deliver(h.forge(nil))
			h.extras = []wire.Payload{note(wire.NotifyChildlessIKEv2Supported)}
			h.sent = append(h.sent, h.first)
			h.each(serves, h.initReply())
			h.toPSK()
			h.each(serves, h.answer(h.authReply()[:3]...))
			_, request := h.open(h.last())
			h.each(serves, h.answer(h.childReply(request, h.childSPI, h.octets(32))...))
			return err
		}},
		{name: "groups to try that were not offered", want: drops(DropInitAnswer), act: func(h *hostile) error {
			var all [][]byte
			for _, g := range []uint16{0, 1, 2, 5, 14, 22, 24, 65535} {
				all = append(all, h.plain(0, invalidKE(binary.BigEndian.AppendUint16(nil, g)...)))
			}
			return h.each(drops(DropInitAnswer), all...)
		}},
		{name: "groups to try of wrong lengths", want: drops(DropInitAnswer), act: func(h *hostile) error {
			return h.each(drops(DropInitAnswer), h.plain(0, invalidKE()), h.plain(0, invalidKE(31)), h.plain(0, invalidKE(0, 0, 31)), h.plain(0, invalidKE(h.octets(60000)...)))
		}},
		{name: "endless groups to try", want: drops(DropRetries), act: func(h *hostile) (err error) {
			for i := range 501 {
				g := []uint16{suite.GroupP256, suite.GroupX25519}[i%2]
				if err = h.deliver(h.plain(0, invalidKE(0, byte(g)))); err != nil && !drops("").matches(err) {
					return err
				}
			}
			return err
		}},
		{name: "two full answers that nobody stands behind", want: serves, act: func(h *hostile) error {
			return h.each(serves, h.forge(nil), h.forge(nil))
		}},
		{name: "a flood of full answers, until the gateway is asked again", want: drops(DropRetries), datagrams: 24, act: func(h *hostile) (err error) {
			for range 2000 {
				err = h.deliver(h.forge(nil))
				for q, ok := h.unasked(); ok; q, ok = h.unasked() {
					h.do(PSK{ID: q.ID, Key: []byte(scriptPSK)})
				}
			}
			if late := h.pass(2 * time.Second); late != nil {
				h.t.Fatal(late)
			}
			return err
		}},
		{name: "a full answer of 64 KiB", want: serves, act: func(h *hostile) error {
			return h.deliver(h.forge(func(m *wire.Message) {
				m.Payloads = append(m.Payloads,
					&wire.NotifyPayload{NotifyType: wire.NotifySignatureHashAlgorithms, Data: h.octets(30001)},
					&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP, Data: h.octets(30001)})
			}))
		}},
		{name: "NAT detection that lies", want: serves, act: func(h *hostile) error {
			return h.deliver(h.forge(func(m *wire.Message) {
				for range 40 {
					m.Payloads = append(m.Payloads, &wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionDestinationIP, Data: h.octets(20)},
						&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP})
				}
				m.Payloads = m.Payloads[:min(len(m.Payloads), wire.MaxPayloads)]
			}))
		}},
	}
}

// unasked gives the newest question for the key that is still open, once.
func (h *hostile) unasked() (NeedPSK, bool) {
	for i := len(h.events) - 1; i >= 0; i-- {
		if q, ok := h.events[i].(NeedPSK); ok {
			h.events[i] = Step{}
			return q, true
		}
	}
	return NeedPSK{}, false
}
