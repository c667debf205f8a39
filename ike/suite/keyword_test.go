package suite

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Every keyword leads to one proposal, and back to the same keyword; what does
// not encrypt is for Child SAs alone (IANA: not allowed in IKE).
func TestEveryKeyword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range Keywords() {
		if key := k.Kind + k.Word; seen[key] {
			t.Errorf("%s %s is listed twice", k.Kind, k.Word)
		} else {
			seen[key] = true
		}
		enc, integ, prf, group := "aes256", "sha512", "sha512", "ecp521"
		switch k.Kind {
		case "encryption":
			if enc = k.Word; k.AEAD {
				integ = ""
			}
		case "integrity":
			integ = k.Word
		case "prf":
			prf = k.Word
		case "group":
			group = k.Word
		default:
			t.Fatalf("kind %q", k.Kind)
		}
		want := strings.ReplaceAll(strings.Join([]string{enc, integ, group}, "-"), "--", "-")
		p, err := ParseESP(enc, integ, group)
		if err != nil || p.Keyword() != want || (len(p.Weak()) != 0) != (k.Legacy && k.Kind != "prf") || p.Confidential() == k.ESPOnly {
			t.Errorf("ESP %+v: %q, weak %q, %v", k, p.Keyword(), p.Weak(), err)
		}
		p, err = ParseIKE(enc, integ, prf, group)
		if k.ESPOnly {
			var e *KeywordError
			if !errors.As(err, &e) {
				t.Errorf("IKE takes %s: %v", k.Word, err)
			}
			continue
		}
		if err != nil || !strings.Contains(p.Keyword(), k.Word) || (len(p.Weak()) != 0) != k.Legacy {
			t.Errorf("IKE %+v: %q, weak %q, %v", k, p.Keyword(), p.Weak(), err)
		}
	}
	for kind, least := range map[string]int{"encryption": 27, "integrity": 6, "prf": 6, "group": 13} {
		n := 0
		for _, k := range Keywords() {
			if k.Kind == kind {
				n++
			}
		}
		if n < least {
			t.Errorf("%d keywords of kind %s", n, kind)
		}
	}
}

// RFC 8247 2 and RFC 8221 5 and 6: what is no longer safe is in no set of our
// own, and what they demand is.
func TestDefaultsAreSafe(t *testing.T) {
	t.Parallel()
	for _, p := range append(DefaultIKE(), DefaultESP()...) {
		if weak := p.Weak(); weak != nil || !p.Confidential() {
			t.Errorf("%v: %q", p, weak)
		}
		p.each(func(kind TransformType, id uint16) {
			if isRefused(kind, id) {
				t.Errorf("%v: %s", p, Name(kind, id))
			}
		})
	}
	for _, must := range []Proposal{
		mustIKE(t, "aes256", "sha256", "sha256", "modp2048"), mustIKE(t, "aes128", "sha256", "sha256", "ecp256"),
		mustIKE(t, "aes256gcm16", "", "sha256", "ecp256"), mustIKE(t, "chacha20poly1305", "", "sha256", "x25519"),
	} {
		if _, _, _, err := Select(DefaultIKE(), ToWire([]Proposal{must}, wire.ProtocolIKE, nil), wire.ProtocolIKE); err != nil {
			t.Errorf("%v is not offered: %v", must, err)
		}
	}
}

func mustIKE(t *testing.T, enc, integ, prf, group string) Proposal {
	t.Helper()
	p, err := ParseIKE(enc, integ, prf, group)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// DES, MD5 and RIPEMD are known by name, and refused in so many words.
func TestBrokenAlgorithmsAreNamed(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"des": "DES is not safe", "md5": "MD5 is not safe", "ripemd160": "RIPEMD-160 is not safe"} {
		if got := (&KeywordError{Kind: "integrity", Word: word}).Error(); !strings.Contains(got, want) {
			t.Errorf("%q", got)
		}
	}
	des := []wire.Proposal{{Number: 1, Protocol: wire.ProtocolIKE, Transforms: []wire.Transform{
		{Type: wire.TransformENCR, ID: 2}, {Type: wire.TransformPRF, ID: 1},
		{Type: wire.TransformINTEG, ID: 1}, {Type: wire.TransformKE, ID: 1},
	}}}
	const named = "DES (not safe), HMAC-MD5 (not safe), HMAC-MD5-96 (not safe), the 768-bit group 1 (not safe)"
	if _, _, err := Choose(DefaultIKE(), des, wire.ProtocolIKE); !errors.Is(err, ErrNoProposal) || !strings.Contains(err.Error(), named) {
		t.Errorf("%v", err)
	}
	_, _, _, err := Select(DefaultIKE(), des, wire.ProtocolIKE)
	var unsafe *UnsafeError
	if !errors.Is(err, ErrNoProposal) || !errors.As(err, &unsafe) || len(unsafe.Names) != 4 || unsafe.Names[0] != "DES" {
		t.Errorf("%v", err)
	}
	if err := RefuseGroup(22); !errors.Is(err, ErrNoProposal) || !errors.As(err, &unsafe) || unsafe.Names[0] != "the 1024-bit group 22" {
		t.Errorf("%v", err)
	}
	if err := RefuseGroup(Group8192); !errors.Is(err, ErrNoProposal) || errors.As(err, new(*UnsafeError)) {
		t.Errorf("%v", err)
	}
	if got := Name(wire.TransformENCR, 999); got != "ENCR 999" {
		t.Errorf("%q", got)
	}
	if got := Describe(Proposal{}); got != "nothing" {
		t.Errorf("%q", got)
	}
}

// A responder's list with an algorithm that does not encrypt is no choice for an
// IKE SA, whoever offers it.
func TestNoNullForIKE(t *testing.T) {
	t.Parallel()
	p := mustIKE(t, "aes256", "sha256", "sha256", "ecp256")
	p.Encryption = []Transform{{ID: ENCR_NULL}}
	if _, _, _, err := Select([]Proposal{p}, ToWire([]Proposal{p}, wire.ProtocolIKE, nil), wire.ProtocolIKE); !errors.Is(err, ErrNoProposal) {
		t.Errorf("%v", err)
	}
	k := &Keys{SK_ai: make(Secret, 32), SK_ar: make(Secret, 32)}
	if _, err := NewProtector(p, k, true, nil); err == nil {
		t.Error("a protector that does not encrypt")
	}
}
