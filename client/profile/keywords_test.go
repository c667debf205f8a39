package profile

import (
	"errors"
	"strings"
	"testing"
)

// with is a valid profile with one proposal for each SA.
func with(t *testing.T, ike, child Proposal) *Profile {
	t.Helper()
	p := full(t)
	p.IKE.Proposals, p.Child.Proposals, p.Child.PFS = []Proposal{ike}, []Proposal{child}, false
	return p
}

func wantInvalid(t *testing.T, p *Profile, field, reason string) {
	t.Helper()
	var e *InvalidError
	if err := p.Validate(); !errors.As(err, &e) || e.Field != field || !strings.Contains(e.Error(), reason) {
		t.Errorf("%v, want %s %s", err, field, reason)
	}
}

// TestLegacyWantsASwitch: what is no longer safe is valid with the switch, and
// says what it lacks without.
func TestLegacyWantsASwitch(t *testing.T) {
	t.Parallel()
	good := Proposal{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "ecp256"}
	child := Proposal{Encryption: "aes256", Integrity: "sha256"}
	for field, spoil := range map[string]func(p *Proposal){
		"encryption": func(p *Proposal) { p.Encryption = "3des" },
		"integrity":  func(p *Proposal) { p.Integrity = "sha1" },
		"prf":        func(p *Proposal) { p.PRF = "sha1" },
		"group":      func(p *Proposal) { p.Group = "modp1024" },
	} {
		weak := good
		spoil(&weak)
		if !weak.Legacy() || good.Legacy() {
			t.Errorf("%s: legacy %t and %t", field, weak.Legacy(), good.Legacy())
		}
		p := with(t, weak, child)
		wantInvalid(t, p, "ike.proposals[0]."+field, "no longer safe; it is used only where legacy is set")
		p.IKE.Legacy = true
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
		if weak.PRF = ""; field == "prf" {
			continue
		}
		p = with(t, good, weak)
		wantInvalid(t, p, "child.proposals[0]."+field, "no longer safe")
		p.Child.Legacy = true
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// TestBrokenIsNeverValid: no switch makes DES, MD5 or RIPEMD valid, and the
// sentence says why.
func TestBrokenIsNeverValid(t *testing.T) {
	t.Parallel()
	good := Proposal{Encryption: "aes256", Integrity: "sha256", PRF: "sha256", Group: "ecp256"}
	for field, spoil := range map[string]func(p *Proposal){
		"encryption": func(p *Proposal) { p.Encryption = "des" },
		"integrity":  func(p *Proposal) { p.Integrity = "md5" },
		"prf":        func(p *Proposal) { p.PRF = "ripemd160" },
		"group":      func(p *Proposal) { p.Group = "modp1024s160" },
	} {
		bad := good
		spoil(&bad)
		p := with(t, bad, Proposal{Encryption: "aes256gcm16"})
		p.IKE.Legacy = true
		wantInvalid(t, p, "ike.proposals[0]."+field, "not safe and is never used")
	}
}

// TestNullWantsStrict: what does not encrypt is for a Child SA that insists
// (RFC 2410, RFC 4543).
func TestNullWantsStrict(t *testing.T) {
	t.Parallel()
	good := Proposal{Encryption: "aes256gcm16", PRF: "sha256", Group: "ecp256"}
	for _, child := range []Proposal{{Encryption: "null", Integrity: "sha256"}, {Encryption: "aes256gmac"}} {
		p := with(t, good, child)
		p.Child.Strict = false
		wantInvalid(t, p, "child.proposals[0].encryption", "only where strict is set")
		p.Child.Strict = true
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
		child.PRF, child.Group = "sha256", "ecp256"
		wantInvalid(t, with(t, child, Proposal{Encryption: "aes256gcm16"}), "ike.proposals[0].encryption", "for the child only")
	}
	wantInvalid(t, with(t, good, Proposal{Encryption: "null"}), "child.proposals[0].integrity", "keyword")
}
