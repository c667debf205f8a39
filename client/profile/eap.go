package profile

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
)

// EAPMethod names an EAP method that the gateway, or the server behind it, may
// sign the employee in by.
type EAPMethod string

// The methods.
const (
	EAPTLS      EAPMethod = "tls"      // a certificate (RFC 5216, RFC 9190)
	EAPTTLS     EAPMethod = "ttls"     // a sign-in inside TLS (RFC 5281)
	EAPPEAP     EAPMethod = "peap"     // another of the kind, Microsoft's (version 0)
	EAPMSCHAPv2 EAPMethod = "mschapv2" // a password, by challenge and proof of both sides
	EAPGTC      EAPMethod = "gtc"      // the server's question and the answer as it was typed: a one-time code; EAP-OTP too
	EAPMD5      EAPMethod = "md5"      // a password, by a challenge alone: the server proves nothing
)

// EAPMethods lists them.
func EAPMethods() []EAPMethod {
	return []EAPMethod{EAPTLS, EAPTTLS, EAPPEAP, EAPMSCHAPv2, EAPGTC, EAPMD5}
}

// OverTLS says that the server proves itself by a certificate of its own, inside
// the method, before the employee does.
func (m EAPMethod) OverTLS() bool { return m == EAPTLS || m.tunnels() }

func (m EAPMethod) tunnels() bool { return m == EAPTTLS || m == EAPPEAP }

// InnerMethod names a sign-in inside the TLS of EAPTTLS or EAPPEAP.
type InnerMethod string

// The inner methods of EAPTTLS.
const (
	InnerPAP         InnerMethod = "pap" // the password, or a one-time code, as it was typed
	InnerCHAP        InnerMethod = "chap"
	InnerMSCHAP      InnerMethod = "mschap"
	InnerMSCHAPv2    InnerMethod = "mschapv2" // of EAPPEAP too, where it is the EAP method
	InnerEAPMSCHAPv2 InnerMethod = "eap-mschapv2"
	InnerEAPGTC      InnerMethod = "eap-gtc"
	InnerEAPMD5      InnerMethod = "eap-md5"
	InnerEAPTLS      InnerMethod = "eap-tls"
)

// The inner methods of EAPPEAP, beside InnerMSCHAPv2. They are EAP methods.
const (
	InnerGTC InnerMethod = "gtc"
	InnerTLS InnerMethod = "tls"
)

// InnerMethods lists what can stand inside an outer method; none: nothing can.
func InnerMethods(outer EAPMethod) []InnerMethod {
	switch outer {
	case EAPTTLS:
		return []InnerMethod{InnerPAP, InnerCHAP, InnerMSCHAP, InnerMSCHAPv2, InnerEAPMSCHAPv2, InnerEAPGTC, InnerEAPMD5, InnerEAPTLS}
	case EAPPEAP:
		return []InnerMethod{InnerMSCHAPv2, InnerGTC, InnerTLS}
	}
	return nil
}

// The versions of TLS that EAP.MinTLS and EAP.MaxTLS may name.
const (
	TLS12 = "1.2"
	TLS13 = "1.3"
)

// AnyName in EAP.ServerNames: whatever the authorities in Anchors have certified.
const AnyName = "*"

// anonymous is the name of an outer identity that gives none (RFC 4282 2.4 has the
// realm alone; old servers want a name in front of it).
const anonymous = "anonymous"

// EAP says how the employee signs in by EAP, and whom that is shown to.
type EAP struct {
	// Methods that are allowed, in order of preference. No other is ever answered.
	Methods []EAPMethod `json:"methods,omitempty"`
	// Inner are the sign-ins inside EAPTTLS and EAPPEAP, in order of preference; each
	// takes those that it has. Empty: InnerMSCHAPv2.
	Inner []InnerMethod `json:"inner,omitempty"`
	// OuterIdentity is what is said outside TLS about who signs in; empty: see Outer.
	OuterIdentity string `json:"outer_identity,omitempty"`
	// ServerNames are the names of the server that the TLS is with: one of them must
	// be in its certificate's SAN. "*.corp.example" stands for one label. Empty: the
	// gateway's name. AnyName needs Anchors.
	ServerNames    []string `json:"server_names,omitempty"`
	Anchors        [][]byte `json:"anchors,omitempty"`         // of that server, DER; empty: Gateway.Anchors, else the system's
	MinTLS         string   `json:"min_tls,omitempty"`         // empty: TLS12
	MaxTLS         string   `json:"max_tls,omitempty"`         // empty: TLS13
	WithoutEMS     bool     `json:"without_ems,omitempty"`     // TLS 1.2 as old servers speak it will do, without Extended Master Secret (RFC 7627)
	WithoutBinding bool     `json:"without_binding,omitempty"` // PEAP without crypto binding will do
	// ConfirmNotice: a Notification of the server's waits for the user's consent; else
	// it is shown and acknowledged at once.
	ConfirmNotice bool `json:"confirm_notice,omitempty"`
}

// IsZero says that nothing is set.
func (e EAP) IsZero() bool { return reflect.ValueOf(e).IsZero() }

// Equal says that the same methods are allowed with the same server.
func (e EAP) Equal(o EAP) bool {
	same := slices.EqualFunc(e.Anchors, o.Anchors, bytes.Equal) && slices.Equal(e.Methods, o.Methods) &&
		slices.Equal(e.Inner, o.Inner) && slices.Equal(e.ServerNames, o.ServerNames)
	e.Anchors, e.Methods, e.Inner, e.ServerNames = nil, nil, nil, nil
	o.Anchors, o.Methods, o.Inner, o.ServerNames = nil, nil, nil, nil
	return same && reflect.DeepEqual(e, o)
}

