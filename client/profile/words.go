package profile

import (
	"fmt"
	"slices"
	"strings"
)

// Words says what the employee signs in with, for a person: "user name and
// password", "certificate, then one-time code".
func (c *Client) Words() string {
	words := []string{signInWords(c.Auth, c.EAP)}
	for _, f := range c.Further {
		words = append(words, signInWords(f.Auth, f.EAP))
	}
	return strings.Join(words, ", then ")
}

func signInWords(auth ClientAuth, e EAP) string {
	switch auth {
	case ClientCertificate:
		return "certificate"
	case ClientPSK:
		return "shared key"
	}
	settings, ok := EAPOf(auth, e)
	if !ok {
		return string(auth)
	}
	var words []string
	add := func(w string) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, m := range settings.Methods {
		inner := settings.InnerOf(m)
		if inner == nil {
			add(methodWords(m))
		}
		for _, in := range inner {
			add(innerWords(in))
		}
	}
	return strings.Join(words, " or ")
}

func methodWords(m EAPMethod) string {
	switch m {
	case EAPTLS:
		return "certificate"
	case EAPGTC:
		return "one-time code"
	}
	return "user name and password"
}

func innerWords(in InnerMethod) string {
	switch in {
	case InnerEAPTLS, InnerTLS:
		return "certificate"
	case InnerEAPGTC, InnerGTC:
		return "one-time code"
	}
	return "user name and password"
}

// Names writes the methods as administrators know them: "TTLS (PAP), TLS".
func (e EAP) Names() string {
	var list []string
	for _, m := range e.Methods {
		name := methodNames[m]
		if inner := e.InnerOf(m); inner != nil {
			name += " (" + joined(inner, func(in InnerMethod) string { return innerNames[in] }) + ")"
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func joined[T any](list []T, word func(T) string) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = word(e)
	}
	return strings.Join(words, ", ")
}

var (
	methodNames = map[EAPMethod]string{
		EAPTLS: "TLS", EAPTTLS: "TTLS", EAPPEAP: "PEAP", EAPMSCHAPv2: "MSCHAPv2", EAPGTC: "GTC", EAPMD5: "MD5",
	}
	innerNames = map[InnerMethod]string{
		InnerPAP: "PAP", InnerCHAP: "CHAP", InnerMSCHAP: "MSCHAP", InnerMSCHAPv2: "MSCHAPv2", InnerEAPMSCHAPv2: "EAP-MSCHAPv2",
		InnerEAPGTC: "EAP-GTC", InnerEAPMD5: "EAP-MD5", InnerEAPTLS: "EAP-TLS", InnerGTC: "GTC", InnerTLS: "TLS",
	}
)

// Words says what is done about revoked certificates, for a person.
func (r Revocation) Words() string {
	switch r.Mode() {
	case RevocationOff:
		return "not asked for"
	case RevocationStrict:
		return "asked for, and no line without a good answer"
	}
	return "asked for; where nobody answers, the line stands"
}

// TLSWords says which versions of TLS a sign-in may use, for a person.
func (e EAP) TLSWords() string {
	low, high := e.MinTLS, e.MaxTLS
	if low == "" {
		low = TLS12
	}
	if high == "" {
		high = TLS13
	}
	if low == high {
		return low
	}
	return fmt.Sprintf("%s to %s", low, high)
}
