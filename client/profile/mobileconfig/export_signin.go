package mobileconfig

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
)

// signIn writes where the gateway is, and how both sides prove who they are.
func (w *writer) signIn() error {
	p := w.profile
	if len(p.Client.Further) > 0 {
		return &profile.ExportError{Sentence: fmt.Sprintf("Apple's devices cannot sign in to %s: they know one sign-in, and no second one", quote(p.Name))}
	}
	w.ike.set("RemoteAddress", p.Gateway.Address)
	remote := p.Gateway.Identity
	if remote == "" {
		remote = p.Gateway.Address // Apple's devices want one
	}
	w.ike.set("RemoteIdentifier", remote)
	w.ike.set("LocalIdentifier", p.Client.Identity)
	eap, byEAP := p.Client.SignIn()
	switch {
	case p.Client.Auth == profile.ClientPSK:
		w.ike.set("AuthenticationMethod", methodSecret)
		w.secret("SharedSecret", w.options.Secrets.PSK, "the shared key")
	case byEAP:
		w.byEAP(eap)
	default:
		w.ike.set("AuthenticationMethod", methodCertificate)
	}
	if p.Gateway.Auth == profile.GatewayCertificate {
		w.gatewayProof()
	}
	if p.Client.UsesCertificate() {
		if err := w.clientCertificate(); err != nil {
			return err
		}
	}
	w.sessionKeys()
	return nil
}

// secret writes a secret that may leave, and says so.
func (w *writer) secret(key string, value []byte, what string) {
	if len(value) == 0 {
		return
	}
	w.ike.set(key, string(value))
	w.secrets = append(w.secrets, profile.Line{Path: "IKEv2." + key, Value: hidden, Verdict: profile.Honoured, Lowers: true,
		Note: what + " stands in the file: whoever has the file can sign in"})
}

// byEAP writes a sign-in by EAP. What Apple's devices do without being told is
// written as they know it; all else goes into the dictionary of their networks'
// EAP settings, which they do not read here, and Homeward does.
func (w *writer) byEAP(e profile.EAP) {
	c := &w.profile.Client
	method := methodCertificate
	if c.EAPOnly != profile.EAPOnlyNever {
		method = methodNone
	}
	w.ike.set("AuthenticationMethod", method)
	w.ike.set("ExtendedAuthEnabled", 1)
	w.ike.setText("AuthName", c.Username)
	if e.Password() {
		w.secret("AuthPassword", w.options.Secrets.Password, "the password")
	}
	versions := &w.ike
	d := keyed{}
	if c.Auth == profile.ClientEAP && !plainTLS(e, len(w.options.Secrets.PrivateKey) > 0 && len(w.options.Password) > 0) {
		w.dictionary(&d, e)
		versions = &d
	}
	versions.setText("TLSMinimumVersion", e.MinTLS)
	versions.setText("TLSMaximumVersion", e.MaxTLS)
	if len(d) > 0 {
		w.ike.set(eapDictionary, d)
	}
}

// plainTLS says that a sign-in is EAP-TLS with a certificate that stands in the
// file, and nothing else about it.
func plainTLS(e profile.EAP, inFile bool) bool {
	bare := profile.EAP{Methods: []profile.EAPMethod{profile.EAPTLS}, MinTLS: e.MinTLS, MaxTLS: e.MaxTLS}
	return inFile && bare.Equal(e)
}

// dictionary writes the EAP settings of Apple's networks.
func (w *writer) dictionary(d *keyed, e profile.EAP) {
	var types []any
	for _, m := range e.Methods {
		for _, number := range slices.Sorted(maps.Keys(eapTypes)) {
			if eapTypes[number] == m && number != 5 {
				types = append(types, int(number))
			}
		}
	}
	d.set("AcceptEAPTypes", types)
	if slices.Contains(e.Methods, profile.EAPTTLS) && len(e.Inner) > 0 {
		for name, inner := range innerNames {
			if inner == e.Inner[0] {
				d.set("TTLSInnerAuthentication", name)
			}
		}
	}
	d.setText("OuterIdentity", e.OuterIdentity)
	if !slices.Contains(e.ServerNames, profile.AnyName) {
		d.setList("TLSTrustedServerNames", e.ServerNames)
	}
	// The certificates of a file are trusted for the gateway too: what the gateway is
	// not to show cannot be written.
	var uuids []string
	for _, der := range e.Anchors {
		i := slices.IndexFunc(w.profile.Gateway.Anchors, func(a []byte) bool { return bytes.Equal(a, der) })
		if i < 0 {
			return
		}
		uuids = append(uuids, w.uuid(anchorPart(i)))
	}
	d.setList("PayloadCertificateAnchorUUID", uuids)
}

func anchorPart(i int) string { return fmt.Sprintf("anchor%d", i+1) }

// gatewayProof writes what the gateway's certificate must be like, and the
// certificates that it is checked against.
func (w *writer) gatewayProof() {
	g := &w.profile.Gateway
	w.ike.setText("ServerCertificateCommonName", g.CertificateName)
	w.ike.setText("ServerCertificateIssuerCommonName", g.IssuerName)
	w.ike.setFlag(revocationKey, g.Revocation == profile.RevocationRelaxed || g.Revocation == profile.RevocationStrict)
	for i, der := range g.Anchors {
		w.certificate(typeRoot, anchorPart(i), der)
	}
	for i, der := range g.Intermediates {
		// One that names itself as its issuer would be trusted.
		if c, err := x509.ParseCertificate(der); err == nil && !selfIssued(c) {
			w.certificate(typePKCS1, fmt.Sprintf("intermediate%d", i+1), der)
		}
	}
}

func (w *writer) certificate(typ, part string, der []byte) {
	name := part
	if c, err := x509.ParseCertificate(der); err == nil {
		name = distinguishedName(c)
	}
	d := w.payload(typ, part, name)
	d.set("PayloadContent", der)
	w.certificates = append(w.certificates, d)
}

// clientCertificate writes the certificate and its key, under the password.
func (w *writer) clientCertificate() error {
	o := &w.options
	if len(o.Secrets.PrivateKey) == 0 || len(o.Password) == 0 || len(w.profile.Client.Certificates) == 0 {
		return nil
	}
	data, kind, err := sealed(w.profile.Client.Certificates, o)
	if err != nil {
		return &profile.ExportError{Sentence: fmt.Sprintf("the certificate of %s cannot be written", quote(w.profile.Name)), Err: err}
	}
	const part = "identity"
	d := w.payload(typePKCS12, part, w.profile.Name)
	d.set("PayloadContent", data)
	w.certificates = append(w.certificates, d)
	w.ike.set("PayloadCertificateUUID", w.uuid(part))
	w.ike.setText("CertificateType", kind)
	w.secrets = append(w.secrets, profile.Line{Path: part, Value: hidden, Verdict: profile.Honoured,
		Note: "the private key stands in the file, under the password that you gave"})
	return nil
}

// sealed puts a certificate and its key under the password. Apple's devices read
// the old encryption of PKCS#12 alone, in which the password is all there is.
func sealed(chain [][]byte, o *profile.ExportOptions) (data []byte, kind string, err error) {
	key, err := x509.ParsePKCS8PrivateKey(o.Secrets.PrivateKey)
	if err != nil {
		return nil, "", err
	}
	certs := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		if certs[i], err = x509.ParseCertificate(der); err != nil {
			return nil, "", err
		}
	}
	data, err = pkcs12.LegacyDES.Encode(key, certs[0], certs[1:], string(o.Password))
	return data, certificateType(certs[0]), err
}