func (e EAP) clone() EAP {
	e.Methods, e.Inner = slices.Clone(e.Methods), slices.Clone(e.Inner)
	e.ServerNames, e.Anchors = slices.Clone(e.ServerNames), slices.Clone(e.Anchors)
	return e
}

// InnerOf gives the sign-ins inside an outer method, in order of preference.
func (e EAP) InnerOf(outer EAPMethod) (list []InnerMethod) {
	has := InnerMethods(outer)
	if len(e.Inner) == 0 && has != nil {
		return []InnerMethod{InnerMSCHAPv2}
	}
	for _, in := range e.Inner {
		if slices.Contains(has, in) {
			list = append(list, in)
		}
	}
	return list
}

// OverTLS says that a method is allowed in which the server shows a certificate.
func (e EAP) OverTLS() bool { return slices.ContainsFunc(e.Methods, EAPMethod.OverTLS) }

// Certificate says that a method is allowed in which the employee shows one.
func (e EAP) Certificate() bool {
	return slices.ContainsFunc(e.Methods, func(m EAPMethod) bool {
		in := e.InnerOf(m)
		return m == EAPTLS || slices.Contains(in, InnerEAPTLS) || slices.Contains(in, InnerTLS)
	})
}

// Username says that a method is allowed which needs a user name: all but those
// in which a certificate says who it is.
func (e EAP) Username() bool {
	return slices.ContainsFunc(e.Methods, func(m EAPMethod) bool {
		return m != EAPTLS && (!m.tunnels() || slices.ContainsFunc(e.InnerOf(m), func(in InnerMethod) bool {
			return in != InnerEAPTLS && in != InnerTLS
		}))
	})
}

// Password says that a method is allowed which begins with the user's password, so
// that it can be asked for before. What gtc asks for the server words.
func (e EAP) Password() bool {
	return slices.ContainsFunc(e.Methods, func(m EAPMethod) bool {
		if !m.tunnels() {
			return m == EAPMSCHAPv2 || m == EAPMD5
		}
		return slices.ContainsFunc(e.InnerOf(m), func(in InnerMethod) bool {
			return !slices.Contains([]InnerMethod{InnerEAPTLS, InnerTLS, InnerEAPGTC, InnerGTC}, in)
		})
	})
}

// Outer is the EAP identity that is sent before any TLS, for a sign-in of that
// name. Where each method that is allowed says the name again inside TLS, it is
// "anonymous" at the name's realm, by which servers find each other (RFC 7542);
// else it must be the name itself.
func (e EAP) Outer(username string) string {
	if e.OuterIdentity != "" {
		return e.OuterIdentity
	}
	for _, m := range e.Methods {
		if !m.tunnels() {
			return username
		}
	}
	if at := strings.LastIndexByte(username, '@'); at >= 0 {
		return anonymous + username[at:]
	}
	return anonymous
}

// EAPOf gives the EAP settings of a way to sign in: the short form
// ClientMSCHAPv2 has that one method. ok is false where it is not EAP.
func EAPOf(auth ClientAuth, e EAP) (settings EAP, ok bool) {
	switch auth {
	case ClientEAP:
		return e, true
	case ClientMSCHAPv2:
		return EAP{Methods: []EAPMethod{EAPMSCHAPv2}}, true
	}
	return EAP{}, false
}

// SignIn gives the EAP settings of the first sign-in; false: it is not by EAP.
func (c *Client) SignIn() (EAP, bool) { return EAPOf(c.Auth, c.EAP) }

// SignIn gives the EAP settings of a further sign-in.
func (s *SignIn) SignIn() (EAP, bool) { return EAPOf(s.Auth, s.EAP) }

// UsesCertificate says that the employee shows a certificate, in IKE or in EAP, at
// any of the sign-ins.
func (c *Client) UsesCertificate() bool {
	first, _ := c.SignIn()
	return c.Auth == ClientCertificate || first.Certificate() || slices.ContainsFunc(c.Further, func(s SignIn) bool {
		e, _ := s.SignIn()
		return e.Certificate()
	})
}

// Name is what must be in the gateway's certificate.
func (g *Gateway) Name() string {
	switch {
	case g.CertificateName != "":
		return g.CertificateName
	case g.Identity != "":
		return g.Identity
	}
	return g.Address
}

// ServerNames are the names of which the server of a sign-in must have one.
func (p *Profile) ServerNames(e EAP) []string {
	if len(e.ServerNames) > 0 {
		return e.ServerNames
	}
	return []string{p.Gateway.Name()}
}

// ServerAnchors are the authorities of which one must have certified the server of
// a sign-in; none: the system's.
func (p *Profile) ServerAnchors(e EAP) [][]byte {
	if len(e.Anchors) > 0 {
		return e.Anchors
	}
	return p.Gateway.Anchors
}

// SameServers says that a secret kept for one profile may be given to whom the other
// signs in to: the same gateway, held to the same proof, and in EAP the same methods
// with the same servers.
func (p *Profile) SameServers(o *Profile) bool {
	mine, _ := p.Client.SignIn()
	theirs, _ := o.Client.SignIn()
	return p.Gateway.Equal(o.Gateway) && p.Client.EAPOnly == o.Client.EAPOnly && mine.Equal(theirs)
}
