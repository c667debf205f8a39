package tunnel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
)

// Who the user is, in three places that need not say the same, beside who the gateway
// must be:
//
//	IDi              in IKE, to the gateway             client.identity
//	outer identity   in EAP, before any TLS             client.eap.outer_identity
//	inner identity   in the method, inside TLS          client.username
//	IDr              in IKE, of the gateway             gateway.identity
//
// credentials finds the name, or the certificate that has it; localIdentity makes IDi
// of that, and eapConfig the other two.

// credentials finds out who signs in, before the first message: from the profile, what
// was given at connect, and the user.
func (t *Tunnel) credentials(ctx context.Context) (*credentials, error) {
	p := t.cfg.Profile
	c := &credentials{username: t.cfg.Username}
	if c.username == "" {
		c.username = p.Client.Username
	}
	first, byEAP := p.Client.SignIn()
	switch {
	case !byEAP || c.username != "":
		return c, nil
	case first.Password():
		answer, err := t.cfg.Ask(ctx, Question{Kind: AskPassword})
		if err != nil {
			return nil, err
		}
		c.username, c.password = answer.Username, answer.Secret
	case first.Username():
		return nil, &diagnose.Failure{Cause: diagnose.CauseCredentialsMissing, Expected: "user name", Detail: "the profile has none, and none was given"}
	case len(p.Client.Certificates) == 0:
		answer, err := t.cfg.Ask(ctx, Question{Kind: AskCertificate, TLS: true})
		if err != nil {
			return nil, err
		}
		c.certificates = answer.Certificates
	}
	return c, nil
}

// chain is the certificate that the user shows, where it is known.
func (c *credentials) chain(p *profile.Profile) [][]byte {
	if len(p.Client.Certificates) > 0 {
		return p.Client.Certificates
	}
	return c.certificates
}

// byPassword says that the first sign-in begins with a password.
func (t *Tunnel) byPassword() bool {
	first, _ := t.cfg.Profile.Client.SignIn()
	return first.Password()
}

// byPerson says that a person has to do something for a new sign-in.
func (t *Tunnel) byPerson() bool {
	c := &t.cfg.Profile.Client
	first, _ := c.SignIn()
	return first.Username() || slices.ContainsFunc(c.Further, func(s profile.SignIn) bool {
		e, _ := s.SignIn()
		return e.Username()
	})
}

// localIdentity is IDi: what the profile names, else the user name, else the subject
// of the client's certificate, else our address (RFC 7296 3.5). It is empty where the
// certificate is yet to be chosen and brings it. It goes out before the gateway has
// proven anything, to whoever plays one (RFC 7296 5): where EAP hides a name, so does IDi.
func localIdentity(p *profile.Profile, c *credentials, local netip.Addr) (auth.Identity, error) {
	if p.Client.Identity != "" {
		id, err := auth.ParseIdentity(p.Client.Identity)
		if err != nil {
			return id, fmt.Errorf("tunnel: the client's identity: %w", err)
		}
		return id, nil
	}
	chain := c.chain(p)
	settings, byEAP := p.Client.SignIn()
	outer, hides := outside(settings, accountName(settings, chain, c.username))
	switch {
	case byEAP && hides:
		return auth.ParseIdentity(outer)
	case byEAP && c.username != "":
		return auth.ParseIdentity(c.username)
	case (byEAP || p.Client.Auth == profile.ClientCertificate) && len(chain) > 0:
		return certificateIdentity(chain)
	case p.Client.Auth == profile.ClientCertificate:
		return auth.Identity{}, nil
	}
	return auth.ParseIdentity(local.String())
}

// certificateIdentity is the subject of the user's certificate; one without a subject
// has a name in its SAN (RFC 5280 4.1.2.6).
func certificateIdentity(chain [][]byte) (auth.Identity, error) {
	if len(chain) == 0 {
		return auth.Identity{}, errors.New("tunnel: a sign-in that says neither a user name nor a certificate")
	}
	id, err := auth.SubjectIdentity(chain[0])
	if name := auth.AccountName(chain[0]); err != nil && name != "" {
		return auth.ParseIdentity(name)
	}
	if err != nil {
		return id, fmt.Errorf("tunnel: the client's certificate: %w", err)
	}
	return id, nil
}

