package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

func pkcs8(t *testing.T, key any) profile.Secrets {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return profile.Secrets{PrivateKey: der}
}

// TestSign signs by every scheme and verifies with the other half of the
// library; each key refuses the schemes of others.
func TestSign(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("what is signed")
	digest := func(h crypto.Hash) []byte {
		d := h.New()
		d.Write(message)
		return d.Sum(nil)
	}
	keys := map[string]profile.Secrets{"rsa": pkcs8(t, rsaKey), "ecdsa": pkcs8(t, ecKey), "ed25519": pkcs8(t, edKey)}
	if len(schemes) != 11 {
		t.Errorf("%d schemes, want 11", len(schemes))
	}
	for name, sc := range schemes {
		for family, secrets := range keys {
			signature, err := Sign(secrets, name, message)
			if !strings.HasPrefix(name, family) {
				if err == nil {
					t.Errorf("a key of %s signs by %s", family, name)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			switch sc.family {
			case "rsa-pkcs1":
				err = rsa.VerifyPKCS1v15(&rsaKey.PublicKey, sc.hash, digest(sc.hash), signature)
			case "rsa-pss":
				err = rsa.VerifyPSS(&rsaKey.PublicKey, sc.hash, digest(sc.hash), signature, &rsa.PSSOptions{SaltLength: sc.hash.Size()})
			case "ecdsa":
				if !ecdsa.VerifyASN1(&ecKey.PublicKey, digest(sc.hash), signature) {
					err = errors.New("does not verify")
				}
			case "ed25519":
				if !ed25519.Verify(edPublic, message, signature) {
					err = errors.New("does not verify")
				}
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := Sign(keys["rsa"], "rsa-md5", message); err == nil {
		t.Error("an unknown scheme signs")
	}
	if _, err := Sign(profile.Secrets{}, "ed25519", message); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := Sign(profile.Secrets{PrivateKey: []byte("x")}, "ed25519", message); err == nil {
		t.Error("a damaged key signs")
	}
}
