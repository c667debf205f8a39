package strongswan

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// method is what an EAP method of strongSwan is here.
type method struct {
	auth   profile.ClientAuth
	eap    profile.EAP
	note   string
	lowers bool
	lacks  string // why it is not taken over
}

const byMSCHAPv2 = "your password is given by MSCHAPv2, and by no method that shows it"

// methods are the words behind "eap-", and numbers of methods that stand for them.
var methods = map[string]method{
	"":         {auth: profile.ClientMSCHAPv2, note: byMSCHAPv2},
	"dynamic":  {auth: profile.ClientMSCHAPv2, note: byMSCHAPv2},
	"identity": {auth: profile.ClientMSCHAPv2, note: byMSCHAPv2},
	"mschapv2": {auth: profile.ClientMSCHAPv2}, "26": {auth: profile.ClientMSCHAPv2},
	"tls": overTLS(profile.EAPTLS, ""), "13": overTLS(profile.EAPTLS, ""),
	"ttls": overTLS(profile.EAPTTLS, profile.InnerEAPMSCHAPv2), "21": overTLS(profile.EAPTTLS, profile.InnerEAPMSCHAPv2),
	"peap": overTLS(profile.EAPPEAP, profile.InnerMSCHAPv2), "25": overTLS(profile.EAPPEAP, profile.InnerMSCHAPv2),
	"gtc": bare(profile.EAPGTC, "what you type reaches the gateway as it is: right for a one-time code, and wrong for a password"),
	"6":   bare(profile.EAPGTC, "what you type reaches the gateway as it is: right for a one-time code, and wrong for a password"),
	"md5": bare(profile.EAPMD5, "md5 gives the gateway enough to guess your password by, and ties nothing to the line"),
	"4":   bare(profile.EAPMD5, "md5 gives the gateway enough to guess your password by, and ties nothing to the line"),
	"aka": {lacks: "by the card of a telephone (EAP-AKA)"}, "sim": {lacks: "by the card of a telephone (EAP-SIM)"},
	"aka-3gpp2": {lacks: "by the card of a telephone (EAP-AKA)"}, "tnc": {lacks: "with the state of the computer measured (EAP-TNC)"},
	"radius": {lacks: "by a method that only a gateway has (eap-radius): this is the file of a gateway"},
}

func overTLS(m profile.EAPMethod, inner profile.InnerMethod) method {
	out := method{auth: profile.ClientEAP, eap: profile.EAP{Methods: []profile.EAPMethod{m}}}
	if inner != "" {
		out.eap.Inner = []profile.InnerMethod{inner}
		out.note = "inside TLS your password is given by MSCHAPv2"
	}
	return out
}

func bare(m profile.EAPMethod, note string) method {
	return method{auth: profile.ClientEAP, eap: profile.EAP{Methods: []profile.EAPMethod{m}}, note: note, lowers: true}
}

// SplitAuth cuts a way to sign in into its kind and, behind it, the EAP method or
// the demands on keys and hashes: "eap-tls", "rsa-3072-sha256", "ike:pubkey-ed25519".
func SplitAuth(text string) (kind, rest string) {
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimPrefix(text, "ike:")
	text, _, _ = strings.Cut(text, ":")
	kind, rest, _ = strings.Cut(text, "-")
	kind, _, _ = strings.Cut(kind, "/")
	switch kind {
	case "", "rsa", "ecdsa", "ecdsasig", "rsasig", "pubkey", "ed25519", "ed448", "bliss":
		return "pubkey", rest
	case "secret":
		return "psk", rest
	}
	return kind, rest
}

// ownStrength is the note of demands on keys and hashes.
const ownStrength = "which keys and hashes are strong enough this version decides itself"

// SignIn takes how the user signs in; each further call is a further sign-in.
func (c *Connection) SignIn(path, text string, further bool) error {
	client := &c.Profile.Client
	kind, rest := SplitAuth(text)
	switch {
	case kind == "eap":
		return c.signInEAP(path, rest, further)
	case kind == "xauth" || strings.HasPrefix(kind, "xauth"):
		return importer.Unsupported("%s signs in by XAuth, which is IKEv1's; this version connects by IKEv2 only", c.Name())
	case further:
		return importer.Unsupported("%s wants a second sign-in that is no password, which this version does not do", c.Name())
	case kind == "pubkey":
		client.Auth = profile.ClientCertificate
	case kind == "psk":
		client.Auth = profile.ClientPSK
	default:
		return importer.Unsupported("%s wants you to sign in by %s, which this version does not know", c.Name(), importer.Quote(text))
	}
	if rest != "" {
		c.Report.Approx(path, ownStrength)
	}
	c.Report.Honour(path, "")
	return nil
}

