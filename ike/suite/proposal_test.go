package suite

import (
	"errors"
	"reflect"
	"testing"
)

func TestParseIKE(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ enc, integ, prf, group, want string }{
		{"aes256gcm16", "", "sha384", "ecp384", "aes256gcm16-prfsha384-ecp384"},
		{"aes128gcm16", "", "", "x25519", "aes128gcm16-prfsha256-x25519"},
		{"aes256gcm16", "sha384", "", "ecp256", "aes256gcm16-prfsha384-ecp256"}, // as Apple's profiles have it
		{"aes192gcm16", "sha512", "sha256", "modp4096", "aes192gcm16-prfsha256-modp4096"},
		{"chacha20poly1305", "", "sha512", "ecp521", "chacha20poly1305-prfsha512-ecp521"},
		{"aes256", "sha256", "", "modp2048", "aes256-sha256-prfsha256-modp2048"},
		{"aes192", "sha384", "sha512", "modp3072", "aes192-sha384-prfsha512-modp3072"},
		{"aes128", "sha512", "", "ecp256", "aes128-sha512-prfsha512-ecp256"},
	} {
		p, err := ParseIKE(row.enc, row.integ, row.prf, row.group)
		if err != nil || p.Keyword() != row.want || p.String() != row.want || !p.single() {
			t.Errorf("%+v: %q, %v", row, p.Keyword(), err)
		}
		if len(p.ESN) != 0 {
			t.Errorf("%+v: ESN for an IKE SA", row)
		}
	}
}

func TestParseESP(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ enc, integ, group, want string }{
		{"aes256gcm16", "", "", "aes256gcm16"},
		{"aes256gcm16", "sha256", "ecp256", "aes256gcm16-ecp256"},
		{"aes256", "sha512", "modp2048", "aes256-sha512-modp2048"},
		{"chacha20poly1305", "", "x25519", "chacha20poly1305-x25519"},
	} {
		p, err := ParseESP(row.enc, row.integ, row.group)
		if err != nil || p.Keyword() != row.want {
			t.Errorf("%+v: %q, %v", row, p.Keyword(), err)
		}
		if len(p.PRF) != 0 || !reflect.DeepEqual(p.ESN, []uint16{ESNYes, ESNNo}) {
			t.Errorf("%+v: PRF %v, ESN %v", row, p.PRF, p.ESN)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ enc, integ, prf, group, kind, word string }{
		{"des", "sha256", "", "ecp256", "encryption", "des"},
		{"null", "sha256", "", "ecp256", "encryption", "null"},             // IANA: not allowed in IKE
		{"aes128gmac", "", "sha256", "ecp256", "encryption", "aes128gmac"}, // the same
		{"", "sha256", "", "ecp256", "encryption", ""},
		{"AES256", "sha256", "", "ecp256", "encryption", "AES256"},
		{"aes256", "", "sha256", "ecp256", "integrity", ""},
		{"aes256", "md5", "", "ecp256", "integrity", "md5"},
		{"aes256gcm16", "md5", "", "ecp256", "integrity", "md5"},
		{"aes256gcm16", "", "md5", "ecp256", "prf", "md5"},
		{"aes256gcm16", "", "", "modp768", "group", "modp768"},
		{"aes256gcm16", "", "", "", "group", ""},
	} {
		_, err := ParseIKE(row.enc, row.integ, row.prf, row.group)
		var e *KeywordError
		if !errors.As(err, &e) || e.Kind != row.kind || e.Word != row.word {
			t.Errorf("%+v: %v", row, err)
		}
	}
	var e *KeywordError
	if _, err := ParseESP("aes256gcm16", "", "modp1024s160"); !errors.As(err, &e) || e.Kind != "group" {
		t.Errorf("%v", err)
	}
	if _, err := ParseESP("aes256", "", ""); !errors.As(err, &e) || e.Kind != "integrity" || e.Error() == "" {
		t.Errorf("%v", err)
	}
}

func TestKeywordOfTheUnknown(t *testing.T) {
	t.Parallel()
	p := Proposal{Encryption: []Transform{{2, 0}}, PRF: []uint16{1}, Integrity: []uint16{1}, Group: []uint16{1, GroupNone}}
	if got := p.Keyword(); got != "encr2-1-prf1-1-none" {
		t.Errorf("%q", got)
	}
	if p.AEAD() || (Proposal{}).AEAD() {
		t.Error("not AEAD")
	}
}
