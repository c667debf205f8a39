package ike

import (
	"bytes"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// OCSP responses that the gateway brings along (RFC 4806), so that its revocation is
// known before the tunnel stands and without a packet beside it:
//
//	--> IKE_AUTH { IDi, CERTREQ(X.509), CERTREQ(OCSP), ... }
//	<-- IKE_AUTH { IDr, CERT(X.509).., CERT(OCSP).., AUTH, ... }

// maxStaples bounds what is kept of them: one for each certificate of a long chain.
const maxStaples = 8

// staplesWanted asks for them, in a payload of its own (RFC 4806 4.1). The list of
// responders is empty: whom the authority has chosen will do, and no other.
func (s *Session) staplesWanted() []wire.Payload {
	if !s.cfg.OCSP {
		return nil
	}
	return []wire.Payload{&wire.CertReqPayload{Encoding: wire.CertOCSPContent}}
}

// staples lists what came. Which certificate each is about it says itself
// (RFC 4806 3.2); the owner judges that. What was not asked for is not looked at.
func (s *Session) staples(ps []wire.Payload) (responses [][]byte) {
	for _, p := range ps {
		c, ok := p.(*wire.CertPayload)
		if ok && s.cfg.OCSP && c.Encoding == wire.CertOCSPContent && len(responses) < maxStaples {
			responses = append(responses, bytes.Clone(c.Data))
		}
	}
	return responses
}
