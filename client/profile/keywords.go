package profile

import (
	"maps"
	"slices"
)

// algorithm is what a keyword of Proposal stands for.
type algorithm struct {
	aead     bool // an encryption that protects integrity itself
	readable bool // an encryption that does not encrypt, for a Child SA that insists
	legacy   bool // no longer safe: SA.Legacy must be set
}

var (
	encryptionKeywords = map[string]algorithm{
		"aes128gcm8": {aead: true}, "aes192gcm8": {aead: true}, "aes256gcm8": {aead: true},
		"aes128gcm12": {aead: true}, "aes192gcm12": {aead: true}, "aes256gcm12": {aead: true},
		"aes128gcm16": {aead: true}, "aes192gcm16": {aead: true}, "aes256gcm16": {aead: true},
		"aes128ccm8": {aead: true}, "aes192ccm8": {aead: true}, "aes256ccm8": {aead: true},
		"aes128ccm12": {aead: true}, "aes192ccm12": {aead: true}, "aes256ccm12": {aead: true},
		"aes128ccm16": {aead: true}, "aes192ccm16": {aead: true}, "aes256ccm16": {aead: true},
		"chacha20poly1305": {aead: true},
		"aes128":           {}, "aes192": {}, "aes256": {},
		"aes128ctr": {}, "aes192ctr": {}, "aes256ctr": {},
		"aes128gmac": {aead: true, readable: true}, "aes192gmac": {aead: true, readable: true}, "aes256gmac": {aead: true, readable: true},
		"null": {readable: true},
		"3des": {legacy: true},
	}
	// Integrity algorithms and pseudorandom functions have the same words.
	hashKeywords = map[string]algorithm{
		"sha256": {}, "sha384": {}, "sha512": {}, "aesxcbc": {}, "aescmac": {}, "sha1": {legacy: true},
	}
	groupKeywords = map[string]algorithm{
		"modp2048": {}, "modp3072": {}, "modp4096": {}, "modp6144": {}, "modp8192": {},
		"ecp256": {}, "ecp384": {}, "ecp521": {}, "x25519": {}, "x448": {},
		"modp1024": {legacy: true}, "modp1536": {legacy: true}, "modp2048s256": {legacy: true},
	}
)

// broken are words of algorithms that other programs know and that are never
// used here.
var broken = []string{
	"des", "rc5", "idea", "cast128", "blowfish128", "blowfish192", "blowfish256",
	"md5", "md5_128", "ripemd160", "tiger", "modp768", "modp1024s160", "modp2048s224", "ecp192",
}

// EncryptionKeywords, HashKeywords and GroupKeywords list the words of Proposal,
// sorted.
func EncryptionKeywords() []string { return slices.Sorted(maps.Keys(encryptionKeywords)) }

// HashKeywords are those of Integrity and PRF.
func HashKeywords() []string { return slices.Sorted(maps.Keys(hashKeywords)) }

// GroupKeywords are those of Group.
func GroupKeywords() []string { return slices.Sorted(maps.Keys(groupKeywords)) }

// LegacyKeyword says whether a word of Proposal stands for an algorithm that is
// no longer safe.
func LegacyKeyword(word string) bool {
	return encryptionKeywords[word].legacy || hashKeywords[word].legacy || groupKeywords[word].legacy
}

// Legacy says whether a proposal has an algorithm that is no longer safe.
func (p Proposal) Legacy() bool {
	words := append([]string{p.Encryption, p.Integrity, p.PRF}, exchangeWords(p.Group)...)
	return slices.ContainsFunc(words, LegacyKeyword)
}

// Readable says whether a proposal does not encrypt.
func (p Proposal) Readable() bool { return encryptionKeywords[p.Encryption].readable }

// lookUp finds a word and says what is wrong with it, where something is.
func (s *SA) lookUp(table map[string]algorithm, field, word string) (algorithm, error) {
	a, known := table[word]
	switch {
	case slices.Contains(broken, word):
		return a, invalid(field, "names an algorithm that is not safe and is never used")
	case !known:
		return a, invalid(field, "is not a keyword of this version")
	case a.legacy && !s.Legacy:
		return a, invalid(field, "names an algorithm that is no longer safe; it is used only where legacy is set")
	}
	return a, nil
}
