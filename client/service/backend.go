package service

import (
	"context"
	"errors"
	"strings"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

var _ control.Backend = (*Service)(nil)

var errEnding = control.Refuse(control.CodeUnavailable, "the Homeward service is ending; try again when it runs")

// Connect implements control.Backend.
func (s *Service) Connect(ctx context.Context, c control.Caller, r control.ConnectRequest) (control.Accepted, error) {
	stored, err := s.find(c, r.Profile)
	if err != nil {
		return control.Accepted{}, err
	}
	revision, err := s.wish(ctx, supervisor.Connect{Request: wishes(supervisor.Request{
		ProfileID:   stored.Profile.ID,
		ProfileName: stored.Profile.Name,
		Owner:       stored.Owner,
		Username:    r.Username,
	}, &stored.Profile)}, func(state supervisor.State) error { return s.mayReplace(c, state, &stored) })
	if err == nil {
		s.auto.person(stored.Owner, stored.Profile.ID)
	}
	var refused *supervisor.RefusedError
	if errors.As(err, &refused) {
		err = control.Refuse(control.CodeConflict, "%v", refused)
	}
	return control.Accepted{Revision: revision}, err
}

// mayReplace keeps one user from touching another's line, and from learning
// its name. by is the profile that is wanted instead.
func (s *Service) mayReplace(c control.Caller, state supervisor.State, by *profile.Stored) error {
	switch {
	case mayTouch(c, state):
		return nil
	case state.Request.Owner == profile.OwnerSystem && state.Phase == supervisor.Connected && by.Profile.ID == state.Request.ProfileID:
		return control.Refuse(control.CodeConflict, "this computer is connected to %q by itself already, for everybody who uses it", by.Profile.Name)
	case state.Request.Owner == profile.OwnerSystem && by.Managed:
		return nil // where the computer has no line of its own yet, a person may have one by the administrator's ways
	case state.Request.Owner == profile.OwnerSystem:
		return control.Refuse(control.CodeConflict, "this computer keeps a connection of its own, as its administrator wants; only an administrator can end it")
	}
	return control.Refuse(control.CodeConflict, "another user of this computer is connected; ask them, or an administrator, to disconnect first")
}

// mayTouch says whether a line is nobody's, or the caller's to end.
func mayTouch(c control.Caller, state supervisor.State) bool {
	return state.Request.ProfileID == "" || c.Admin || state.Request.Owner == c.UID
}

// Disconnect implements control.Backend.
func (s *Service) Disconnect(ctx context.Context, c control.Caller) (control.Accepted, error) {
	revision, err := s.wish(ctx, supervisor.Disconnect{}, func(state supervisor.State) error {
		if mayTouch(c, state) {
			s.auto.person(whose(c, state), "") // before the rules see that there is no line
			return nil
		}
		if state.Request.Owner == profile.OwnerSystem {
			return control.Refuse(control.CodeForbidden, "this computer keeps this connection by itself, as its administrator wants; only an administrator can disconnect it")
		}
		return control.Refuse(control.CodeForbidden, "another user made this connection; only they, or an administrator, can disconnect it")
	})
	return control.Accepted{Revision: revision}, err
}

// Renew implements control.Backend.
func (s *Service) Renew(ctx context.Context, c control.Caller) (control.Accepted, error) {
	revision, err := s.wish(ctx, nil, func(state supervisor.State) error {
		l := s.line(state.Tunnel())
		switch {
		case !mayTouch(c, state):
			return control.Refuse(control.CodeForbidden, "another user made this connection; only they, or an administrator, can sign in again")
		case state.Phase != supervisor.Connected || l == nil:
			return control.Refuse(control.CodeConflict, "there is no line to sign in again for; connect with «homewardctl connect»")
		}
		l.tunnel.Renew()
		return nil
	})
	return control.Accepted{Revision: revision}, err
}

// whose is the line that is ended, else the caller's own.
func whose(c control.Caller, state supervisor.State) uint32 {
	if state.Request.ProfileID == "" {
		return c.UID
	}
	return state.Request.Owner
}

// Answer implements control.Backend.
func (s *Service) Answer(_ context.Context, c control.Caller, a control.Answer) error {
	return s.prompts.resolve(c.UID, a)
}

// Profiles implements control.Backend.
func (s *Service) Profiles(c control.Caller) []control.ProfileInfo {
	var list []control.ProfileInfo
	for _, st := range s.cfg.Profiles.List(c.UID, c.Admin) {
		p := &st.Profile
		list = append(list, control.ProfileInfo{
			ID: p.ID, Name: p.Name, Owner: st.Owner, Gateway: p.Gateway.Address, Auth: p.Client.Auth, SignIn: p.Client.Words(),
			Username: p.Client.Username, Organization: p.Origin.Organization,
			Format: p.Origin.Format, Identifier: p.Origin.Identifier,
			Managed: st.Managed, Locked: st.Locked,
		})
	}
	return list
}

// Profile implements control.Backend.
func (s *Service) Profile(c control.Caller, name string) (*profile.Profile, error) {
	stored, err := s.find(c, name)
	if err != nil {
		return nil, err
	}
	return &stored.Profile, nil
}

// find looks for a profile by ID or name among those that the caller may use.
// To everybody else it does not exist.
func (s *Service) find(c control.Caller, name string) (profile.Stored, error) {
	if stored, err := s.cfg.Profiles.ByName(name, c.UID); err == nil {
		return stored, nil
	}
	if profile.ValidID(name) {
		if stored, err := s.cfg.Profiles.Get(name, c.UID); err == nil && (stored.Owner == c.UID || c.Admin) {
			return stored, nil
		}
	}
	if c.Admin {
		return s.findAny(name)
	}
	return profile.Stored{}, unknownProfile(name)
}

// findAny lets an administrator name somebody else's profile where only one
// has that name.
func (s *Service) findAny(name string) (profile.Stored, error) {
	var found []profile.Stored
	for _, owner := range s.cfg.Profiles.List(0, true) {
		if st, err := s.cfg.Profiles.ByName(name, owner.Owner); err == nil && st.Profile.ID == owner.Profile.ID {
			found = append(found, st)
		}
	}
	switch len(found) {
	case 0:
		return profile.Stored{}, unknownProfile(name)
	case 1:
		return found[0], nil
	default:
		return profile.Stored{}, control.Refuse(control.CodeConflict, "several users have a profile named %s; give its ID, which «homewardctl profiles --json» shows", name)
	}
}

func unknownProfile(name string) error {
	return control.Refuse(control.CodeNotFound, "there is no profile named %q; «homewardctl profiles» lists those there are", name)
}

// AddProfile implements control.Backend.
func (s *Service) AddProfile(c control.Caller, p *profile.Profile) error {
	if s.leadsElsewhere(c, p) {
		return control.Refuse(control.CodeConflict, "the profile %q is in use, and this one leads to another gateway or trusts another; disconnect first with «homewardctl disconnect»", p.Name)
	}
	old, err := s.cfg.Profiles.Get(p.ID, c.UID)
	if managed := err == nil && old.Managed; !managed {
		if err := s.mayKeep(c); err != nil {
			return err
		}
	}
	err = s.cfg.Profiles.Add(p, c.UID)
	var locked *provision.LockedError
	var taken *profile.NameTakenError
	var invalid *profile.InvalidError
	switch {
	case errors.As(err, &locked):
		return lockedRefusal(locked)
	case errors.As(err, &taken):
		return control.Refuse(control.CodeConflict, "there is a profile named %q already; give this one another with --name, or forget the old one first", taken.Name)
	case errors.As(err, &invalid):
		return control.Refuse(control.CodeBadRequest, "the profile cannot be used (%v); ask your administrator for a new one", invalid)
	case errors.Is(err, profile.ErrTooMany):
		return control.Refuse(control.CodeConflict, "you have as many profiles as there may be; forget one first with «homewardctl forget»")
	case errors.Is(err, profile.ErrNotOwner):
		return control.Refuse(control.CodeForbidden, "a profile with this ID belongs to another user; import the file again")
	case err == nil:
		s.logger.Info("profile stored", "profile", p.Name, uidKey, c.UID)
		s.guard.profiled()
		s.auto.changed(p.ID)
		s.shown.filed()
		s.administrated() // lockdown waits for the first profile
	}
	return err
}

// lockedRefusal says what of a profile is not for people to change.
func lockedRefusal(e *provision.LockedError) error {
	if len(e.Fields) == 0 {
		return control.Refuse(control.CodeForbidden, "the profile %q is laid down for everybody on this computer; only an administrator can take it away, with its file", e.Name)
	}
	fields := e.Fields[:min(len(e.Fields), 5)]
	return control.Refuse(control.CodeForbidden, "the profile %q is laid down for everybody on this computer, and its administrator has locked %s; ask them to change it", e.Name, strings.Join(fields, ", "))
}

// leadsElsewhere says that p would replace the profile in use by one with another
// gateway, or with one that proves itself in another way. A lost line comes back with the password that was given, and
// that was given to the gateway of before.
func (s *Service) leadsElsewhere(c control.Caller, p *profile.Profile) bool {
	if s.shown.active() != p.ID {
		return false
	}
	old, err := s.cfg.Profiles.Get(p.ID, c.UID)
	return err == nil && old.Owner == c.UID && !old.Profile.SameServers(p)
}

// DeleteProfile implements control.Backend.
func (s *Service) DeleteProfile(c control.Caller, name string) error {
	stored, err := s.find(c, name)
	if err != nil {
		return err
	}
	if s.shown.active() == stored.Profile.ID {
		return control.Refuse(control.CodeConflict, "the profile %q is in use; disconnect first with «homewardctl disconnect»", stored.Profile.Name)
	}
	err = s.cfg.Profiles.Delete(stored.Profile.ID)
	var locked *provision.LockedError
	if errors.As(err, &locked) {
		return lockedRefusal(locked)
	}
	if errors.Is(err, profile.ErrNotFound) {
		return unknownProfile(name)
	}
	if err == nil {
		s.prompts.trials.drop(stored.Profile.ID)
		s.forgetMachine(stored.Profile.ID)
		s.guard.profiled()
		s.shown.filed()
		s.logger.Info("profile forgotten", "profile", stored.Profile.Name, uidKey, c.UID)
	}
	return err
}

// Logs implements control.Backend.
func (s *Service) Logs(ctx context.Context, c control.Caller, follow bool, emit func([]control.LogEntry) error) error {
	return s.cfg.Logs.read(ctx, c, follow, emit)
}
