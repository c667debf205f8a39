package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
)

// What an administrator lays down changes while the service runs:
//
//	Administration.Watch -> administered: what is said of it in the status, profiles that
//	  came, went or lead elsewhere -> enforce: the policy, as settings of the computer
//
// A policy goes before what is chosen on the computer (policed), which is remembered, and
// counts again when the policy is gone.

// keepAdministered takes over what an administrator lays down, until ctx ends.
func (s *Service) keepAdministered(ctx context.Context) {
	a := s.cfg.Administration
	if a == nil {
		return
	}
	s.administered(ctx)
	changes, err := a.Watch(ctx)
	if err != nil {
		s.logger.Warn("what the administrator lays down is not watched, so its changes count when the service starts again", "error", err)
		return
	}
	for {
		select {
		case _, ok := <-changes:
			if !ok {
				return
			}
			s.administered(ctx)
		case <-s.recheck:
			s.enforced(ctx)
		}
	}
}

// administrated has the policy looked at again, soon.
func (s *Service) administrated() {
	select {
	case s.recheck <- struct{}{}:
	default:
	}
}

// administered holds what there is against what was laid down.
func (s *Service) administered(ctx context.Context) {
	problems := s.cfg.Administration.Problems()
	before := s.laid
	s.laid = map[string]profile.Stored{}
	for _, st := range s.cfg.Profiles.All(nil) {
		if st.Managed {
			s.laid[st.Profile.ID] = st
		}
	}
	for id, old := range before {
		now, still := s.laid[id]
		switch {
		case !still:
			problems = append(problems, s.takenAway(old)...)
		case !old.Profile.SameServers(&now.Profile) && s.shown.active() == id:
			s.prompts.forget() // what was given for another gateway
			s.logger.Info("the profile in use leads to another gateway by now", "profile", now.Profile.Name)
		}
	}
	for id := range s.laid {
		if _, known := before[id]; !known && before != nil {
			s.logger.Info("a profile is laid down for everybody", "profile", s.laid[id].Profile.Name)
		}
	}
	for _, said := range s.administrative {
		if !slices.Contains(problems, said) {
			s.shown.unwarn(said)
		}
	}
	for _, say := range problems {
		s.shown.warn(say)
	}
	s.administrative = problems
	if before != nil || len(s.laid) > 0 && !s.guard.profiledOnce(false) {
		s.guard.profiled() // the disk is to know that there is a way back
	}
	s.auto.kick()
	s.shown.filed()
	s.enforced(ctx)
}

// enforced is enforce, and says where it failed.
func (s *Service) enforced(ctx context.Context) {
	if err := s.enforce(ctx); err != nil && ctx.Err() == nil {
		s.logger.Error("the administrator's policy does not hold", "error", err)
		s.shown.warn(policyWarning)
		return
	}
	s.shown.unwarn(policyWarning)
}

const policyWarning = "The administrator's policy could not be put into force; restart the Homeward service, and tell the administrator if this stays."

// takenAway forgets what is kept for a profile whose file is gone. A line by it stays,
// and does not come back.
func (s *Service) takenAway(old profile.Stored) (say []string) {
	s.logger.Info("a profile is no longer laid down", "profile", old.Profile.Name)
	if s.shown.active() == old.Profile.ID {
		say = append(say, fmt.Sprintf("The administrator has taken the profile %q away: this line stays until it ends, and does not come back.", old.Profile.Name))
	}
	s.prompts.trials.drop(old.Profile.ID)
	s.forgetMachine(old.Profile.ID)
	return say
}

// policy is the administrator's; false: there is none.
func (s *Service) policy() (provision.Policy, bool) {
	if s.cfg.Administration == nil {
		return provision.Policy{}, false
	}
	return s.cfg.Administration.Policy()
}

