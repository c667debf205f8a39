package iketest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// handleInit answers IKE_SA_INIT (RFC 7296 1.2): a repeated request gets the
// same octets, a request without a cookie may get one, a wrong group is named,
// and else a half-open IKE SA is made.
//
//	--> HDR(SPIi, 0), SA, KE, Ni, N(NAT_DETECTION_*), ...
//	<-- HDR(SPIi, SPIr), SA, KE, Nr, N(NAT_DETECTION_*), ...
func (r *Responder) handleInit(now time.Time, p Packet, m *wire.Message) {
	if again, ok := r.halfOpen[string(p.Data)]; ok {
		r.trace(now, "   = IKE_SA_INIT repeated")
		again.From, again.To = p.To, p.From
		r.send(again)
		return
	}
	r.trace(now, "--> IKE_SA_INIT { %s }", wire.Describe(m.Payloads))
	r.Received[wire.ExchangeIKESAInit]++
	r.holdForm(now, m.Header, formOf(p.Data))
	if m.Flags != wire.FlagInitiator {
		r.complain(now, "IKE_SA_INIT request with flags %#x (RFC 7296 3.1)", uint8(m.Flags))
	}
	if p.Encap && p.To.Port() != 4500 && p.To.Port() != r.cfg.Port {
		r.complain(now, "IKE_SA_INIT with a marker on port %d", p.To.Port())
	}

	sap, ok1 := wire.Find[*wire.SAPayload](m.Payloads)
	ke, ok2 := wire.Find[*wire.KEPayload](m.Payloads)
	ni, ok3 := wire.Find[*wire.NoncePayload](m.Payloads)
	if !ok1 || !ok2 || !ok3 {
		r.complain(now, "IKE_SA_INIT request without SA, KE or Ni (RFC 7296 1.2)")
		return
	}
	if n, ok := r.refusal(wire.ExchangeIKESAInit); ok {
		r.replyInit(now, p, m, 0, []wire.Payload{notify(n)})
		return
	}
	if r.cfg.Cookie && !r.cookieFits(p, m, ni) {
		r.replyInit(now, p, m, 0, []wire.Payload{notify(wire.NotifyCookie, r.cookie(p, m, ni)...)})
		return
	}
	r.noteRedirects(now, m.Payloads)
	if r.redirectInit(now, p, m, ni) {
		return
	}
	chosen, number, _, err := suite.Select(suite.PreferGroup(r.cfg.IKE, ke.Group), sap.Proposals, wire.ProtocolIKE)
	if err != nil {
		r.replyInit(now, p, m, 0, []wire.Payload{notify(wire.NotifyNoProposalChosen)})
		return
	}
	if chosen.Group[0] != ke.Group {
		want := binary.BigEndian.AppendUint16(nil, chosen.Group[0])
		r.replyInit(now, p, m, 0, []wire.Payload{notify(wire.NotifyInvalidKEPayload, want...)})
		return
	}
	r.openHalf(now, p, m, chosen, number, ke, ni)
}

// openHalf makes the half-open IKE SA and the answer that goes with it.
func (r *Responder) openHalf(now time.Time, p Packet, m *wire.Message, chosen suite.Proposal, number uint8, ke *wire.KEPayload, ni *wire.NoncePayload) {
	public, shared, err := suite.AnswerKeyExchange(ke.Group, ke.Data, r.cfg.Rand)
	if err != nil {
		r.complain(now, "public value: %v", err)
		return
	}
	sa := &ikeSA{r: r, local: r.newSPI(), remote: m.InitiatorSPI, proposal: chosen, serial: r.serial()}
	nr := octets(r.cfg.Rand, 32)
	keys, err := suite.DeriveKeys(chosen, shared, ni.Data, nr, sa.remote, sa.local)
	if err != nil {
		r.complain(now, "%v", err)
		return
	}
	if err := sa.setKeys(keys); err != nil {
		r.complain(now, "%v", err)
		return
	}
	sa.hs = &handshake{request: bytes.Clone(p.Data), ni: bytes.Clone(ni.Data), nr: nr, peerHashes: hashes(m.Payloads)}
	_, offered := wire.Notify(m.Payloads, wire.NotifyFragmentationSupported)
	sa.fragments = offered && r.cfg.Fragments
	sa.expected = 1
	sa.hs.uncovered = r.cfg.Uncovered
	sa.hs.methods = methodsOf(&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolIKE, nil)})
	r.sas[sa.local] = sa
	r.detectNAT(now, p, m)

	answer := suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolIKE, nil)
	answer[0].Number = number
	payloads := []wire.Payload{
		&wire.SAPayload{Proposals: answer},
		&wire.KEPayload{Group: ke.Group, Data: public},
		&wire.NoncePayload{Data: nr},
		notify(wire.NotifyNATDetectionSourceIP, natHash(sa.remote, sa.local, p.To)...),
		notify(wire.NotifyNATDetectionDestinationIP, natHash(sa.remote, sa.local, p.From)...),
	}
	if len(sa.hs.methods) > 0 {
		if _, ok := wire.Notify(m.Payloads, wire.NotifyIntermediateExchangeSupport); !ok {
			r.complain(now, "additional key exchanges are offered without INTERMEDIATE_EXCHANGE_SUPPORTED (RFC 9370 2.2.1)")
		}
		payloads = append(payloads, notify(wire.NotifyIntermediateExchangeSupport))
	}
	if r.cfg.Fragments {
		payloads = append(payloads, notify(wire.NotifyFragmentationSupported))
	}
	if !r.cfg.NoSignatureHashes {
		// SHA2-256, SHA2-384, SHA2-512 and Identity (RFC 7427 7, RFC 8420).
		payloads = append(payloads, notify(wire.NotifySignatureHashAlgorithms, 0, 2, 0, 3, 0, 4, 0, 5))
	}
	if r.cfg.Client == ClientByCertificate {
		payloads = append(payloads, certRequest(r.cfg.ClientAnchors))
	}
	payloads = r.announceRounds(r.announceChildless(payloads))
	sa.hs.response = r.replyInit(now, p, m, sa.local, payloads)
}

