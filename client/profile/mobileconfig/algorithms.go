package mobileconfig

import (
	"fmt"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The names of algorithms in a profile, and the keywords they become. An empty
// keyword is one that is broken and never offered (RFC 8247).
var (
	encryptionNames = map[string]string{
		"aes-128": "aes128", "aes-256": "aes256", "aes-128-gcm": "aes128gcm16", "aes-256-gcm": "aes256gcm16",
		"chacha20poly1305": "chacha20poly1305", "3des": "3des", "des": "",
	}
	integrityNames = map[string]string{
		"sha2-256": "sha256", "sha2-384": "sha384", "sha2-512": "sha512", "sha1-96": "sha1",
		"sha1-160": "", "md5": "", "md5-96": "", "ripemd160": "", "ripemd-160": "",
	}
	groupNumbers = map[int64]string{
		14: "modp2048", 15: "modp3072", 16: "modp4096", 17: "modp6144", 18: "modp8192",
		19: "ecp256", 20: "ecp384", 21: "ecp521", 31: "x25519", 32: "x448",
		2: "modp1024", 5: "modp1536", 24: "modp2048s256",
		1: "", 22: "", 23: "",
	}
)

// What a profile means that says nothing.
const (
	defaultEncryption = "AES-256"
	defaultIntegrity  = "SHA2-256"
	defaultGroup      = 14
)

// The range of LifeTimeInMinutes.
const (
	minMinutes = 10
	maxMinutes = 1440
)

// choice is one algorithm out of a dictionary.
type choice struct {
	name    string // as the file writes it
	keyword string // "" when it is not offered
	reason  string // why it is not
	weak    bool   // broken, or no longer safe
}

// legacy says that an algorithm is no longer safe and is offered all the same,
// because the file asks for it.
func (ch choice) legacy() bool { return ch.weak && ch.keyword != "" }

// association is one dictionary of SA parameters.
type association struct {
	section                      *section
	encryption, integrity, group choice
	additional                   string // words of further key exchanges, behind the group's
	insists                      bool   // on those
}

func (a *association) aead() bool {
	return strings.Contains(a.encryption.keyword, "gcm") || strings.Contains(a.encryption.keyword, "poly1305")
}

const (
	ikeParameters   = "IKESecurityAssociationParameters"
	childParameters = "ChildSecurityAssociationParameters"
)

// algorithms reads the parameters of both SAs. Without a dictionary of its own
// the child takes those of the IKE SA; without any, Homeward's own set is
// offered. The file's algorithms go first and Homeward's own follow, unless
// the file is strict.
func (c *connection) algorithms() error {
	strict := c.ike.flag("EnforceStrictAlgorithmSelection", false)
	c.profile.Child.PFS = c.ike.flag("EnablePFS", false)
	c.ike.honour("EnablePFS", "")
	ike := c.association(ikeParameters)
	child := c.association(childParameters)
	for _, a := range []*association{ike, child} {
		if err := c.additional(a); err != nil {
			return err
		}
	}
	if strict {
		if err := c.checkStrict(ike, child); err != nil {
			return err
		}
	}
	c.ike.honour("EnforceStrictAlgorithmSelection", "")
	if ike != nil {
		c.useIKE(ike, strict)
	}
	switch {
	case child != nil:
		c.useChild(child, strict)
	case ike != nil:
		child = &association{section: newSection("", nil), encryption: ike.encryption, integrity: ike.integrity, group: ike.group,
			additional: ike.additional, insists: ike.insists}
		c.useChild(child, strict)
	}
	return c.checkAdditional(ike, child)
}

// association reads the dictionary under key, or gives nil.
func (c *connection) association(key string) *association {
	v := c.ike.get(key)
	if v == nil || v.kind != kindDict {
		return nil
	}
	s := newSection(c.ike.path+key+".", v)
	c.ike.told[key] = true
	c.sections = append(c.sections, s)
	return &association{
		section:    s,
		encryption: named(s.text("EncryptionAlgorithm"), defaultEncryption, encryptionNames),
		integrity:  named(s.text("IntegrityAlgorithm"), defaultIntegrity, integrityNames),
		group:      group(s),
	}
}

func named(name, def string, table map[string]string) choice {
	if name == "" {
		name = def
	}
	keyword, known := table[strings.ToLower(name)]
	return judge(choice{name: name, keyword: keyword}, known, "not known to this version")
}

// judge fills in how safe an algorithm is.
func judge(ch choice, known bool, unknown string) choice {
	switch {
	case !known:
		ch.reason = unknown
	case ch.keyword == "":
		ch.weak, ch.reason = true, "not safe, and never offered"
	default:
		ch.weak = profile.LegacyKeyword(ch.keyword)
	}
	return ch
}

func group(s *section) choice {
	n := int64(defaultGroup)
	if v := s.get("DiffieHellmanGroup"); v != nil {
		var ok bool
		if n, ok = v.asInteger(); !ok {
			return choice{name: v.show(), reason: "not a number"}
		}
	}
	keyword, known := groupNumbers[n]
	return judge(choice{name: fmt.Sprint(n), keyword: keyword}, known, "not offered by this version")
}

// checkStrict refuses what a strict profile is refused for elsewhere: a weak
// algorithm, and a child cipher that is stronger than the IKE SA's.
func (c *connection) checkStrict(ike, child *association) error {
	name := quote(c.profile.Name)
	for _, a := range []*association{ike, child} {
		if a == nil {
			continue
		}
		for _, ch := range []choice{a.encryption, a.integrity, a.group} {
			if ch.weak {
				return unsupported("%s names the weak algorithm %s and forbids weak algorithms at once; ask for a corrected profile", name, quote(ch.name))
			}
		}
	}
	if ike != nil && child != nil && strings.Contains(child.encryption.keyword, "256") && strings.Contains(ike.encryption.keyword, "128") {
		return unsupported("%s protects its data more strongly than its keys, which it forbids itself; ask for a corrected profile", name)
	}
	return nil
}

// useIKE makes the IKE SA's proposal.
func (c *connection) useIKE(a *association, strict bool) {
	sa := &c.profile.IKE
	sa.Lifetime = lifetime(a.section)
	p := profile.Proposal{Encryption: a.encryption.keyword, Group: a.group.keyword + a.additional, PRF: a.integrity.keyword}
	integrityNote := ""
	if a.aead() {
		integrityNote = "chooses the PRF; the cipher protects integrity itself"
	} else {
		p.Integrity = a.integrity.keyword
	}
	whole := a.encryption.keyword != "" && a.integrity.keyword != "" && a.group.keyword != ""
	if whole {
		sa.Proposals, sa.Strict, sa.Legacy = []profile.Proposal{p}, strict || a.insists, p.Legacy()
	}
	a.tell("EncryptionAlgorithm", a.encryption, whole, "")
	a.tell("IntegrityAlgorithm", a.integrity, whole, integrityNote)
	a.tell("DiffieHellmanGroup", a.group, whole, "")
	a.tellAdditional(whole)
	a.section.rest(unknown)
}

// useChild makes the Child SA's proposal. Its group counts only with PFS, its
// integrity algorithm only with a cipher that has none.
func (c *connection) useChild(a *association, strict bool) {
	sa := &c.profile.Child
	sa.Lifetime = lifetime(a.section)
	p := profile.Proposal{Encryption: a.encryption.keyword}
	whole := a.encryption.keyword != ""
	if !a.aead() {
		p.Integrity = a.integrity.keyword
		whole = whole && a.integrity.keyword != ""
	} else {
		a.section.ignore("IntegrityAlgorithm", "the cipher protects integrity itself")
	}
	if sa.PFS {
		p.Group = a.group.keyword + a.additional
		whole = whole && a.group.keyword != ""
	} else {
		a.section.ignore("DiffieHellmanGroup", "only counts with EnablePFS")
		a.section.ignore(additionalKey, "only counts with EnablePFS")
		a.insists = false
	}
	if whole {
		sa.Proposals, sa.Strict, sa.Legacy = []profile.Proposal{p}, strict || a.insists, p.Legacy()
	}
	a.tell("EncryptionAlgorithm", a.encryption, whole, "")
	a.tell("IntegrityAlgorithm", a.integrity, whole, "")
	a.tell("DiffieHellmanGroup", a.group, whole, "")
	a.tellAdditional(whole)
	a.section.rest(unknown)
}

// tell reports one algorithm. One that is no longer safe wants a yes. A set with a part that is not offered is not
// offered at all: mixing it with others would be a set of nobody's choice.
func (a *association) tell(key string, ch choice, whole bool, note string) {
	switch {
	case ch.keyword == "":
		a.section.refuse(key, ch.reason+"; this version's own set is offered instead")
	case whole && ch.legacy():
		a.section.approx(key, "no longer safe; offered last, because the file asks for it, and a line that uses it says so")
		a.section.lowers(key)
	case !whole:
		a.section.approx(key, "offered only as a part of this version's own set, because the file's set is not usable as a whole")
	case note != "":
		a.section.approx(key, note)
	default:
		a.section.honour(key, "")
	}
}

// lifetime reads LifeTimeInMinutes, held inside its range.
func lifetime(s *section) profile.Duration {
	v := s.get("LifeTimeInMinutes")
	if v == nil {
		return 0
	}
	n, ok := v.asInteger()
	if !ok {
		s.refuse("LifeTimeInMinutes", "not a number of minutes")
		return 0
	}
	held := min(max(n, minMinutes), maxMinutes)
	if held == n {
		s.honour("LifeTimeInMinutes", "")
	} else {
		s.approx("LifeTimeInMinutes", fmt.Sprintf("taken as %d, for it may be %d to %d", held, minMinutes, maxMinutes))
	}
	return profile.Duration(time.Duration(held) * time.Minute)
}
