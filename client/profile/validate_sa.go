package profile

import (
	"fmt"
	"time"
)

// The keywords of Proposal. True: an AEAD cipher, which needs no integrity.
var (
	encryptionKeywords = map[string]bool{
		"aes128gcm16": true, "aes256gcm16": true, "chacha20poly1305": true,
		"aes128": false, "aes192": false, "aes256": false,
	}
	hashKeywords  = map[string]bool{"sha256": true, "sha384": true, "sha512": true}
	groupKeywords = map[string]bool{
		"modp2048": true, "modp3072": true, "modp4096": true,
		"ecp256": true, "ecp384": true, "ecp521": true, "x25519": true,
	}
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
		if !hashKeywords[p.PRF] {
			return invalid(at+".prf", "is not a keyword of this version")
		}
		if !groupKeywords[p.Group] {
			return invalid(at+".group", "is not a keyword of this version")
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
		if p.Group != "" && !groupKeywords[p.Group] {
			return invalid(at+".group", "is not a keyword of this version")
		}
		if p.Group == "" && s.PFS {
			return invalid(at+".group", "is missing: pfs is on")
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
		aead, known := encryptionKeywords[p.Encryption]
		switch {
		case !known:
			return invalid(at+".encryption", "is not a keyword of this version")
		case aead && p.Integrity != "":
			return invalid(at+".integrity", "is not for a cipher that protects integrity itself")
		case !aead && !hashKeywords[p.Integrity]:
			return invalid(at+".integrity", "is not a keyword of this version")
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
