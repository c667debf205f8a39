package strongswan

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// SecretKind is what a secret is for.
type SecretKind uint8

// The kinds that a connection can use. Keys and their files come with certificates.
const (
	SecretEAP SecretKind = iota
	SecretPSK
)

// Secret is a password or a shared key in a file, with those it belongs to.
type Secret struct {
	Path   string // of its key in the report
	Kind   SecretKind
	Owners []string // none: for everybody
	Value  []byte
}

// DecodeSecret reads a secret: hex digits behind 0x, base64 behind 0s, else text.
// ok is false where the digits are none.
func DecodeSecret(text string) (value []byte, ok bool) {
	var err error
	if digits, isHex := strings.CutPrefix(text, "0x"); isHex {
		value, err = hex.DecodeString(strings.ReplaceAll(digits, "_", ""))
		return value, err == nil
	}
	if b64, isBase64 := strings.CutPrefix(text, "0s"); isBase64 {
		value, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(b64, "="))
		return value, err == nil
	}
	return []byte(text), true
}

// Take takes the password or the shared key that fits best: the one whose owners are
// in the connection, else one of nobody's. The others are told as not used.
func (c *Connection) Take(secrets []Secret) error {
	_, byEAP := c.Profile.Client.SignIn()
	psk := c.Profile.Client.Auth == profile.ClientPSK || c.Profile.Gateway.Auth == profile.GatewayPSK
	best, fit := -1, -1
	for i, s := range secrets {
		if s.Kind == SecretEAP && !byEAP || s.Kind == SecretPSK && !psk || s.Kind == SecretEAP && psk {
			continue
		}
		if n := c.fits(s); n > fit {
			best, fit = i, n
		}
	}
	if best >= 0 {
		if err := c.keep(secrets[best]); err != nil {
			return err
		}
	}
	for _, s := range secrets {
		c.Report.Ignore(s.Path, "not used by this connection")
	}
	return nil
}

// fits counts the owners of a secret that are in the connection: -1: it is others'.
func (c *Connection) fits(s Secret) int {
	p := &c.Profile
	mine := []string{p.Client.Username, p.Client.Identity}
	if s.Kind == SecretPSK {
		mine = append(mine, p.Gateway.Identity, p.Gateway.Address)
	}
	n := 0
	for _, owner := range s.Owners {
		id, reason := Identity(owner)
		if reason == "" && id != "" && slices.ContainsFunc(mine, func(m string) bool { return m != "" && sameIdentity(m, id) }) {
			n++
		}
	}
	named := slices.ContainsFunc(s.Owners, func(o string) bool { return !anybody(strings.TrimSpace(o)) })
	if n == 0 && named {
		return -1
	}
	return n
}

// sameIdentity compares identities, the marks of their kind aside.
func sameIdentity(a, b string) bool {
	plain := func(s string) string {
		for _, prefix := range []string{"fqdn:", "email:", "ipv4:", "ipv6:", "@@", "@"} {
			if rest, ok := strings.CutPrefix(s, prefix); ok && !strings.HasPrefix(s, "@#") {
				return rest
			}
		}
		return s
	}
	return strings.EqualFold(plain(a), plain(b))
}

// keep takes one secret.
func (c *Connection) keep(s Secret) error {
	if s.Kind == SecretPSK {
		return c.PSK(s.Path, s.Value)
	}
	return c.Password(s.Path, s.Value)
}

const sealed = "goes to your sealed store; the file itself still holds it, so delete the file"

// Password takes the password of the first sign-in.
func (c *Connection) Password(path string, value []byte) error {
	switch {
	case len(value) > importer.MaxSecret:
		return importer.Damaged("the file is damaged: the password of %s is longer than %d bytes", c.Name(), importer.MaxSecret)
	case len(value) == 0:
		c.Report.Approx(path, "empty, so you are asked when you connect")
	default:
		c.Secrets.Password = bytes.Clone(value)
		c.Report.Honour(path, sealed)
	}
	return nil
}

// PSK takes the shared key.
func (c *Connection) PSK(path string, value []byte) error {
	switch {
	case len(value) > importer.MaxSecret:
		return importer.Damaged("the file is damaged: the shared key of %s is longer than %d bytes", c.Name(), importer.MaxSecret)
	case len(value) == 0:
		c.Report.Approx(path, "empty, so you are asked when you connect")
		return nil
	}
	c.Secrets.PSK = bytes.Clone(value)
	if len(value) < importer.MinPSK {
		c.Report.Honour(path, "goes to your sealed store; it is so short that somebody who records the handshake can guess it")
		c.Report.Lowers(path)
	}
	c.Report.Honour(path, sealed)
	return nil
}
