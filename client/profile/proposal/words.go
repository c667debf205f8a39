package proposal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// kind is what a word names.
type kind uint8

const (
	encryption kind = iota
	integrity
	prf
	group
	sequence // extended sequence numbers, of which both are always offered
	kinds
)

// word is what a keyword stands for: the keyword of a profile, or the reason why
// it is not offered.
type word struct {
	kind   kind
	as     string
	reason string
}

const (
	unsafe     = "not safe, and never offered"
	notOffered = "not offered by this version"
)

// noGroup stands for the group that is none.
const noGroup = "none"

// words are all that are known, after strongSwan's own list of keywords.
var words = dictionary()

func dictionary() map[string]word {
	d := map[string]word{}
	for _, w := range profile.EncryptionKeywords() {
		d[w] = word{kind: encryption, as: w}
	}
	for _, w := range profile.HashKeywords() {
		d[w] = word{kind: integrity, as: w}
		d["prf"+w] = word{kind: prf, as: w}
	}
	for _, w := range slices.Concat(profile.GroupKeywords(), []string{"mlkem768", "mlkem1024"}) {
		d[w] = word{kind: group, as: w}
	}
	oldSpellings(d)
	for k, list := range map[kind]string{
		encryption: "des rc5 idea cast128 blowfish blowfish128 blowfish192 blowfish256",
		integrity:  "md5 md5_128 sha1_160 ripemd160 tiger",
		prf:        "prfmd5",
		group:      "modp768 modpnull modp1024s160 modp2048s224 ecp192",
	} {
		for w := range strings.FieldsSeq(list) {
			d[w] = word{kind: k, reason: unsafe}
		}
	}
	for k, list := range map[kind]string{
		encryption: "chacha20poly1305compat serpent serpent128 serpent192 serpent256 twofish twofish128 twofish192 twofish256 camellia",
		integrity:  "sha256_96 sha2_256_96 camelliaxcbc",
		prf:        "prfcamelliaxcbc",
		group: "ecp224 ecp224bp ecp256bp ecp384bp ecp512bp mlkem512 ntru112 ntru128 ntru192 ntru256 newhope128 " +
			"kyber1 kyber3 kyber5 frodoa1 frodoa3 frodoa5 frodos1 frodos3 frodos5 bike1 bike3 bike5 hqc1 hqc3 hqc5",
	} {
		for w := range strings.FieldsSeq(list) {
			d[w] = word{kind: k, reason: notOffered}
		}
	}
	for _, bits := range []string{"128", "192", "256"} {
		for _, mode := range []string{"", "ctr", "ccm8", "ccm12", "ccm16", "ccm64", "ccm96", "ccm128"} {
			d["camellia"+bits+mode] = word{kind: encryption, reason: notOffered}
		}
	}
	return d
}

// oldSpellings adds other words for what a profile has a keyword for: the length
// of the integrity check value in bits, none of it, and names that were changed.
func oldSpellings(d map[string]word) {
	for _, bits := range []string{"128", "192", "256"} {
		for _, mode := range []string{"gcm", "ccm"} {
			for old, new := range map[string]string{"64": "8", "96": "12", "128": "16", "": "16"} {
				d["aes"+bits+mode+old] = word{kind: encryption, as: "aes" + bits + mode + new}
			}
		}
	}
	d["aes"] = word{kind: encryption, as: "aes128"}
	for _, old := range []struct{ word, as string }{
		{"sha", "sha1"}, {"sha2_256", "sha256"}, {"sha2_384", "sha384"}, {"sha2_512", "sha512"},
	} {
		d[old.word] = word{kind: integrity, as: old.as}
		d["prf"+old.word] = word{kind: prf, as: old.as}
	}
	for old, new := range map[string]string{"curve25519": "x25519", "curve448": "x448", "none": noGroup, "modpnone": noGroup} {
		d[old] = word{kind: group, as: new}
	}
	d["esn"], d["noesn"] = word{kind: sequence, as: "esn"}, word{kind: sequence, as: "noesn"}
}

// aead says whether an encryption protects integrity by itself.
func aead(keyword string) bool {
	return strings.Contains(keyword, "gcm") || strings.Contains(keyword, "ccm") || strings.Contains(keyword, "gmac") ||
		keyword == "chacha20poly1305"
}

// sorted are the words of one proposal by their kind.
type sorted struct {
	of         [kinds][]string // as a profile has them, each once
	wants      [kinds]bool     // a word of the kind stood there, offered or not
	additional []string        // key exchanges after the first, "ke1_mlkem768"
	notOffered []string
}

// read sorts the words of a proposal; the text is why it cannot be used at all.
func read(text string) (w sorted, reason string) {
	for part := range strings.SplitSeq(text, "-") {
		if reason := w.take(part); reason != "" {
			return w, reason
		}
	}
	return w, ""
}

func (w *sorted) take(part string) string {
	if number, name, isKE := strings.Cut(part, "_"); isKE && len(number) == 3 && number >= "ke1" && number <= "ke7" {
		return w.takeAdditional(number, name)
	}
	known, ok := words[part]
	switch {
	case !ok:
		return fmt.Sprintf("%s is not known to this version", profile.CleanText(part, maxWord))
	case known.kind == group && strings.HasPrefix(known.as, "mlkem"):
		return part + " is too long for the first message: it goes behind ke1_"
	case known.reason != "":
		w.wants[known.kind] = true
		w.notOffered = append(w.notOffered, part)
	default:
		w.wants[known.kind] = w.wants[known.kind] || known.as != noGroup
		if !slices.Contains(w.of[known.kind], known.as) {
			w.of[known.kind] = append(w.of[known.kind], known.as)
		}
	}
	return ""
}

// takeAdditional takes a further key exchange (RFC 9370), which costs the whole
// proposal where it is not offered: without it the keys would be weaker.
func (w *sorted) takeAdditional(number, name string) string {
	known, ok := words[name]
	if !ok || known.kind != group || known.reason != "" {
		return fmt.Sprintf("%s_%s is not offered by this version", number, profile.CleanText(name, maxWord))
	}
	if one := number + "_" + known.as; !slices.Contains(w.additional, one) {
		w.additional = append(w.additional, one)
	}
	return ""
}

// groups are the first key exchanges, each with all that follow it; "" is none.
func (w *sorted) groups() []string {
	var list []string
	for _, g := range w.of[group] {
		if g == noGroup {
			list = append(list, "")
			continue
		}
		list = append(list, strings.Join(append([]string{g}, w.additional...), "-"))
	}
	return list
}

const maxWord = 40
