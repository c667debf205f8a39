package winras

import (
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The parts of a suite, as ProfileXML calls them.
const (
	Encryption = "EncryptionMethod"
	Integrity  = "IntegrityCheckMethod"
	Group      = "DHGroup"
	Cipher     = "CipherTransformConstants"
	Transform  = "AuthenticationTransformConstants"
	PFS        = "PfsGroup"
)

// Parts lists them.
func Parts() []string { return []string{Encryption, Integrity, Group, Cipher, Transform, PFS} }

// Suite is a set of algorithms: Windows' names by part. It offers exactly these.
type Suite map[string]string

// names gives the keywords of Windows' names, in small letters. An empty keyword
// is an algorithm that is broken and never offered (RFC 8247).
var names = map[string]map[string]string{
	Encryption: {
		"des": "", "des3": "3des", "aes128": "aes128", "aes192": "aes192", "aes256": "aes256",
		"aes_gcm_128": "aes128gcm16", "aes_gcm_256": "aes256gcm16", "gcmaes128": "aes128gcm16", "gcmaes256": "aes256gcm16",
	},
	Integrity: {"md5": "", "sha1": "sha1", "sha196": "sha1", "sha256": "sha256", "sha384": "sha384"},
	Group: {
		"group1": "", "group2": "modp1024", "group14": "modp2048", "ecp256": "ecp256", "ecp384": "ecp384", "group24": "modp2048s256",
	},
	Cipher: {
		"des": "", "des3": "3des", "aes128": "aes128", "aes192": "aes192", "aes256": "aes256",
		"gcmaes128": "aes128gcm16", "gcmaes192": "aes192gcm16", "gcmaes256": "aes256gcm16",
	},
	Transform: {
		"md596": "", "sha196": "sha1", "sha256128": "sha256",
		"gcmaes128": "aes128gcm16", "gcmaes192": "aes192gcm16", "gcmaes256": "aes256gcm16",
	},
	PFS: {
		"pfs1": "", "pfs2": "modp1024", "pfs2048": "modp2048", "ecp256": "ecp256", "ecp384": "ecp384", "pfs24": "modp2048s256",
	},
}

// Tell says what became of one part.
type Tell func(part string, verdict profile.Verdict, note string, lowers bool)

// Use puts the suite into the profile. Homeward's own set follows it, and stands
// in its place where a part of it cannot be used.
func (s Suite) Use(p *profile.Profile, tell Tell) {
	s.useIKE(p, tell)
	s.useChild(p, tell)
}

func (s Suite) useIKE(p *profile.Profile, tell Tell) {
	enc, integrity, group := s.read(Encryption), s.read(Integrity), s.read(Group)
	set := profile.Proposal{Encryption: enc.keyword, Integrity: integrity.keyword, PRF: integrity.keyword, Group: group.keyword}
	note := ""
	if aead(enc.keyword) {
		set.Integrity, note = "", "chooses the PRF; the cipher protects integrity itself"
	}
	whole := enc.keyword != "" && integrity.keyword != "" && group.keyword != ""
	if whole {
		p.IKE.Proposals, p.IKE.Legacy = []profile.Proposal{set}, set.Legacy()
	}
	enc.tell(tell, whole, "")
	integrity.tell(tell, whole, note)
	group.tell(tell, whole, "")
}

// useChild reads the Child SA's part, where the authentication of an AEAD cipher
// bears the cipher's own name.
func (s Suite) useChild(p *profile.Profile, tell Tell) {
	enc, integrity := s.read(Cipher), s.read(Transform)
	set := profile.Proposal{Encryption: enc.keyword, Integrity: integrity.keyword}
	whole := enc.keyword != ""
	if aead(enc.keyword) {
		set.Integrity = ""
	} else {
		whole = whole && integrity.keyword != "" && !aead(integrity.keyword)
	}
	group, wanted, note := s.fresh()
	if wanted && group.keyword == "" {
		whole = false
	}
	if whole {
		set.Group, p.Child.PFS = group.keyword, wanted
		p.Child.Proposals, p.Child.Legacy = []profile.Proposal{set}, set.Legacy()
	}
	enc.tell(tell, whole, "")
	switch {
	case aead(enc.keyword) && integrity.keyword == enc.keyword:
		tell(Transform, profile.Honoured, "the cipher protects integrity itself", false)
	case aead(enc.keyword):
		tell(Transform, profile.Ignored, "the cipher protects integrity itself", false)
	default:
		integrity.tell(tell, whole, "")
	}
	if !wanted {
		tell(PFS, profile.Honoured, "a fresh key exchange is not insisted on", false)
		return
	}
	group.tell(tell, whole, note)
}

// fresh reads the group of a fresh key exchange; wanted says that there is to be one.
func (s Suite) fresh() (group choice, wanted bool, note string) {
	switch strings.ToLower(s[PFS]) {
	case "", "none":
		return choice{}, false, ""
	case "pfsmm":
		group = s.read(Group)
		group.part = PFS
		return group, true, "the same group as " + Group
	}
	return s.read(PFS), true, ""
}

// choice is one algorithm of a suite.
type choice struct {
	part    string
	keyword string // "" where it is not offered
	reason  string // why not
}

func (s Suite) read(part string) choice {
	name := s[part]
	keyword, known := names[part][strings.ToLower(name)]
	c := choice{part: part, keyword: keyword}
	switch {
	case name == "":
		c.reason = "not said"
	case !known:
		c.reason = "not known to this version"
	case keyword == "":
		c.reason = "not safe, and never offered"
	}
	return c
}

// tell reports one algorithm. A set with a part that is not offered is not offered
// at all: mixing it with others would be a set of nobody's choice.
func (c choice) tell(tell Tell, whole bool, note string) {
	switch {
	case c.keyword == "":
		tell(c.part, profile.Refused, c.reason+"; this version's own set is offered instead", false)
	case !whole:
		tell(c.part, profile.Approximated, "offered only as a part of this version's own set, because the file's set is not usable as a whole", false)
	case profile.LegacyKeyword(c.keyword):
		tell(c.part, profile.Approximated, "no longer safe; offered last, because the file asks for it, and a line that uses it says so", true)
	case note != "":
		tell(c.part, profile.Approximated, note, false)
	default:
		tell(c.part, profile.Honoured, "", false)
	}
}

func aead(keyword string) bool { return strings.Contains(keyword, "gcm") }
