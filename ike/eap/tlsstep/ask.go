package tlsstep

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
)

// AskKind says what is asked for.
type AskKind uint8

// The kinds of questions, in the order in which they come.
const (
	AskVerdict     AskKind = iota + 1 // is the server's chain to be trusted?
	AskCertificate                    // which certificate does the client show?
	AskSignature                      // a signature by the key of that certificate
)

// Ask is a question. Its slices may be kept, and not written to.
type Ask struct {
	Kind AskKind

	// AskVerdict: what the server showed, DER, leaf first, and the OCSP response
	// that came with it (RFC 6066 8). Of a resumed session it is what was shown then.
	Chain   [][]byte
	OCSP    []byte
	Resumed bool

	// AskCertificate: the names that the server takes certificates of, DER; none:
	// it did not say. Schemes are what it can verify.
	Issuers [][]byte
	Schemes []tls.SignatureScheme

	// AskSignature: the whole message, to be hashed as Scheme says.
	Scheme  tls.SignatureScheme
	Message []byte
	Leaf    []byte // the certificate whose key is to sign
}

// Answer answers a question. Err says no; with AskVerdict, nothing but Err counts.
type Answer struct {
	Certificates [][]byte // AskCertificate: DER, leaf first; none: show none
	Signature    []byte   // AskSignature
	Err          error
}

// ask pauses with a question until it is answered.
func (c *Conn) ask(q *Ask) (Answer, error) {
	c.asked = q
	ok := c.pause()
	a := c.answer
	c.asked, c.answer = nil, Answer{}
	if !ok {
		return Answer{}, errClosed
	}
	return a, nil
}

// refusal keeps why we end the connection: crypto/tls passes it on as text only.
func (c *Conn) refusal(kind ErrorKind, err error) error {
	c.cause = &Error{Kind: kind, Err: err}
	return c.cause
}

// verify is called by crypto/tls once the server has shown its chain, or when a
// session is resumed, before anything of ours is shown.
func (c *Conn) verify(state tls.ConnectionState) error {
	q := &Ask{Kind: AskVerdict, OCSP: state.OCSPResponse, Resumed: state.DidResume}
	for _, cert := range state.PeerCertificates {
		q.Chain = append(q.Chain, cert.Raw)
	}
	a, err := c.ask(q)
	if err != nil {
		return err
	}
	if a.Err != nil {
		return c.refusal(Untrusted, a.Err)
	}
	return nil
}

// certificate is called by crypto/tls when the server wants to know who we are.
func (c *Conn) certificate(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.wanted = true
	chain := c.cfg.Certificates
	if len(chain) == 0 && !c.cfg.NoCertificate {
		a, err := c.ask(&Ask{Kind: AskCertificate, Issuers: info.AcceptableCAs, Schemes: info.SignatureSchemes})
		if err != nil {
			return nil, err
		}
		if a.Err != nil {
			return nil, c.refusal(NoCertificate, a.Err)
		}
		for _, der := range a.Certificates {
			chain = append(chain, append([]byte(nil), der...))
		}
	}
	if len(chain) == 0 {
		return new(tls.Certificate), nil
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, c.refusal(NoCertificate, err)
	}
	switch leaf.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, c.refusal(NoCertificate, reason("its key is of a kind that cannot sign here"))
	}
	c.given = true
	return &tls.Certificate{Certificate: chain, PrivateKey: &signer{conn: c, leaf: leaf}}, nil
}

// signer stands for the private key, which is elsewhere.
type signer struct {
	conn *Conn
	leaf *x509.Certificate
}

// Public is the key of the certificate.
func (s *signer) Public() crypto.PublicKey { return s.leaf.PublicKey }

// Sign is not what crypto/tls calls where there is SignMessage: whoever holds the
// key may want to hash by himself, and Ed25519 needs the whole message.
func (s *signer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, reason("a digest is not signed")
}

// SignMessage asks for the signature.
func (s *signer) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	scheme := schemeOf(s.leaf.PublicKey, opts)
	if scheme == 0 {
		return nil, s.conn.refusal(NoSignature, reason("the key fits no signature scheme"))
	}
	a, err := s.conn.ask(&Ask{Kind: AskSignature, Scheme: scheme, Message: append([]byte(nil), message...), Leaf: s.leaf.Raw})
	switch {
	case err != nil:
		return nil, err
	case a.Err != nil:
		return nil, s.conn.refusal(NoSignature, a.Err)
	case len(a.Signature) == 0:
		return nil, s.conn.refusal(NoSignature, reason("no signature was given"))
	}
	return append([]byte(nil), a.Signature...), nil
}

// schemeOf names what crypto/tls wants signed, as RFC 8446 4.2.3 does. The names of
// ECDSA's hold for any curve, as in TLS 1.2.
func schemeOf(key crypto.PublicKey, opts crypto.SignerOpts) tls.SignatureScheme {
	_, pss := opts.(*rsa.PSSOptions)
	byHash := func(s256, s384, s512, s1 tls.SignatureScheme) tls.SignatureScheme {
		switch opts.HashFunc() {
		case crypto.SHA256:
			return s256
		case crypto.SHA384:
			return s384
		case crypto.SHA512:
			return s512
		case crypto.SHA1:
			return s1
		}
		return 0
	}
	switch key.(type) {
	case *rsa.PublicKey:
		if pss {
			return byHash(tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512, 0)
		}
		return byHash(tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512, tls.PKCS1WithSHA1)
	case *ecdsa.PublicKey:
		return byHash(tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.ECDSAWithSHA1)
	case ed25519.PublicKey:
		return tls.Ed25519
	}
	return 0
}
