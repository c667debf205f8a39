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

// signIn says it to the core, which has the methods already.
func signIn(cfg *ike.Config, p *profile.Profile, creds *credentials) error {
	switch p.Client.EAPOnly {
	case profile.EAPOnlySafe:
		for _, m := range cfg.EAP.Methods {
			if eap.SafeAlone(m) {
				cfg.EAPOnly = append(cfg.EAPOnly, m)
			}
		}
	case profile.EAPOnlyAny:
		cfg.EAPOnly = slices.Clone(cfg.EAP.Methods)
	}
	for _, f := range p.Client.Further {
		username := f.Username
		if username == "" {
			username = creds.username
		}
		name := f.Identity
		if name == "" {
			name = username
		}
		if name == "" {
			return errors.New("tunnel: a further sign-in without a user name")
		}
		id, err := auth.ParseIdentity(name)
		if err != nil {
			return err
		}
		cfg.Further = append(cfg.Further, ike.Authentication{
			Identity: id, EAP: eap.Config{Methods: []uint8{eap.TypeMSCHAPv2}, Identity: username}, Bare: f.Bare,
		})
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
