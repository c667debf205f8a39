package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// needles are secrets that must not turn up in a text: every eight octets in a
// row of each, in whatever way programs print octets, and every twenty digits in
// a row of a number.
type needles struct {
	octetRows map[[rowOctets]byte]string // to the secret's name
	digitRows map[string]string
	names     map[string]int // how many secrets of each name there are
}

const (
	rowOctets = 8
	rowDigits = 20
)

func newNeedles() *needles {
	return &needles{octetRows: map[[rowOctets]byte]string{}, digitRows: map[string]string{}, names: map[string]int{}}
}

// add takes a secret; one shorter than a row could not be told from chance.
func (n *needles) add(name string, secret []byte) {
	n.names[name]++
	for i := 0; i+rowOctets <= len(secret); i++ {
		row := [rowOctets]byte(secret[i:])
		if row != [rowOctets]byte{} { // padding is no secret
			n.octetRows[row] = name
		}
	}
}

// password takes a secret that people type: MS-CHAP hashes it as UTF-16.
func (n *needles) password(name, secret string) {
	n.add(name, []byte(secret))
	wide := make([]byte, 0, 2*len(secret))
	for _, c := range []byte(secret) {
		wide = append(wide, c, 0)
	}
	n.add(name+", UTF-16", wide)
}

// number takes a secret number, which may be printed in decimal too.
func (n *needles) number(name string, secret *big.Int) {
	n.add(name, secret.Bytes())
	digits := secret.String()
	for i := 0; i+rowDigits <= len(digits); i++ {
		n.digitRows[digits[i:i+rowDigits]] = name
	}
}

// find gives a sentence for each secret that a text holds, one for each way of
// printing it.
func (n *needles) find(text string) []string {
	var found []string
	seen := map[string]bool{}
	note := func(name, way string) {
		if s := name + " as " + way; !seen[s] {
			seen[s] = true
			found = append(found, s)
		}
	}
	rows := func(way string, octets []byte) {
		for i := 0; i+rowOctets <= len(octets); i++ {
			if name, ok := n.octetRows[[rowOctets]byte(octets[i:])]; ok {
				note(name, way)
			}
		}
	}
	rows("it is", []byte(text))
	once := unquoted([]byte(text))
	rows("quoted text", once)
	rows("text quoted twice", unquoted(once))
	for _, octets := range hexIn(text) {
		rows("hex", octets)
	}
	for _, octets := range base64In(text) {
		rows("base64", octets)
	}
	for _, octets := range listsIn(text) {
		rows("a list of numbers", octets)
	}
	for _, digits := range digitRuns.FindAllString(text, -1) {
		for i := 0; i+rowDigits <= len(digits); i++ {
			if name, ok := n.digitRows[digits[i:i+rowDigits]]; ok {
				note(name, "decimal")
			}
		}
	}
	return found
}

var (
	between   = strings.NewReplacer("\\x", "", "0x", "", "0X", "", " ", "", ":", "", ",", "", "-", "", "\n", "", "\\n", "")
	wrapped   = strings.NewReplacer("\r", "", "\n", "", "\\r", "", "\\n", "")
	oneDigit  = regexp.MustCompile(`0x([0-9a-fA-F])\b`)
	hexRuns   = regexp.MustCompile(`[0-9a-fA-F]{16,}`)
	baseRuns  = regexp.MustCompile(`[A-Za-z0-9+/_-]{11,}`)
	listRuns  = regexp.MustCompile(`\d{1,3}(?:[ ,]+\d{1,3}){7,}`)
	numbers   = regexp.MustCompile(`\d+`)
	digitRuns = regexp.MustCompile(`\d{20,}`)
	escapes   = regexp.MustCompile(`\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[abfnrtv"\\])`)
)

// hexIn decodes every run of hex digits, whatever stands between its octets, at
// either digit.
func hexIn(text string) [][]byte {
	var out [][]byte
	text = between.Replace(oneDigit.ReplaceAllString(text, "0x0$1"))
	for _, run := range hexRuns.FindAllString(text, -1) {
		for start := range 2 {
			b, err := hex.DecodeString(run[start : start+(len(run)-start)&^1])
			if err == nil {
				out = append(out, b)
			}
		}
	}
	return out
}

