// Package intake takes over what a profile file holds, and gives away what is
// there: secrets into the user's sealed store, profiles to the service.
//
// It owns the order in which that is done, so that nothing is half taken over:
// what one step has done is undone when a later one fails. It asks nobody for
// consent and shows nothing; whoever calls shows the Plan first.
//
//	a file -> ReadFile -> Read (client/profile/formats) -> Plan: what replaces what
//	  -> the person agrees -> TakeOver: for each, what was kept for another gateway goes,
//	     what the file brings is kept, and the service gets the profile; or all is undone
//
// It runs in the user's programs: app/homewardctl and the desktop program call it.
package intake

import (
	"context"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Service is the service, as far as it is spoken to; *control.Client is one.
type Service interface {
	Status(ctx context.Context) (control.Status, error)
	Profiles(ctx context.Context) ([]control.ProfileInfo, error)
	Profile(ctx context.Context, name string) (*profile.Profile, error)
	AddProfile(ctx context.Context, p *profile.Profile) error
	DeleteProfile(ctx context.Context, name string) error
}

// Store keeps the user's secrets; *credential.Store does.
type Store interface {
	answer.Store
	Forget(profileID string) error
	// Tidy takes the key out of the keychain where nothing is kept any more.
	Tidy(ctx context.Context) error
}

// Config is what an Intake is made from. All of it is needed.
type Config struct {
	Service    Service
	OpenStore  func() (Store, error)
	OpenWallet func() (*credential.Wallet, error)
	// UID is the user's number; negative: the system has no such number.
	UID int
}

// Intake takes over, changes and removes profiles. It is safe for concurrent use.
type Intake struct{ cfg Config }

// New makes an Intake.
func New(cfg Config) *Intake { return &Intake{cfg: cfg} }

// mine says whether a profile belongs to the user; an administrator sees others'
// as well.
func (k *Intake) mine(p *control.ProfileInfo) bool {
	return k.cfg.UID < 0 || p.Owner == uint32(k.cfg.UID)
}