// policed is what holds where own was chosen on the computer. now holds, which a policy
// that is not known leaves as it is.
func (s *Service) policed(own, now Choices) Choices {
	p, is := s.policy()
	switch {
	case !is:
		return own
	case p.Unknown:
		return now
	}
	out := own
	if p.KillSwitch != "" && (p.Holds(provision.KillSwitchField) || own.KillSwitch == control.KillSwitchProfile) {
		out.KillSwitch = p.KillSwitch
		if p.KillSwitch == control.KillSwitchLockdown && !s.profiled() {
			out.KillSwitch = own.KillSwitch // it would cut the computer off before there is a way back
		}
	}
	if p.LocalNetwork != "" && (p.Holds(provision.LocalNetworkField) || own.LocalNetwork == control.LocalNetworkProfile) {
		out.LocalNetwork = p.LocalNetwork
	}
	return out
}

// profiled says whether there is a profile, or was one: what is held back for good has
// to have a way out.
func (s *Service) profiled() bool {
	return s.guard.profiledOnce(len(s.cfg.Profiles.List(0, true)) > 0)
}

// enforce has the policy's settings hold, for nobody in particular.
func (s *Service) enforce(ctx context.Context) error {
	s.settingsMu.Lock()
	defer s.settingsMu.Unlock()
	before := s.guard.chosen()
	after := before
	after.settings = s.policed(before.own, before.settings)
	if after == before {
		return nil
	}
	s.logger.Info("the administrator's policy changes the settings", "kill_switch", after.settings.KillSwitch, "local_network", after.settings.LocalNetwork)
	return s.enact(ctx, before, after, nil)
}

// mayOverrule refuses to change what the policy holds, also to an administrator: the
// policy is theirs to change.
func (s *Service) mayOverrule(change control.SettingsChange) error {
	p, is := s.policy()
	if !is {
		return nil
	}
	held := ""
	switch {
	case change.KillSwitch != nil && p.Holds(provision.KillSwitchField):
		held = "the kill switch"
	case change.LocalNetwork != nil && p.Holds(provision.LocalNetworkField):
		held = "the local network"
	default:
		return nil
	}
	if p.Unknown {
		return control.Refuse(control.CodeForbidden, "%s is held as it is, for the administrator's policy cannot be read; only repairing that file changes it", held)
	}
	return control.Refuse(control.CodeForbidden, "%s is held by the policy of %s; only an administrator can change it, in that policy's file", held, ownerOf(p))
}

// ownerOf is whose policy it is, for a sentence.
func ownerOf(p provision.Policy) string {
	if p.Organization == "" {
		return "this computer's administrator"
	}
	return p.Organization
}

// mayKeep says whether a caller may have profiles of their own.
func (s *Service) mayKeep(c control.Caller) error {
	p, is := s.policy()
	if !is || c.Admin || p.OwnProfiles != provision.OwnProfilesAdministrators && !p.Unknown {
		return nil
	}
	return control.Refuse(control.CodeForbidden, "by the policy of %s only administrators add and change profiles on this computer; ask yours", ownerOf(p))
}

// Settings implements control.Backend.
func (s *Service) Settings(control.Caller) control.Settings {
	return s.describePolicy(s.guard.chosen().settings)
}

// describePolicy is how programs see what holds, with what of it the policy does.
func (s *Service) describePolicy(c Choices) control.Settings {
	out := control.Settings{KillSwitch: c.KillSwitch, LocalNetwork: c.LocalNetwork}
	p, is := s.policy()
	if !is {
		return out
	}
	out.ManagedBy, out.AlwaysOn = p.Organization, p.AlwaysOnID
	if p.OwnProfiles == provision.OwnProfilesAdministrators || p.Unknown {
		out.OwnProfiles = control.OwnProfilesAdministrators
	}
	for _, m := range []struct {
		name string
		held bool
	}{
		{control.ManagedKillSwitch, p.Holds(provision.KillSwitchField)},
		{control.ManagedLocalNetwork, p.Holds(provision.LocalNetworkField)},
		{control.ManagedAlwaysOn, p.AlwaysOnID != ""},
		{control.ManagedOwnProfiles, out.OwnProfiles != ""},
	} {
		if m.held {
			out.Managed = append(out.Managed, m.name)
		}
	}
	return out
}
