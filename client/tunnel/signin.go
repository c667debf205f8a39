package tunnel

import (
	"errors"
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
)

// What a profile wants of the sign-in beyond one proof of each side: more sign-ins
// of the user (RFC 4739), and a gateway that proves itself by EAP alone (RFC 5998).

// signIn says it to the core, and by which methods each sign-in may go.
func (t *Tunnel) signIn(cfg *ike.Config, creds *credentials) error {
	p := t.cfg.Profile
	if first, ok := p.Client.SignIn(); ok {
		cfg.EAP = t.resuming(eapConfig(first, creds.chain(p), creds.username), first)
		cfg.EAPOnly = eapOnly(p.Client.EAPOnly, cfg.EAP.Methods)
	}
	for _, f := range p.Client.Further {
		settings, ok := f.SignIn()
		if !ok {
			return errors.New("tunnel: a further sign-in that is not by eap")
		}
		username := f.Username
		if username == "" {
			username = creds.username
		}
		id, err := furtherIdentity(creds.chain(p), f, settings, username)
		if err != nil {
			return err
		}
		cfg.Further = append(cfg.Further, ike.Authentication{Identity: id, EAP: t.resuming(eapConfig(settings, creds.chain(p), username), settings), Bare: f.Bare})
	}
	return nil
}

// furtherIdentity is the IDi of a further sign-in, found as localIdentity finds that of
// the first.
func furtherIdentity(chain [][]byte, f profile.SignIn, settings profile.EAP, username string) (auth.Identity, error) {
	name := f.Identity
	if outer, hides := outside(settings, accountName(settings, chain, username)); name == "" && hides {
		name = outer
	}
	if name == "" {
		name = username
	}
	if name == "" {
		return certificateIdentity(chain)
	}
	return auth.ParseIdentity(name)
}

// eapOnly are the methods by which the gateway may prove itself alone.
func eapOnly(choice profile.EAPOnly, methods []uint8) []uint8 {
	switch choice {
	case profile.EAPOnlySafe:
		return slices.DeleteFunc(slices.Clone(methods), func(m uint8) bool { return !eap.SafeAlone(m) })
	case profile.EAPOnlyAny:
		return slices.DeleteFunc(slices.Clone(methods), func(m uint8) bool { return !eap.MakesKey(m) })
	}
	return nil
}

// unprovenWarning is for the status of a line whose password was used with a
// gateway that had shown no certificate.
const unprovenWarning = "The gateway proved itself with your password alone and showed no certificate: the profile allows that, but somebody who plays the gateway can learn enough to guess the password; ask your administrator for a gateway with a certificate."

// unproven notes that a password is given away before the gateway is proven.
func (s *strand) unproven(e ike.NeedCredentials) {
	if e.Unproven && !eap.SafeAlone(e.Method) && !slices.Contains(s.warned, unprovenWarning) {
		s.warned = append(s.warned, unprovenWarning)
	}
}
