package ike

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Which certificate the client shows (RFC 7296 3.6, 3.7). Where the configuration
// has none, the owner is asked with what the gateway says that it takes:
//
//	<-- IKE_SA_INIT { SAr1, KEr, Nr, [CERTREQ..] }    (question: certificate)
//	--> IKE_AUTH { IDi, CERT.., AUTH, ... }
//
// Nothing authenticates that answer yet, so a CERTREQ is a wish: it may order a
// choice, and never end an attempt (RFC 7296 3.7).

const (
	// maxIssuers bounds the authorities of CERTREQ payloads that are heeded.
	maxIssuers = 256
	// maxChain bounds the certificates that are sent.
	maxChain = 16
)

// NeedCertificate asks for the client's certificate chain, where Config has none.
// Answer with Certificates. With EAP set it is for a method that uses TLS, and only
// Names is looked at.
type NeedCertificate struct {
	ID    uint64
	EAP   bool
	Names [][]byte // distinguished names of authorities that the EAP server takes, DER; none: any
	// Issuers are SHA-1 hashes of the SubjectPublicKeyInfo of the authorities that
	// the gateway names (RFC 7296 3.7). Empty: it names none, and takes what comes.
	// It is the word of somebody who has not yet proven who they are.
	Issuers [][20]byte
	// Hashes are what the gateway verifies signatures with (RFC 7427 4); nil: it
	// did not say, and knows the methods of RFC 7296 and RFC 4754 alone.
	Hashes []uint16
}

// Certificates answers NeedCertificate. In an EAP method no chain and no Err say that
// the client has none, which a server may put up with, and Identity means nothing.
type Certificates struct {
	ID    uint64
	Chain [][]byte // DER, leaf first; kept by the Session
	// Identity is IDi where Config has none; empty: the subject of the leaf.
	Identity auth.Identity
	Err      error
}

func (NeedCertificate) event() {}
func (Certificates) command()  {}

// issuers reads the CERTREQ payloads of an IKE_SA_INIT response. One in another
// encoding, or of a length that is no list of hashes, says nothing.
func issuers(ps []wire.Payload) (hashes [][20]byte) {
	for _, p := range ps {
		c, ok := p.(*wire.CertReqPayload)
		if !ok || c.Encoding != wire.CertX509Signature || len(c.Data)%20 != 0 {
			continue
		}
		for b := c.Data; len(b) > 0 && len(hashes) < maxIssuers; b = b[20:] {
			hashes = append(hashes, [20]byte(b))
		}
	}
	return hashes
}

// lacksCertificate says that the owner must say which certificate to show.
func (s *Session) lacksCertificate() bool {
	return s.cfg.Client == ClientCertificate && len(s.cfg.Certificates) == 0
}

// askCertificate opens the question, once for all candidates that wait for it.
func (a *authentication) askCertificate(s *Session) {
	for _, sa := range s.sas {
		if o := sa.auth; o != nil && o != a && o.question != 0 && o.asked == questionCertificate {
			a.question, a.asked = o.question, questionCertificate
			return
		}
	}
	s.emit(NeedCertificate{ID: a.ask(s, questionCertificate), Issuers: a.issuers, Hashes: a.peerHashes})
}

// takeCertificates goes on with the chain, on every candidate that has waited.
func (a *authentication) takeCertificates(s *Session, now time.Time, c Certificates) error {
	if a.peer != nil {
		a.leaf = nil
		if len(c.Chain) > 0 {
			a.leaf = bytes.Clone(c.Chain[0])
		}
		return a.answerEAP(s, eap.Answer{Certificates: c.Chain, Err: c.Err})
	}
	if c.Err != nil || len(c.Chain) == 0 {
		return credentialsFailure(c.Err, "no certificate was given")
	}
	if len(c.Chain) > maxChain {
		return &Failure{Cause: CauseCredentials, Err: fmt.Errorf("a chain of %d certificates, more than %d", len(c.Chain), maxChain)}
	}
	if len(s.cfg.Identity.Data) == 0 {
		if len(c.Identity.Data) == 0 {
			var err error
			if c.Identity, err = auth.SubjectIdentity(c.Chain[0]); err != nil {
				return &Failure{Cause: CauseCredentials, Err: err}
			}
		}
		s.cfg.Identity = c.Identity
	}
	for _, der := range c.Chain {
		s.cfg.Certificates = append(s.cfg.Certificates, bytes.Clone(der))
	}
	waiting := []*authentication{a}
	for _, sa := range s.sas {
		if o := sa.auth; o != nil && o.question == c.ID && o.asked == questionCertificate {
			o.question = 0
			waiting = append(waiting, o)
		}
	}
	var errs []error
	for _, o := range waiting {
		// A key that one candidate cannot verify may be right for another.
		errs = append(errs, s.doubt(now, o.sa, o.prove(s)))
	}
	return errors.Join(errs...)
}

// shown is the client's certificate in an EAP method; nil: there is none.
func (a *authentication) shown(s *Session) []byte {
	if chain := a.current(s).EAP.TLS.Certificates; a.leaf == nil && len(chain) > 0 {
		return chain[0]
	}
	return a.leaf
}
