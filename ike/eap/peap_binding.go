package eap

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Crypto binding of PEAPv0 (MS-PEAP 3.1.5.5): both ends show that the one who
// ended the tunnel also ran the method inside. Without it, somebody who gets a
// person to run the inner method in the open can play it into a tunnel of his own.

const (
	bindingSize  = 60 // the TLV with its header
	nonceSize    = 32
	nonceOffset  = 8
	macOffset    = nonceOffset + nonceSize
	tunnelKey    = 60 // TK
	ipmkSize     = 40
	innerKeySize = 32 // ISK
	cskSize      = 128

	bindingRequest  = 0
	bindingResponse = 1
)

// binding holds the compound keys of one conversation.
type binding struct {
	ipmk, cmk suite.Secret
	// outer are the TLVs of the server's Start packet, which nothing else protects; we
	// send none.
	outer []byte
}

// newBinding derives the keys from the tunnel's key material and the key of the
// inner method, which may be shorter than 32 octets, or none.
func newBinding(material, inner suite.Secret) *binding {
	isk := make(suite.Secret, innerKeySize)
	defer isk.Clear()
	copy(isk, inner)
	seed := append(suite.Secret("Inner Methods Compound Keys"), isk...)
	defer seed.Clear()
	return splitBinding(prfPlus(material[:ipmkSize], seed, tunnelKey))
}

// resumedBinding is for fast reconnect, where no inner method ran: the tunnel's
// key is the compound key (MS-PEAP 3.1.5.5.2.1).
func resumedBinding(material suite.Secret) *binding {
	return splitBinding(append(suite.Secret(nil), material[:tunnelKey]...))
}

func splitBinding(keys suite.Secret) *binding {
	return &binding{ipmk: keys[:ipmkSize], cmk: keys[ipmkSize:tunnelKey]}
}

func (b *binding) clear() {
	b.ipmk.Clear()
	b.cmk.Clear()
}

// verify checks the server's TLV, which has the right size.
func (b *binding) verify(tlv []byte) error {
	switch {
	case tlv[5] != 0 || tlv[6] != 0:
		return bindingError("the crypto binding is for another version")
	case tlv[7] != bindingRequest:
		return bindingError("the crypto binding is not a request")
	case subtle.ConstantTimeCompare(b.mac(tlv), tlv[macOffset:bindingSize]) != 1:
		return bindingError("the crypto binding does not fit the keys")
	}
	return nil
}

// respond builds the answer to a TLV that was verified: its nonce under our MAC.
func (b *binding) respond(tlv []byte) []byte {
	out := make([]byte, bindingSize)
	out[1], out[3] = tlvCryptoBinding, bindingSize-4
	out[7] = bindingResponse
	copy(out[nonceOffset:], tlv[nonceOffset:macOffset])
	copy(out[macOffset:], b.mac(out))
	return out
}

// mac is the compound MAC: over the TLV without its MAC, PEAP's type and the TLVs
// outside.
func (b *binding) mac(tlv []byte) []byte {
	h := hmac.New(sha1.New, b.cmk)
	h.Write(tlv[:macOffset])
	h.Write(make([]byte, sha1.Size))
	h.Write([]byte{TypePEAP})
	h.Write(b.outer)
	return h.Sum(nil)
}

// sessionKey is the MSK of a conversation that was bound, from the CSK.
func (b *binding) sessionKey() suite.Secret {
	csk := prfPlus(b.ipmk, suite.Secret("Session Key Generating Function\x00"), cskSize)
	msk := append(suite.Secret(nil), csk[:mskSize]...)
	csk.Clear()
	return msk
}

// prfPlus is PRF+ of version 0 (MS-PEAP 3.1.5.5.2.2): each block is made from the
// one before, the seed and the block's number with two zeros behind it.
func prfPlus(key, seed suite.Secret, n int) suite.Secret {
	out := make(suite.Secret, 0, n+sha1.Size)
	var block []byte
	for number := byte(1); len(out) < n; number++ {
		h := hmac.New(sha1.New, key)
		h.Write(block)
		h.Write(seed)
		h.Write([]byte{number, 0, 0})
		block = h.Sum(nil)
		out = append(out, block...)
	}
	clear(block)
	clear(out[n:])
	return out[:n]
}
