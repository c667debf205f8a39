package auth

import (
	"bytes"
	"crypto"
	"errors"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

// RFC 7427 appendix A and RFC 8420 2, octet for octet, and read back.
func TestAlgorithmIdentifiers(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name string
			DER  vectors.Hex
		}
	}
	vectors.Load(t, "rfc/rfc7427-auth-algorithm-identifiers.json", &file)
	made := map[string]Scheme{
		"sha256WithRSAEncryption": RSASHA256, "sha384WithRSAEncryption": RSASHA384, "sha512WithRSAEncryption": RSASHA512,
		"ecdsa-with-sha256": ECDSASHA256, "ecdsa-with-sha384": ECDSASHA384, "ecdsa-with-sha512": ECDSASHA512,
		"RSASSA-PSS with SHA-256": PSSSHA256, "id-Ed25519 (RFC 8420 section 2)": Ed25519, "id-Ed448 (RFC 8420 section 2)": Ed448, "sha1WithRSAEncryption": RSASHA1,
	}
	readOnly := map[string]algorithm{
		"ecdsa-with-sha1":                    {family: familyECDSA, hash: crypto.SHA1},
		"RSASSA-PSS with Empty Parameters":   {family: familyPSS, hash: crypto.SHA1, pss: pssParams{crypto.SHA1, 20}},
		"RSASSA-PSS with Default Parameters": {family: familyPSS, hash: crypto.SHA1, pss: pssParams{crypto.SHA1, 20}},
	}
	seen := 0
	for _, v := range file.Vectors {
		got, err := parseAlgorithm(v.DER)
		if s, ok := made[v.Name]; ok {
			seen++
			info, infoErr := s.info()
			if infoErr != nil {
				t.Fatal(infoErr)
			}
			der, idErr := info.identifier()
			if idErr != nil || !bytes.Equal(der, v.DER) {
				t.Errorf("%s: %x, %v", v.Name, der, idErr)
			}
			if err != nil || got.family != info.family || got.hash != info.hash {
				t.Errorf("%s: read as %+v, %v", v.Name, got, err)
			}
			continue
		}
		if want, ok := readOnly[v.Name]; ok {
			seen++
			if err != nil || got != want {
				t.Errorf("%s: read as %+v, %v", v.Name, got, err)
			}
			continue
		}
		if !errors.Is(err, errAlgorithm) { // DSA and Ed448
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	if seen != len(made)+len(readOnly) {
		t.Errorf("%d identifiers checked", seen)
	}
}

func TestPSSParameters(t *testing.T) {
	t.Parallel()
	var b cryptobyte.Builder
	addPSSParams(&b, crypto.SHA512)
	good, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePSSParams(good)
	if err != nil || p != (pssParams{crypto.SHA512, 64}) {
		t.Errorf("%+v, %v", p, err)
	}
	for n := range good {
		if _, err := parsePSSParams(good[:n]); err == nil {
			t.Errorf("%d of %d octets were read", n, len(good))
		}
	}
	for name, hexText := range map[string]string{
		"salt of 0":           "3005a203020100",
		"salt below 0":        "3005a2030201ff",
		"salt of 65535":       "3007a205020300ffff",
		"trailer 2":           "3005a303020102",
		"another field":       "3005a403020101",
		"MGF1 with SHA-256":   "301ea11c301a06092a864886f70d010108300d06096086480165030402010500",
		"hash of its own":     "3009a007300506032a0304",
		"octets behind":       "300000",
		"a number, no params": "020101",
	} {
		if _, err := parsePSSParams(vectors.Unhex(t, hexText)); !errors.Is(err, errAlgorithm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseAlgorithm(vectors.Unhex(t, "300b06092a864886f70d01010a")); !errors.Is(err, errAlgorithm) {
		t.Errorf("PSS without parameters: %v", err)
	}
}