func (c *Connection) signInEAP(path, name string, further bool) error {
	m, known := methods[name]
	switch {
	case !known:
		return importer.Unsupported("%s wants you to sign in by the EAP method %s, which this version does not know", c.Name(), importer.Quote(name))
	case m.lacks != "":
		return importer.Unsupported("%s wants you to sign in %s, which this version does not do", c.Name(), m.lacks)
	}
	m.eap.Methods, m.eap.Inner = slices.Clone(m.eap.Methods), slices.Clone(m.eap.Inner)
	if further {
		c.Profile.Client.Further = append(c.Profile.Client.Further, profile.SignIn{Auth: m.auth, EAP: m.eap})
	} else {
		c.Profile.Client.Auth, c.Profile.Client.EAP = m.auth, m.eap
	}
	c.Report.Honour(path, m.note)
	if m.lowers {
		c.Report.Lowers(path)
	}
	return nil
}

// GatewayAuth takes how the gateway proves itself.
func (c *Connection) GatewayAuth(path, text string) error {
	g := &c.Profile.Gateway
	kind, rest := SplitAuth(text)
	g.Auth = profile.GatewayCertificate
	switch {
	case kind == "psk":
		g.Auth = profile.GatewayPSK
		c.Report.Honour(path, "")
	case kind == "eap":
		return c.gatewayEAP(path)
	case kind == "any":
		c.Report.Approx(path, "by a certificate, and by nothing else")
	case kind != "pubkey":
		return importer.Unsupported("the gateway of %s is to prove itself by %s, which this version does not know", c.Name(), importer.Quote(text))
	case rest != "":
		c.Report.Approx(path, ownStrength)
	default:
		c.Report.Honour(path, "")
	}
	return nil
}

// gatewayEAP lets the gateway prove itself by the sign-in alone (RFC 5998). SignIn
// comes first.
func (c *Connection) gatewayEAP(path string) error {
	client := &c.Profile.Client
	eap, byEAP := client.SignIn()
	if !byEAP {
		return importer.Unsupported("the gateway of %s is to prove itself by EAP, and you do not sign in by it; ask for a corrected profile", c.Name())
	}
	if slices.ContainsFunc(eap.Methods, func(m profile.EAPMethod) bool { return !m.SafeAlone() }) {
		client.EAPOnly = profile.EAPOnlyAny
		c.Report.Honour(path, "the gateway may prove itself by your password alone, without a certificate: an impostor learns enough to guess it")
		c.Report.Lowers(path)
		return nil
	}
	client.EAPOnly = profile.EAPOnlySafe
	c.Report.Honour(path, "the gateway may prove itself by the sign-in alone, where the method lets it")
	return nil
}

// CheckSignIn refuses what would give a password to whoever holds a key that
// everybody shares.
func (c *Connection) CheckSignIn() error {
	_, byEAP := c.Profile.Client.SignIn()
	if c.Profile.Gateway.Auth == profile.GatewayPSK && (byEAP || len(c.Profile.Client.Further) > 0) {
		return importer.Unsupported("%s would give your password to a gateway that proves itself only by a key that everybody shares; ask for a profile in which the gateway has a certificate", c.Name())
	}
	return nil
}

// ServerName takes the name of the server that signs people in behind the gateway.
func (c *Connection) ServerName(path, text string) {
	eap, byEAP := c.Profile.Client.SignIn()
	id, reason := Identity(text)
	_, name, prefixed := strings.Cut(id, ":")
	if !prefixed {
		name = strings.TrimPrefix(id, "@")
	}
	switch {
	case !byEAP || !eap.OverTLS():
		c.Report.Ignore(path, "for a sign-in over TLS")
	case reason != "" || !profile.ValidServerName(name) || name == profile.AnyName:
		c.Report.Approx(path, "not a name that a certificate can have; the server must have the gateway's, "+c.Profile.Gateway.Name())
	default:
		c.Profile.Client.EAP.ServerNames = []string{name}
		c.Report.Honour(path, "")
	}
}

// Issuer takes the common name of who must have issued the gateway's certificate, out
// of a distinguished name; false: there is none in it.
func (c *Connection) Issuer(path, text string) bool {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '/' }) {
		key, value, _ := strings.Cut(part, "=")
		if value = profile.CleanText(value, 256); strings.EqualFold(strings.TrimSpace(key), "CN") && value != "" && value != "*" {
			c.Profile.Gateway.IssuerName = value
			c.Report.Approx(path, "the common name of the issuer must be "+importer.Quote(value))
			return true
		}
	}
	return false
}

// Revocation takes how strictly it is asked whether the gateway's certificate was
// revoked. GatewayAuth comes first.
func (c *Connection) Revocation(path, mode string) {
	switch {
	case c.Profile.Gateway.Auth != profile.GatewayCertificate:
		c.Report.Ignore(path, "the gateway proves itself by the shared key")
	case mode == "strict" || mode == "yes":
		c.Profile.Gateway.Revocation = profile.RevocationStrict
		c.Report.Honour(path, "no line without a good answer about the gateway's certificate")
	case mode == "ifuri":
		c.Report.Approx(path, "a revoked certificate ends the line; where nobody answers, nothing is blocked")
		c.Report.Lowers(path)
	default:
		c.Report.Honour(path, "")
	}
}