// replyInit sends an answer to IKE_SA_INIT and gives its octets. The answer of
// a half-open IKE SA is kept, for repetitions of the request.
func (r *Responder) replyInit(now time.Time, p Packet, m *wire.Message, spi wire.SPI, payloads []wire.Payload) []byte {
	x := &Exchange{Header: m.Header, Request: m.Payloads, Response: payloads}
	if r.cfg.OnReply != nil {
		r.cfg.OnReply(x)
	}
	answer := &wire.Message{
		Header: wire.Header{
			InitiatorSPI: m.InitiatorSPI, ResponderSPI: spi,
			Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagResponse,
		},
		Payloads: x.Response,
	}
	out := Packet{From: p.To, To: p.From, Encap: p.Encap, Data: answer.Marshal()}
	if spi != 0 {
		r.halfOpen[string(p.Data)] = out
	}
	r.trace(now, "<-- IKE_SA_INIT { %s }", wire.Describe(x.Response))
	r.send(out)
	return out.Data
}

// cookie ties a cookie to nonce, address and SPI, without state (RFC 7296 2.6).
func (r *Responder) cookie(p Packet, m *wire.Message, ni *wire.NoncePayload) []byte {
	mac := hmac.New(sha256.New, r.secret)
	for _, b := range [][]byte{ni.Data, p.From.Addr().AsSlice(), binary.BigEndian.AppendUint64(nil, uint64(m.InitiatorSPI))} {
		mac.Write(b)
	}
	return mac.Sum(nil)
}

// cookieFits wants the cookie to be the first payload (RFC 7296 2.6).
func (r *Responder) cookieFits(p Packet, m *wire.Message, ni *wire.NoncePayload) bool {
	n, ok := m.Payloads[0].(*wire.NotifyPayload)
	return ok && n.NotifyType == wire.NotifyCookie && hmac.Equal(n.Data, r.cookie(p, m, ni))
}

// detectNAT compares the hashes of the client with the addresses of the packet
// (RFC 7296 2.23).
func (r *Responder) detectNAT(now time.Time, p Packet, m *wire.Message) {
	source, ok1 := wire.Notify(m.Payloads, wire.NotifyNATDetectionSourceIP)
	destination, ok2 := wire.Notify(m.Payloads, wire.NotifyNATDetectionDestinationIP)
	if !ok1 || !ok2 {
		r.complain(now, "no NAT detection in IKE_SA_INIT (RFC 7296 2.23)")
		return
	}
	r.ClientBehindNAT = !bytes.Equal(source.Data, natHash(m.InitiatorSPI, 0, p.From))
	r.BehindNAT = !bytes.Equal(destination.Data, natHash(m.InitiatorSPI, 0, p.To))
}

// natHash is SHA-1 over SPIs, address and port (RFC 7296 2.23).
func natHash(i, r wire.SPI, a netip.AddrPort) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(i))
	b = binary.BigEndian.AppendUint64(b, uint64(r))
	b = append(b, a.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, a.Port())
	sum := sha1.Sum(b)
	return sum[:]
}

// hashes reads SIGNATURE_HASH_ALGORITHMS (RFC 7427 4); nil: not sent.
func hashes(ps []wire.Payload) []uint16 {
	n, ok := wire.Notify(ps, wire.NotifySignatureHashAlgorithms)
	if !ok {
		return nil
	}
	out := []uint16{}
	for b := n.Data; len(b) >= 2; b = b[2:] {
		out = append(out, binary.BigEndian.Uint16(b))
	}
	return out
}

// refusal gives the error that the configuration wants for an exchange.
func (r *Responder) refusal(e wire.ExchangeType) (wire.NotifyType, bool) {
	n, ok := r.cfg.Refuse[e]
	if !ok || r.cfg.RefuseTimes > 0 && r.refused >= r.cfg.RefuseTimes {
		return 0, false
	}
	r.refused++
	return n, true
}
