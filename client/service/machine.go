package service

import (
	"context"
	"errors"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// Machine keeps what signs this computer in before anybody has signed in to it. It is
// protected by the rights of its files alone, for no key is there at that time; what
// goes in never comes out but as an answer to a gateway.
type Machine interface {
	// Has says whether something is kept for a profile that is meant for the gateway
	// and the sign-in that it names now: the owner of a profile may change it, and
	// must not have the password sent elsewhere so.
	Has(p *profile.Profile) bool
	// Answer answers a question of a tunnel; false: nothing is kept for it.
	Answer(p *profile.Profile, q tunnel.Question) (tunnel.Answer, bool, error)
	// Set replaces what is kept for a profile. c stays the caller's, who clears it.
	Set(p *profile.Profile, c control.MachineCredential) error
	// Remove takes away what is kept. It is no error that nothing is.
	Remove(profileID string) error
	// List describes what is kept, by profile ID, without secrets.
	List() map[string]control.MachineInfo
}

// byMachineFirst is a tunnel's Ask: the service answers what it can itself, and calls
// for a user only where a program of theirs is there, or they have asked for the line.
// What the gateway has refused is not answered with again, in this attempt or in a later
// one, until it was set anew.
func (s *Service) byMachineFirst(l *line, a *asker) func(context.Context, tunnel.Question) (tunnel.Answer, error) {
	return func(ctx context.Context, q tunnel.Question) (tunnel.Answer, error) {
		stored, err := s.cfg.Profiles.Get(l.request.ProfileID, l.request.Owner)
		if err != nil {
			return a.ask(ctx, q)
		}
		p := &stored.Profile
		password := q.Kind == tunnel.AskPassword
		if password && q.Fresh {
			s.prompts.trials.machineRefused(p.ID)
		}
		if s.auto.byMachine(p) && !q.Fresh && !(password && s.prompts.trials.machineKnown(p.ID)) {
			if answer, ok, err := s.cfg.Machine.Answer(p, q); ok || err != nil {
				if ok && err == nil && password {
					s.prompts.trials.machineSent(p.ID)
				}
				return answer, err
			}
		}
		if l.request.Automatic && !s.auto.attended(l.request.Owner) {
			return tunnel.Answer{}, s.nobody(p, q)
		}
		return a.ask(ctx, q)
	}
}

// nobody is why an attempt that nobody has asked for ends with a question.
func (s *Service) nobody(p *profile.Profile, q tunnel.Question) error {
	if (q.Fresh || s.prompts.trials.machineKnown(p.ID)) && s.auto.byMachine(p) {
		return &diagnose.Failure{Cause: diagnose.CauseWrongPassword, Detail: "the credential of the machine was refused"}
	}
	return &diagnose.Failure{Cause: diagnose.CauseUnanswered, Expected: wanted[q.Kind], Detail: "nobody is there to answer, and nobody asked for the line"}
}

// SetMachine implements control.Backend.
func (s *Service) SetMachine(_ context.Context, c control.Caller, m control.MachineCredential) error {
	stored, err := s.forMachine(c, m.Profile)
	if err != nil {
		return err
	}
	if err := s.cfg.Machine.Set(&stored.Profile, m); err != nil {
		var refusal *control.Refusal
		if errors.As(err, &refusal) {
			return err
		}
		s.logger.Error("the credential of the machine was not kept", "profile", stored.Profile.Name, "error", err)
		return control.Refuse(control.CodeInternal, "the credential could not be kept; look at «homewardctl logs», and whether the disk is full")
	}
	s.prompts.trials.machineSet(stored.Profile.ID)
	s.auto.changed(stored.Profile.ID)
	s.logger.Info("a credential of the machine was set", "profile", stored.Profile.Name, uidKey, stored.Owner)
	return nil
}

// RemoveMachine implements control.Backend.
func (s *Service) RemoveMachine(_ context.Context, c control.Caller, name string) error {
	stored, err := s.forMachine(c, name)
	if err != nil {
		return err
	}
	if _, kept := s.cfg.Machine.List()[stored.Profile.ID]; !kept {
		return control.Refuse(control.CodeNotFound, "the service keeps no credential for %q; «sudo homewardctl machine list» shows what it does", stored.Profile.Name)
	}
	if err := s.cfg.Machine.Remove(stored.Profile.ID); err != nil {
		s.logger.Error("the credential of the machine was not removed", "profile", stored.Profile.Name, "error", err)
		return control.Refuse(control.CodeInternal, "the credential could not be removed; look at «homewardctl logs»")
	}
	s.prompts.trials.machineSet(stored.Profile.ID)
	s.auto.changed(stored.Profile.ID)
	s.logger.Info("a credential of the machine was removed", "profile", stored.Profile.Name, uidKey, stored.Owner)
	return nil
}

// Machines implements control.Backend.
func (s *Service) Machines(c control.Caller) ([]control.MachineInfo, error) {
	if err := administrators(c); err != nil || s.cfg.Machine == nil {
		return []control.MachineInfo{}, err
	}
	kept, list := s.cfg.Machine.List(), []control.MachineInfo{}
	for _, stored := range s.cfg.Profiles.All(nil) {
		p := &stored.Profile
		if info, ok := kept[p.ID]; ok {
			info.Profile, info.ProfileID, info.Owner, info.When = p.Name, p.ID, stored.Owner, string(p.OnDemand.When)
			info.Used = s.auto.byMachine(p)
			list = append(list, info)
		}
	}
	return list, nil
}

func administrators(c control.Caller) error {
	if c.Admin {
		return nil
	}
	return control.Refuse(control.CodeForbidden, "what the computer signs in with before anybody has is for an administrator to set; use sudo")
}

// forMachine finds a profile for an administrator.
func (s *Service) forMachine(c control.Caller, name string) (profile.Stored, error) {
	if err := administrators(c); err != nil {
		return profile.Stored{}, err
	}
	if s.cfg.Machine == nil {
		return profile.Stored{}, control.Refuse(control.CodeUnavailable, "this service keeps no credentials")
	}
	stored, err := s.find(c, name)
	if err == nil && stored.Managed { // not as the administrator has it who asks
		stored, err = s.cfg.Profiles.Get(stored.Profile.ID, profile.OwnerSystem)
	}
	return stored, err
}

// forgetMachine takes away what is kept for a profile that is no more.
func (s *Service) forgetMachine(id string) {
	if s.cfg.Machine != nil {
		if err := s.cfg.Machine.Remove(id); err != nil {
			s.logger.Error("the credential of the machine was not removed", "error", err)
		}
	}
	s.auto.changed(id)
}

// Attend implements control.Backend.
func (s *Service) Attend(c control.Caller) (leave func()) { return s.auto.attend(c.UID) }