// accountName is who signs in: without a user name it is who the certificate says it is,
// as servers look it up.
func accountName(e profile.EAP, chain [][]byte, username string) string {
	if username == "" && e.Certificate() && len(chain) > 0 {
		return auth.AccountName(chain[0])
	}
	return username
}

// outside is what is said of a name before TLS, and whether that hides it.
func outside(e profile.EAP, name string) (said string, hides bool) {
	said = e.Outer(name)
	return said, said != name
}

// eapConfig says to the core how one sign-in goes. A name that is empty leaves it to the
// core, which says IDi.
func eapConfig(e profile.EAP, chain [][]byte, username string) eap.Config {
	username = accountName(e, chain, username)
	outer, _ := outside(e, username)
	cfg := eap.Config{
		Identity:       outer,
		Username:       username,
		RequireBinding: !e.WithoutBinding,
		ConfirmNotice:  e.ConfirmNotice,
		TLS: eap.TLSConfig{
			MinVersion: tlsVersions[e.MinTLS], MaxVersion: tlsVersions[e.MaxTLS],
			AllowWithoutEMS: e.WithoutEMS, Certificates: chain,
		},
	}
	for _, m := range e.Methods {
		cfg.Methods = append(cfg.Methods, eapTypes[m])
		if m == profile.EAPGTC { // its older relation, by which codes are asked for too
			cfg.Methods = append(cfg.Methods, eap.TypeOTP)
		}
	}
	cfg.Inner, cfg.InnerPEAP = inside(e, profile.EAPTTLS), inside(e, profile.EAPPEAP)
	return cfg
}

// resuming lets a sign-in take up the TLS session of one before it on this line (RFC
// 5216 2.1.2, RFC 5281 7.3): with the same server only, held to the same proof.
func (t *Tunnel) resuming(cfg eap.Config, e profile.EAP) eap.Config {
	h := sha256.New()
	for _, name := range t.cfg.Profile.ServerNames(e) {
		fmt.Fprintf(h, "name %q\n", name)
	}
	for _, der := range t.cfg.Profile.ServerAnchors(e) {
		fmt.Fprintf(h, "anchor %x\n", der)
	}
	cfg.TLS.Sessions, cfg.TLS.Policy = &t.sessions, string(h.Sum(nil))
	return cfg
}

// inside are the methods that the profile allows inside another.
func inside(e profile.EAP, outer profile.EAPMethod) (list []eap.InnerMethod) {
	if !slices.Contains(e.Methods, outer) {
		return nil
	}
	for _, in := range e.InnerOf(outer) {
		list = append(list, innerMethods[outer][in])
	}
	return list
}

// The profile's words in EAP's numbers. The zero version is the core's own bound.
var (
	tlsVersions = map[string]uint16{profile.TLS12: tls.VersionTLS12, profile.TLS13: tls.VersionTLS13}

	eapTypes = map[profile.EAPMethod]uint8{
		profile.EAPTLS: eap.TypeTLS, profile.EAPTTLS: eap.TypeTTLS, profile.EAPPEAP: eap.TypePEAP,
		profile.EAPMSCHAPv2: eap.TypeMSCHAPv2, profile.EAPGTC: eap.TypeGTC, profile.EAPMD5: eap.TypeMD5,
	}
	innerMethods = map[profile.EAPMethod]map[profile.InnerMethod]eap.InnerMethod{
		profile.EAPTTLS: {
			profile.InnerPAP: eap.InnerPAP, profile.InnerCHAP: eap.InnerCHAP, profile.InnerMSCHAP: eap.InnerMSCHAP, profile.InnerMSCHAPv2: eap.InnerMSCHAPv2,
			profile.InnerEAPMSCHAPv2: eap.InnerEAP(eap.TypeMSCHAPv2), profile.InnerEAPGTC: eap.InnerEAP(eap.TypeGTC),
			profile.InnerEAPMD5: eap.InnerEAP(eap.TypeMD5), profile.InnerEAPTLS: eap.InnerEAP(eap.TypeTLS),
		},
		profile.EAPPEAP: {
			profile.InnerMSCHAPv2: eap.InnerEAP(eap.TypeMSCHAPv2), profile.InnerGTC: eap.InnerEAP(eap.TypeGTC), profile.InnerTLS: eap.InnerEAP(eap.TypeTLS),
		},
	}
)