// base64In decodes every run of either alphabet, in one line or wrapped, at each
// of the four characters where a group may begin.
func base64In(text string) [][]byte {
	var out [][]byte
	for _, form := range []string{text, wrapped.Replace(text)} {
		for _, run := range baseRuns.FindAllString(form, -1) {
			run = strings.NewReplacer("-", "+", "_", "/").Replace(run)
			for start := range min(4, len(run)) {
				part := run[start:]
				if len(part)%4 == 1 {
					part = part[:len(part)-1]
				}
				// Bits that are left over at the end are none of our business.
				b, err := base64.RawStdEncoding.DecodeString(part)
				if err == nil {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// listsIn decodes runs of numbers up to 255, as %v and JSON print octets.
func listsIn(text string) [][]byte {
	var out [][]byte
	for _, run := range listRuns.FindAllString(text, -1) {
		var octets []byte
		for _, word := range numbers.FindAllString(run, -1) {
			v, err := strconv.ParseUint(word, 10, 8)
			if err != nil {
				out, octets = append(out, octets), nil // not of a list of octets
				continue
			}
			octets = append(octets, byte(v))
		}
		out = append(out, octets)
	}
	return out
}

// unquoted undoes the escapes of Go and JSON.
func unquoted(text []byte) []byte {
	return escapes.ReplaceAllFunc(text, func(e []byte) []byte {
		switch e[1] {
		case 'x', 'u':
			v, err := strconv.ParseUint(string(e[2:]), 16, 16)
			if err != nil || v > 0xff {
				return e
			}
			return []byte{byte(v)}
		}
		return []byte{`abfnrtv"\`[bytes.IndexByte([]byte(`abfnrtv"\`), e[1])]}
	})
}

// TestNeedlesAreFound hides parts of a secret in each way that programs print
// octets, and wants the walk to find every one of them, and nothing in a text
// without it.
func TestNeedlesAreFound(t *testing.T) {
	t.Parallel()
	secret := make([]byte, 48)
	for i := range secret {
		secret[i] = byte(i*167 + 59)
	}
	number := new(big.Int).SetBytes(secret)
	n := newNeedles()
	n.add("key", secret)
	n.number("exponent", number)
	n.password("password", "b8kq-Zm4w-77xr")

	part := secret[11:19] // no more than a row of it
	digits := number.String()
	for way, text := range map[string]string{
		"it is":                   "key=" + string(part) + " end",
		"%q":                      fmt.Sprintf("key=%q end", part),
		"%q twice":                fmt.Sprintf("msg=%q", fmt.Sprintf("%q", secret)),
		"%x":                      fmt.Sprintf("key=%x end", part),
		"%X":                      fmt.Sprintf("key=%X", part),
		"% x":                     fmt.Sprintf("key=[% x]", part),
		"%#x":                     fmt.Sprintf("key=%#x", part),
		"%#v":                     fmt.Sprintf("key=%#v", part),
		"%v":                      fmt.Sprintf("{Key:%v Used:true}", part),
		"JSON list":               strings.ReplaceAll(fmt.Sprint(part), " ", ", "),
		"colons":                  strings.ReplaceAll(fmt.Sprintf("% x", part), " ", ":"),
		"hex at an odd digit":     fmt.Sprintf("a%xb", part),
		"base64":                  "key=" + base64.StdEncoding.EncodeToString(secret),
		"base64 of a part":        base64.StdEncoding.EncodeToString(append([]byte("ab"), part...)),
		"base64 for addresses":    base64.RawURLEncoding.EncodeToString(append([]byte("a"), secret...)),
		"base64 behind a word":    "x/y" + base64.StdEncoding.EncodeToString(secret),
		"base64 in lines":         strings.Join(chunks(base64.StdEncoding.EncodeToString(secret), 10), "\n"),
		"decimal":                 "d=" + digits,
		"a part of a decimal":     digits[30:50],
		"a password":              `user="alice" password="b8kq-Zm4w-77xr"`,
		"a password in UTF-16":    fmt.Sprintf("%x", []byte("b\x008\x00k\x00q\x00-\x00Z\x00m\x00")),
		"a password, less a head": "kq-Zm4w-77",
	} {
		if len(n.find(text)) == 0 {
			t.Errorf("%s: nothing was found in %q", way, text)
		}
	}
	// One row short of everything, and what a log is otherwise made of.
	for _, text := range []string{
		fmt.Sprintf("%x", part[:7]), fmt.Sprint(part[1:]), digits[:19], "b8kq-Zm", "",
		`time=2026-11-21T23:56:38.664Z level=DEBUG msg=request sa.local=f7062b74a9d39c99 id=1 packets=1 addresses="[10.98.0.1/32 fd00:98::1/128]"`,
	} {
		if found := n.find(text); len(found) != 0 {
			t.Errorf("in %q was found: %q", text, found)
		}
	}
}

func chunks(s string, n int) []string {
	var out []string
	for ; len(s) > n; s = s[n:] {
		out = append(out, s[:n])
	}
	return append(out, s)
}
