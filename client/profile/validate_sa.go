package profile

import (
	"fmt"
	"time"
)

// The range of lifetimes. Below it a line would do little else than rekey.
const (
	MinLifetime = 5 * time.Second
	MaxLifetime = 7 * 24 * time.Hour

	MinLifetimeBytes   = 1 << 20
	MaxLifetimeBytes   = 1 << 50
	MinLifetimePackets = 1 << 10
	MaxLifetimePackets = 1 << 32
)

func (s *SA) validateIKE() error {
	if s.PFS {
		return invalid("ike.pfs", "is for the child only")
	}
	if s.LifetimeBytes != 0 || s.LifetimePackets != 0 {
		return invalid("ike.lifetime_bytes", "is for the child only, and so is lifetime_packets")
	}
	if err := s.validate("ike"); err != nil {
		return err
	}
	for i, p := range s.Proposals {
		at := fmt.Sprintf("ike.proposals[%d]", i)
		if encryptionKeywords[p.Encryption].readable {
			return invalid(at+".encryption", "does not encrypt, and is for the child only")
		}
		if _, err := s.lookUp(hashKeywords, at+".prf", p.PRF); err != nil {
			return err
		}
		if err := s.validExchanges(at+".group", p.Group); err != nil {
			return err
		}
	}
	return nil
}

func (s *SA) validateChild() error {
	if err := s.validate("child"); err != nil {
		return err
	}
	if err := validAmount("child.lifetime_bytes", s.LifetimeBytes, MinLifetimeBytes, MaxLifetimeBytes); err != nil {
		return err
	}
	if err := validAmount("child.lifetime_packets", s.LifetimePackets, MinLifetimePackets, MaxLifetimePackets); err != nil {
		return err
	}
	for i, p := range s.Proposals {
		at := fmt.Sprintf("child.proposals[%d]", i)
		if p.PRF != "" {
			return invalid(at+".prf", "is for the IKE SA only")
		}
		if p.Group == "" && s.PFS {
			return invalid(at+".group", "is missing: pfs is on")
		}
		if p.Group != "" {
			if err := s.validExchanges(at+".group", p.Group); err != nil {
				return err
			}
		}
		if encryptionKeywords[p.Encryption].readable && !s.Strict {
			return invalid(at+".encryption", "does not encrypt; it is used only where strict is set")
		}
	}
	return nil
}

// validate checks what both kinds of SA have in common.
func (s *SA) validate(field string) error {
	if len(s.Proposals) > maxProposals {
		return invalid(field+".proposals", "has more than %d entries", maxProposals)
	}
	if s.Strict && len(s.Proposals) == 0 {
		return invalid(field+".strict", "is set without a proposal")
	}
	for i, p := range s.Proposals {
		at := fmt.Sprintf("%s.proposals[%d]", field, i)
		enc, err := s.lookUp(encryptionKeywords, at+".encryption", p.Encryption)
		if err != nil {
			return err
		}
		if enc.aead {
			if p.Integrity != "" {
				return invalid(at+".integrity", "is not for a cipher that protects integrity itself")
			}
			continue
		}
		if _, err := s.lookUp(hashKeywords, at+".integrity", p.Integrity); err != nil {
			return err
		}
	}
	return validDuration(field+".lifetime", s.Lifetime, MinLifetime, MaxLifetime)
}

func (s *Session) validate() error {
	switch s.Childless {
	case ChildlessNever, ChildlessOffered, ChildlessRequired:
	default:
		return invalid("session.childless", "is not offered or required")
	}
	if s.Liveness >= 0 { // negative: never
		if err := validDuration("session.liveness", s.Liveness, time.Second, 24*time.Hour); err != nil {
			return err
		}
	}
	if s.NATKeepalive < 0 { // never
		return nil
	}
	return validDuration("session.nat_keepalive", s.NATKeepalive, time.Second, time.Hour)
}
