package service

import (
	"context"
	"errors"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// chosen is what holds, and what was chosen on the computer, which is the same where
// there is no policy.
type chosen struct{ settings, own Choices }

// ChangeSettings implements control.Backend. The order: may they, the disk, the
// supervisor, the kill switch. Off is the way out, and opens also where the disk takes
// nothing.
func (s *Service) ChangeSettings(ctx context.Context, c control.Caller, change control.SettingsChange) (control.Settings, error) {
	s.settingsMu.Lock()
	defer s.settingsMu.Unlock()
	before := s.guard.chosen()
	if err := s.mayOverrule(change); err != nil {
		return s.describePolicy(before.settings), err
	}
	after := before
	if change.KillSwitch != nil {
		after.own.KillSwitch = *change.KillSwitch
	}
	if change.LocalNetwork != nil {
		after.own.LocalNetwork = *change.LocalNetwork
	}
	after.settings = s.policed(after.own, before.settings)
	if after == before && !s.guard.trouble() && !s.guard.unwritten() {
		return s.describePolicy(after.settings), nil
	}
	allow := func(state supervisor.State) error { return s.maySet(c, before.settings, after.settings, state) }
	if err := allow(s.shown.now()); err != nil {
		return s.describePolicy(before.settings), err
	}
	err := s.enact(ctx, before, after, allow)
	if err == nil {
		s.logger.Info("settings changed", uidKey, c.UID, "kill_switch", after.settings.KillSwitch, "local_network", after.settings.LocalNetwork)
	}
	return s.Settings(c), err
}

// enact has what is chosen hold. allow is asked once more when it comes to it; nil:
// nobody has to. The caller holds settingsMu.
func (s *Service) enact(ctx context.Context, before, after chosen, allow func(supervisor.State) error) error {
	unwritten := s.guard.set(after)
	if unwritten != nil {
		s.logger.Error("settings cannot be written", "error", unwritten)
		if after.settings.KillSwitch != control.KillSwitchOff {
			return control.Refuse(control.CodeInternal, "the setting could not be written to disk (%v), so it would not last; make room on the disk and try again", unwritten)
		}
		s.guard.assume(after, unwritten)
	}
	if _, err := s.wish(ctx, supervisor.ModeSet{Setting: settingOf(after.settings)}, allow); err != nil {
		back := s.guard.set(before)
		if back != nil {
			s.guard.assume(before, back)
		}
		return errors.Join(err, back)
	}
	s.shown.filed()
	if err := s.performed(ctx); err != nil {
		return err
	}
	if s.guard.trouble() {
		return control.Refuse(control.CodeInternal, "the setting is taken, but the kill switch could not be set, so it is not sure that nothing leaves; look at «homewardctl status»")
	}
	if unwritten != nil {
		return control.Refuse(control.CodeInternal, "the kill switch is off, but that could not be written to disk (%v), so it lasts only until the service starts again; make room on the disk, then set it once more", unwritten)
	}
	return nil
}

// maySet keeps lockdown to administrators, and the rest to them and whose line it is.
func (s *Service) maySet(c control.Caller, before, after Choices, state supervisor.State) error {
	locked := before.KillSwitch == control.KillSwitchLockdown || after.KillSwitch == control.KillSwitchLockdown
	switch {
	case locked && !c.Admin:
		return control.Refuse(control.CodeForbidden, "lockdown is for administrators to set, to change and to lift; run it with sudo, or ask one")
	case !mayTouch(c, state):
		return control.Refuse(control.CodeForbidden, "another user of this computer is connected; only they, or an administrator, can change the kill switch now")
	case after.KillSwitch == control.KillSwitchLockdown && before.KillSwitch != after.KillSwitch && len(s.cfg.Profiles.List(0, true)) == 0:
		return control.Refuse(control.CodeConflict, "there is no profile yet, so lockdown would cut this computer off for good; import one first with «homewardctl import»")
	}
	return nil
}

// performed waits until everything that was ordered so far is done, and what that led
// to where the supervisor had put the policy off.
func (s *Service) performed(ctx context.Context) error {
	for owed := true; owed; {
		done := make(chan struct{})
		s.batches.put(work{done: done})
		select {
		case <-done:
		case <-s.ended:
			return errEnding
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := s.wish(ctx, nil, func(state supervisor.State) error {
			owed = state.Owed()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
