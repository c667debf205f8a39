package service

import (
	"context"
	"errors"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// Settings implements control.Backend.
func (s *Service) Settings(control.Caller) control.Settings { return s.guard.settings().shown() }

// shown is how programs see what was chosen.
func (c Choices) shown() control.Settings {
	return control.Settings{KillSwitch: c.KillSwitch, LocalNetwork: c.LocalNetwork}
}

// ChangeSettings implements control.Backend. The order: may they, the disk, the
// supervisor, the kill switch. Off is the way out, and opens also where the disk takes
// nothing.
func (s *Service) ChangeSettings(ctx context.Context, c control.Caller, change control.SettingsChange) (control.Settings, error) {
	s.settingsMu.Lock()
	defer s.settingsMu.Unlock()
	now, err := s.changeSettings(ctx, c, change)
	return now.shown(), err
}

// changeSettings gives what is chosen afterwards. The caller holds settingsMu.
func (s *Service) changeSettings(ctx context.Context, c control.Caller, change control.SettingsChange) (Choices, error) {
	before := s.guard.settings()
	after := before
	if change.KillSwitch != nil {
		after.KillSwitch = *change.KillSwitch
	}
	if change.LocalNetwork != nil {
		after.LocalNetwork = *change.LocalNetwork
	}
	if after == before && !s.guard.trouble() && !s.guard.unwritten() {
		return after, nil
	}
	if err := s.maySet(c, before, after, s.shown.now()); err != nil {
		return before, err
	}
	unwritten := s.guard.set(after)
	if unwritten != nil {
		s.logger.Error("settings cannot be written", "error", unwritten)
		if after.KillSwitch != control.KillSwitchOff {
			return before, control.Refuse(control.CodeInternal, "the setting could not be written to disk (%v), so it would not last; make room on the disk and try again", unwritten)
		}
		s.guard.assume(after, unwritten)
	}
	_, err := s.wish(ctx, supervisor.ModeSet{Setting: settingOf(after)}, func(state supervisor.State) error {
		return s.maySet(c, before, after, state)
	})
	if err != nil {
		back := s.guard.set(before)
		if back != nil {
			s.guard.assume(before, back)
		}
		return before, errors.Join(err, back)
	}
	s.shown.filed()
	s.logger.Info("settings changed", uidKey, c.UID, "kill_switch", after.KillSwitch, "local_network", after.LocalNetwork)
	if err := s.performed(ctx); err != nil {
		return after, err
	}
	if s.guard.trouble() {
		return after, control.Refuse(control.CodeInternal, "the setting is taken, but the kill switch could not be set, so it is not sure that nothing leaves; look at «homewardctl status»")
	}
	if unwritten != nil {
		return after, control.Refuse(control.CodeInternal, "the kill switch is off, but that could not be written to disk (%v), so it lasts only until the service starts again; make room on the disk, then set it once more", unwritten)
	}
	return after, nil
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
