package auth

import (
	"crypto"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

type wycheproofSignatures struct {
	TestGroups []struct {
		KeyDER      vectors.Hex `json:"publicKeyDer"`
		SHA, MgfSHA string
		SLen        int
		Tests       []struct {
			ID              int `json:"tcId"`
			Comment, Result string
			Msg, Sig        vectors.Hex
		}
	}
}

func runWycheproof(t *testing.T, file string, least int, wrap func(signature []byte) *wire.AuthPayload) {
	t.Helper()
	var f wycheproofSignatures
	vectors.Load(t, "wycheproof/"+file, &f)
	n := 0
	for _, g := range f.TestGroups {
		cert := certWithKey(t, g.KeyDER)
		for _, v := range g.Tests {
			if v.Result == "acceptable" {
				continue // a DigestInfo without NULL, which crypto/rsa refuses
			}
			n++
			err := VerifyAuth(wrap(v.Sig), cert, v.Msg, true)
			good := err == nil || errors.Is(err, ErrSHA1) // which says that it would verify
			if good != (v.Result == "valid") {
				t.Errorf("%s %d (%s, %s): %v", file, v.ID, v.Comment, v.Result, err)
			}
		}
	}
	if n < least {
		t.Errorf("%s: only %d tests", file, n)
	}
}

func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	plain := func(method uint8) func([]byte) *wire.AuthPayload {
		return func(sig []byte) *wire.AuthPayload { return &wire.AuthPayload{Method: method, Data: sig} }
	}
	method14 := func(info schemeInfo) func([]byte) *wire.AuthPayload {
		return func(sig []byte) *wire.AuthPayload {
			data, err := prefixed(info, sig)
			if err != nil {
				t.Fatal(err)
			}
			return &wire.AuthPayload{Method: MethodSignature, Data: data}
		}
	}
	scheme := func(s Scheme) func([]byte) *wire.AuthPayload {
		info, err := s.info()
		if err != nil {
			t.Fatal(err)
		}
		return method14(info)
	}
	// The same numbers as ASN.1 DER, which method 14 wants (RFC 7427 appendix A.4). What is
	// not of the curve's width cannot be said in that form and stays as it is.
	der := func(s Scheme, width int) func([]byte) *wire.AuthPayload {
		wrapped := scheme(s)
		return func(sig []byte) *wire.AuthPayload {
			if form, err := fromFixedWidth(sig, width); err == nil {
				sig = form
			}
			return wrapped(sig)
		}
	}
	rows := []struct {
		file  string
		least int
		wrap  func([]byte) *wire.AuthPayload
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", 250, der(ECDSASHA256, 32)},
		{"ecdsa_secp384r1_sha384_p1363_test.json", 250, der(ECDSASHA384, 48)},
		{"ecdsa_secp256r1_sha256_p1363_test.json", 250, plain(MethodECDSA256)},
		{"ecdsa_secp384r1_sha384_p1363_test.json", 250, plain(MethodECDSA384)},
		{"rsa_signature_2048_sha256_test.json", 200, scheme(RSASHA256)},
		{"rsa_signature_2048_sha384_test.json", 200, scheme(RSASHA384)},
		{"rsa_signature_2048_sha512_test.json", 200, scheme(RSASHA512)},
		{"rsa_signature_3072_sha256_test.json", 200, scheme(RSASHA256)},
		{"rsa_pss_2048_sha256_mgf1_32_test.json", 100, scheme(PSSSHA256)},
		{"rsa_pss_2048_sha256_mgf1_32_params_test.json", 100, scheme(PSSSHA256)},
		{"rsa_pss_3072_sha256_mgf1_32_params_test.json", 100, scheme(PSSSHA256)},
		{"rsa_pss_4096_sha384_mgf1_48_test.json", 100, scheme(PSSSHA384)},
		{"rsa_pss_4096_sha512_mgf1_64_params_test.json", 100, scheme(PSSSHA512)},
		{"rsa_pss_2048_sha1_mgf1_20_params_test.json", 80, method14(schemeInfo{family: familyPSS, hash: crypto.SHA1})},
		{"ed25519_test.json", 140, scheme(Ed25519)},
		{"ed448_test.json", 80, scheme(Ed448)},
	}
	index := string(vectors.File(t, "wycheproof/INDEX.tsv"))
	for _, row := range rows {
		index = strings.ReplaceAll(index, row.file, "")
		t.Run(row.file, func(t *testing.T) {
			t.Parallel()
			runWycheproof(t, row.file, row.least, row.wrap)
		})
	}
	// Whatever signatures there are vectors for is held against them. The index also
	// names what was left out.
	if left := regexp.MustCompile(`(ecdsa|ed25519|ed448|rsa)_\w*\.json\t\d+\tyes`).FindAllString(index, -1); len(left) != 0 {
		t.Errorf("not used: %q", left)
	}
}
