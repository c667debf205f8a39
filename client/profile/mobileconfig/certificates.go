package mobileconfig

import (
	"bytes"
	"crypto/x509"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

// The payload types that hold certificates, or say where to get one.
const (
	typeRoot   = "com.apple.security.root"
	typePKCS1  = "com.apple.security.pkcs1" // a certificate, in spite of its name
	typePEM    = "com.apple.security.pem"
	typePKCS12 = "com.apple.security.pkcs12"
	typeSCEP   = "com.apple.security.scep"
	typeACME   = "com.apple.security.acme"
)

// The bounds of certificates in a file.
const (
	maxPayloadContent = 512 << 10
	maxTrusted        = 64
)

// certificates is what a profile holds of them, whichever connection uses it.
type certificates struct {
	options    profile.ImportOptions
	trusted    []trustedCertificate
	payloads   map[string]payload // by folded UUID, those that can be an identity
	identities map[int]*identity  // opened PKCS#12 files, by payload index
	costly     bool               // one took too long: no other is opened
}

// trustedCertificate is a certificate for checking the gateway.
type trustedCertificate struct {
	payload payload
	cert    *x509.Certificate
	anchor  bool // else an intermediate
}

// readCertificates reads the certificate payloads. A damaged one ends the
// import: without it a connection would trust others than the file says.
// PKCS#12 files are opened only when a connection uses them.
func readCertificates(payloads []payload, o profile.ImportOptions) (*certificates, error) {
	cs := &certificates{options: o, payloads: map[string]payload{}, identities: map[int]*identity{}}
	for _, p := range payloads {
		var err error
		switch p.typ {
		case typeRoot, typePKCS1, typePEM:
			err = cs.readTrusted(p)
		case typePKCS12:
			_, err = content(p)
			cs.remember(p)
		case typeSCEP, typeACME:
			cs.remember(p)
		}
		if err != nil {
			return nil, err
		}
	}
	return cs, nil
}

// remember keeps a payload under its UUID; the first of two with one UUID counts.
func (cs *certificates) remember(p payload) {
	uuid := strings.ToLower(p.text("PayloadUUID"))
	if _, taken := cs.payloads[uuid]; !taken && uuid != "" {
		cs.payloads[uuid] = p
	}
}

// holds says that the file has an identity of that UUID.
func (cs *certificates) holds(uuid string) bool {
	_, ok := cs.payloads[strings.ToLower(uuid)]
	return ok
}

// fetched says by what protocol the certificate of that UUID comes from a server, SCEP
// or ACME; empty: the file holds it, or does not know it.
func (cs *certificates) fetched(uuid string) string {
	switch typ := cs.payloads[strings.ToLower(uuid)].typ; typ {
	case typeSCEP, typeACME:
		return strings.ToUpper(strings.TrimPrefix(typ, "com.apple.security."))
	}
	return ""
}

// content gives the data of a certificate payload.
func content(p payload) ([]byte, error) {
	v := p.dict.dict["PayloadContent"]
	switch {
	case v == nil:
		return nil, incomplete("%s has no content", p.label())
	case v.kind == kindText: // PEM text without base64 around it
		return []byte(v.text), nil
	case v.kind != kindData:
		return nil, damaged("the file is damaged: the content of %s is not data", p.label())
	case v.badData != nil:
		e := damaged("the content of %s is not base64: the file is damaged, or a template that was not filled in", p.label())
		e.Err = v.badData
		return nil, e
	case len(v.data) > maxPayloadContent:
		return nil, damaged("the content of %s is larger than %d KiB, which no certificate is", p.label(), maxPayloadContent>>10)
	}
	return v.data, nil
}

// readTrusted reads a payload of one or, as PEM, several certificates.
func (cs *certificates) readTrusted(p payload) error {
	data, err := content(p)
	if err != nil {
		return err
	}
	certs, err := keyfile.Certificates(data)
	if err != nil {
		e := damaged("%s does not hold a certificate that can be read", p.label())
		e.Err = err
		return e
	}
	for _, c := range certs {
		if len(cs.trusted) >= maxTrusted {
			return damaged("the file holds more than %d certificates, which no profile does", maxTrusted)
		}
		anchor := p.typ == typeRoot || selfIssued(c)
		cs.trusted = append(cs.trusted, trustedCertificate{payload: p, cert: c, anchor: anchor})
	}
	return nil
}

// selfIssued says that a certificate names itself as its issuer.
func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// trust gives the anchors and the intermediates for a connection, DER, each
// once.
func (cs *certificates) trust() (anchors, intermediates [][]byte) {
	seen := map[string]bool{}
	for _, t := range cs.trusted {
		if seen[string(t.cert.Raw)] {
			continue
		}
		seen[string(t.cert.Raw)] = true
		if t.anchor {
			anchors = append(anchors, bytes.Clone(t.cert.Raw))
		} else {
			intermediates = append(intermediates, bytes.Clone(t.cert.Raw))
		}
	}
	return anchors, intermediates
}

// certificateReport reports a certificate payload from the view of one
// connection, or gives nil for another type of payload.
func (c *connection) certificateReport(p payload) *section {
	s := newSection(p.path(), p.dict)
	switch p.typ {
	case typeRoot, typePKCS1, typePEM:
		c.tellTrusted(s, p)
	case typePKCS12:
		c.tellPKCS12(s, p)
	case typeSCEP, typeACME:
		s.refuse("PayloadType", "a certificate that has to be fetched from a server; this version does not do that")
		s.rest("not used")
	default:
		return nil
	}
	s.ignoreAll("only names the payload", "PayloadType", "PayloadVersion", "PayloadUUID", "PayloadIdentifier", "PayloadDisplayName",
		"PayloadDescription", "PayloadOrganization", "PayloadEnabled", "PayloadCertificateFileName")
	s.ignoreAll("the key stays in your sealed store", "AllowAllAppsAccess", "KeyIsExtractable")
	s.rest(unknown)
	return s
}

func (c *connection) tellTrusted(s *section, p payload) {
	var names []string
	anchor := false
	for _, t := range c.container.certs.trusted {
		if t.payload.index == p.index {
			names = append(names, describe(t.cert, c.container.source.options.Now))
			anchor = anchor || t.anchor
		}
	}
	value := profile.CleanText(strings.Join(names, "; "), 4*maxShown)
	whom := "gateway"
	if first, _ := c.profile.Client.SignIn(); first.OverTLS() {
		whom = "gateway and the server that signs you in"
	}
	switch {
	case c.profile.Gateway.Auth != profile.GatewayCertificate:
		s.tellAs("PayloadContent", value, profile.Ignored, "the gateway proves itself by the shared key")
	case p.typ == typeRoot:
		s.tellAs("PayloadContent", value, profile.Honoured, "trusted for this connection's "+whom+", and for nothing else")
	case anchor:
		s.tellAs("PayloadContent", value, profile.Approximated, "trusted for this connection's "+whom+", because it stands on its own")
	default:
		s.tellAs("PayloadContent", value, profile.Approximated, "helps to check the gateway's certificate; it is not trusted by itself")
	}
}

func (c *connection) tellPKCS12(s *section, p payload) {
	id := c.identity
	if id == nil || id.payload != p.index {
		s.ignoreAll("this connection does not use it", "PayloadContent", "Password")
		return
	}
	note := "you sign in with it; its key goes to your sealed store"
	if id.Leaf.NotAfter.Before(c.container.source.options.Now) {
		note = "it has expired, so the gateway will not accept it; ask for a new profile"
	}
	s.tellAs("PayloadContent", describe(id.Leaf, c.container.source.options.Now), profile.Honoured, note)
	if id.asked {
		s.approx("Password", "it was missing or wrong, so you were asked")
	} else {
		s.honour("Password", "opens the client certificate; not kept")
	}
}
