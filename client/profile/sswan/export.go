package sswan

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/proposal"
)

// document is the file as it is written.
type document struct {
	UUID      string    `json:"uuid"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Remote    remote    `json:"remote"`
	Local     local     `json:"local,omitzero"`
	IKE       string    `json:"ike-proposal,omitempty"`
	ESP       string    `json:"esp-proposal,omitempty"`
	MTU       int       `json:"mtu,omitempty"`
	Keepalive int       `json:"nat-keepalive,omitempty"`
	DNS       []string  `json:"dns-servers,omitempty"`
	Split     splitting `json:"split-tunneling,omitzero"`
}

type remote struct {
	Addr       string     `json:"addr"`
	Port       uint16     `json:"port,omitempty"`
	ID         string     `json:"id,omitempty"`
	Cert       []byte     `json:"cert,omitempty"`
	Revocation revocation `json:"revocation,omitzero"`
}

type revocation struct {
	CRL    *bool `json:"crl,omitempty"`
	OCSP   *bool `json:"ocsp,omitempty"`
	Strict bool  `json:"strict,omitempty"`
}

type local struct {
	EAPID  string `json:"eap_id,omitempty"`
	Secret string `json:"shared_secret,omitempty"`
	ID     string `json:"id,omitempty"`
	P12    []byte `json:"p12,omitempty"`
}

type splitting struct {
	Subnets  []string `json:"subnets,omitempty"`
	Excluded []string `json:"excluded,omitempty"`
}

// Export writes a profile for strongSwan's app, with a report of what the app will
// not understand: a line for each field of the profile, found by reading the file
// again. The error is a *profile.ExportError.
func Export(p profile.Profile, o profile.ExportOptions) ([]byte, []profile.Line, error) {
	doc, err := write(&p, o)
	if err != nil {
		return nil, nil, err
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("sswan: %w", err)
	}
	text = append(text, '\n')
	again, err := ParseWith(text, profile.ImportOptions{AskPassword: func(string, int) ([]byte, error) { return bytes.Clone(o.Password), nil }})
	if err != nil {
		return nil, nil, &profile.ExportError{Sentence: fmt.Sprintf("the profile %q cannot be written as a file of strongSwan's app", p.Name), Err: err}
	}
	again[0].Secrets.Clear()
	lines := profile.Losses(&p, &again[0].Profile, losses, lowering...)
	return text, append(lines, doc.tellSecrets()...), nil
}

// losses say what it means that the app does not know a field.
var losses = map[string]string{
	"gateway.anchors":            "the app takes one authority, the first",
	"gateway.intermediates":      "the gateway has to send them itself",
	"gateway.pins":               "the app compares no keys",
	"gateway.issuer_name":        "the app does not look at who issued the gateway's certificate",
	"gateway.certificate_name":   "the app wants the gateway's identity, else its address, in the certificate",
	"client.certificates":        "a private key is written only under a password; choose the certificate on the device",
	"client.certificate_issuers": "the certificate is chosen on the device",
	"client.token":               "the certificate is chosen on the device",
	"client.eap":                 "the app lets the gateway choose the method",
	"ike.strict":                 "the app offers these proposals and no others",
	"child.strict":               "the app offers these proposals and no others",
	"ike.lifetime":               "the app has lifetimes of its own",
	"child.lifetime":             "the app has lifetimes of its own",
	"child.pfs":                  "the app exchanges keys at a rekey where each of its proposals has a group",
	"traffic.full":               "the app sends everything through the tunnel where no networks are named",
	"traffic.kill_switch":        "Android has its own, in the settings of the connection",
	"dns.domains":                "the app asks the tunnel's servers for every name",
	"on_demand":                  "Android has its own, always-on, in the settings of the connection",
	"session.liveness":           "the app has a time of its own",
	"client.further[].username":  "the app knows one user name",
	"client.further[].identity":  "the app knows one identity",
	"traffic.mtu":                "the app takes 1280 to 1500",
	"session.nat_keepalive":      "the app takes 10 to 120 seconds",
	"gateway.quirks":             "the app knows no such gateways",
	"client.eap_only":            "the app wants a certificate of the gateway",
	"traffic.accept_pushed":      "the app sends what the profile names through the tunnel, and nothing else",
	"traffic.allow_pushed":       "the app sends what the profile names through the tunnel, and nothing else",
}

// lowering are the fields whose loss takes a protection away.
var lowering = []string{
	"gateway.pins", "gateway.issuer_name", "gateway.certificate_name", "traffic.kill_switch", "client.eap.server_names", "client.eap.anchors",
}

// write puts what the app knows into a document.
func write(p *profile.Profile, o profile.ExportOptions) (*document, error) {
	if err := p.Validate(); err != nil {
		return nil, &profile.ExportError{Sentence: fmt.Sprintf("the profile %q is not valid and cannot be written", profile.CleanText(p.Name, 80)), Err: err}
	}
	typ, err := typeOf(p)
	if err != nil {
		return nil, err
	}
	doc := &document{
		UUID: uuid(p), Name: p.Name, Type: typ,
		Remote: remote{Addr: p.Gateway.Address, Port: p.Gateway.Port, ID: p.Gateway.Identity},
		Local:  local{ID: p.Client.Identity},
		IKE:    proposal.Format(p.IKE.Proposals), ESP: proposal.Format(p.Child.Proposals),
	}
	if len(p.Gateway.Anchors) > 0 {
		doc.Remote.Cert = p.Gateway.Anchors[0]
	}
	switch p.Gateway.Revocation.Mode() {
	case profile.RevocationStrict:
		doc.Remote.Revocation.Strict = true
	case profile.RevocationOff:
		doc.Remote.Revocation = revocation{CRL: new(bool), OCSP: new(bool)}
	}
	doc.writeTraffic(p)
	return doc, doc.writeSignIn(p, o)
}

// typeOf finds the way to sign in.
func typeOf(p *profile.Profile) (string, error) {
	cannot := func(why string) (string, error) {
		return "", &profile.ExportError{Sentence: fmt.Sprintf("strongSwan's app cannot sign in to %q: %s", profile.CleanText(p.Name, 80), why)}
	}
	if p.Gateway.Auth != profile.GatewayCertificate {
		return cannot("it knows no shared keys")
	}
	c := &p.Client
	eap, byEAP := c.SignIn()
	password := func(e profile.EAP) bool {
		return slices.ContainsFunc(e.Methods, func(m profile.EAPMethod) bool { return m != profile.EAPTLS && !m.OverTLS() })
	}
	switch {
	case len(c.Further) > 1:
		return cannot("it knows two sign-ins at most")
	case len(c.Further) == 1:
		second, _ := c.Further[0].SignIn()
		if c.Auth != profile.ClientCertificate || !password(second) {
			return cannot("of two sign-ins it knows only a certificate, then a password")
		}
		return typeCertEAP, nil
	case c.Auth == profile.ClientCertificate:
		return typeCert, nil
	case byEAP && password(eap):
		return typeEAP, nil
	case byEAP && slices.Contains(eap.Methods, profile.EAPTLS):
		return typeTLS, nil
	}
	return cannot("it knows no password inside TLS (PEAP, TTLS)")
}

// uuid is the file's own, so that it replaces what it came from, or one that stays
// the same for the profile.
func uuid(p *profile.Profile) string {
	if isUUID.MatchString(p.Origin.Identifier) {
		return p.Origin.Identifier
	}
	id := p.ID
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (d *document) writeTraffic(p *profile.Profile) {
	texts := func(list []netip.Prefix) (out []string) {
		for _, n := range list {
			out = append(out, n.String())
		}
		return out
	}
	if !p.Traffic.Full {
		d.Split.Subnets = texts(p.Traffic.Include)
	}
	d.Split.Excluded = texts(p.Traffic.Exclude)
	if n := p.Traffic.MTU; n >= minMTU && n <= maxMTU {
		d.MTU = n
	}
	if n := time.Duration(p.Session.NATKeepalive); n >= minKeepalive*time.Second && n <= maxKeepalive*time.Second {
		d.Keepalive = int(n / time.Second)
	}
	for _, a := range p.DNS.Servers {
		d.DNS = append(d.DNS, a.String())
	}
}

// writeSignIn writes who signs in, and the secrets that may leave.
func (d *document) writeSignIn(p *profile.Profile, o profile.ExportOptions) error {
	switch d.Type {
	case typeEAP:
		d.Local.EAPID, d.Local.Secret = p.Client.Username, string(o.Secrets.Password)
		return nil
	case typeCertEAP:
		if d.Local.EAPID = p.Client.Further[0].Username; d.Local.EAPID == "" {
			d.Local.EAPID = p.Client.Username
		}
	}
	if len(o.Secrets.PrivateKey) == 0 || len(o.Password) == 0 || len(p.Client.Certificates) == 0 {
		return nil
	}
	var err error
	if d.Local.P12, err = sealed(p.Client.Certificates, o); err != nil {
		return &profile.ExportError{Sentence: fmt.Sprintf("the certificate of %q cannot be written", profile.CleanText(p.Name, 80)), Err: err}
	}
	return nil
}

// sealed puts a certificate and its key under the password.
func sealed(chain [][]byte, o profile.ExportOptions) ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(o.Secrets.PrivateKey)
	if err != nil {
		return nil, err
	}
	certs := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		if certs[i], err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	return pkcs12.Modern.Encode(key, certs[0], certs[1:], string(o.Password))
}

// tellSecrets says which secrets are in the file.
func (d *document) tellSecrets() (lines []profile.Line) {
	if d.Local.Secret != "" {
		lines = append(lines, profile.Line{Path: "local.shared_secret", Value: "hidden", Verdict: profile.Honoured, Lowers: true,
			Note: "the password stands in the file: whoever has the file can sign in"})
	}
	if d.Local.P12 != nil {
		lines = append(lines, profile.Line{Path: "local.p12", Value: "hidden", Verdict: profile.Honoured,
			Note: "the private key stands in the file, under the password that you gave"})
	}
	return lines
}
