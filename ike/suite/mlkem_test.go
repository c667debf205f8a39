package suite

import (
	"bytes"
	"compress/gzip"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

// kemVector is one row of mlkem-ike-kat.json.
type kemVector struct {
	Name, Method string
	D, Z, M      vectors.Hex
	Ek, Ct       vectors.Hex
	Shared       vectors.Hex
}

// draft-ietf-ipsecme-ikev2-mlkem, FIPS 203: the seed gives KEi, and KEr gives
// the shared secret, as NIST's numbers have them.
func TestMLKEMVectors(t *testing.T) {
	t.Parallel()
	var file struct{ Vectors []kemVector }
	vectors.Load(t, "mlkem/mlkem-ike-kat.json", &file)
	seen := map[string]int{}
	for _, v := range file.Vectors {
		group := map[string]uint16{"ML_KEM_768": GroupMLKEM768, "ML_KEM_1024": GroupMLKEM1024}[v.Method]
		seen[v.Method]++
		kx, err := NewKeyExchange(group, bytes.NewReader(append(bytes.Clone(v.D), v.Z...)))
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if kx.Group() != group || !bytes.Equal(kx.Public(), v.Ek) {
			t.Errorf("%s: another KEi", v.Name)
		}
		if got, err := kx.Shared(v.Ct); err != nil || !bytes.Equal(got, v.Shared) {
			t.Errorf("%s: another secret, %v", v.Name, err)
		}
		if shared, ct, err := encapsulateWith(group, v.Ek, v.M); err != nil || !bytes.Equal(shared, v.Shared) || !bytes.Equal(ct, v.Ct) {
			t.Errorf("%s: another KEr, %v", v.Name, err)
		}
	}
	if seen["ML_KEM_768"] < 4 || seen["ML_KEM_1024"] < 4 {
		t.Errorf("checked %v", seen)
	}
}

// encapsulateWith is FIPS 203's encapsulation with given randomness.
func encapsulateWith(group uint16, ek, m []byte) (shared, ciphertext []byte, err error) {
	if group == GroupMLKEM1024 {
		key, err := mlkem.NewEncapsulationKey1024(ek)
		if err != nil {
			return nil, nil, err
		}
		return mlkemtest.Encapsulate1024(key, m)
	}
	key, err := mlkem.NewEncapsulationKey768(ek)
	if err != nil {
		return nil, nil, err
	}
	return mlkemtest.Encapsulate768(key, m)
}

// Both sides come to one secret, and what is not of the right length is refused
// (draft-ietf-ipsecme-ikev2-mlkem 3).
func TestMLKEMBothSides(t *testing.T) {
	t.Parallel()
	for _, group := range []uint16{GroupMLKEM768, GroupMLKEM1024} {
		kx, err := NewKeyExchange(group, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		answer, theirs, err := AnswerKeyExchange(group, kx.Public(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := kx.Shared(answer)
		if err != nil || !bytes.Equal(ours, theirs) || len(ours) != 32 {
			t.Errorf("group %d: the secrets differ: %v", group, err)
		}
		for _, bad := range [][]byte{nil, answer[1:], append(bytes.Clone(answer), 0)} {
			if _, err := kx.Shared(bad); !errors.Is(err, ErrPeerValue) {
				t.Errorf("group %d: a ciphertext of %d octets: %v", group, len(bad), err)
			}
		}
		for _, bad := range [][]byte{nil, kx.Public()[1:], append(bytes.Clone(kx.Public()), 0), bytes.Repeat([]byte{0xff}, len(kx.Public()))} {
			if _, _, err := AnswerKeyExchange(group, bad, nil); !errors.Is(err, ErrPeerValue) {
				t.Errorf("group %d: a key of %d octets: %v", group, len(bad), err)
			}
		}
		forged := bytes.Clone(answer)
		forged[0] ^= 1
		if got, err := kx.Shared(forged); err != nil || bytes.Equal(got, ours) {
			t.Errorf("group %d: a forged ciphertext gave the secret, or %v", group, err)
		}
	}
}

// The classic groups answer too, with a reader that decides everything.
func TestAnswerKeyExchange(t *testing.T) {
	t.Parallel()
	for _, group := range []uint16{Group2048, GroupP256, GroupX25519} {
		kx, err := NewKeyExchange(group, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		public, theirs, err := AnswerKeyExchange(group, kx.Public(), seeded(2))
		if err != nil {
			t.Fatal(err)
		}
		if ours, err := kx.Shared(public); err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("group %d: the secrets differ: %v", group, err)
		}
		if again, _, err := AnswerKeyExchange(group, kx.Public(), seeded(2)); err != nil || !bytes.Equal(again, public) {
			t.Errorf("group %d: the same octets gave another answer: %v", group, err)
		}
		if _, _, err := AnswerKeyExchange(group, public[1:], seeded(2)); !errors.Is(err, ErrPeerValue) {
			t.Errorf("group %d: %v", group, err)
		}
	}
	if _, _, err := AnswerKeyExchange(35, nil, nil); !errors.Is(err, ErrGroup) {
		t.Errorf("ML-KEM-512: %v", err)
	}
	if _, err := NewKeyExchange(GroupMLKEM768, bytes.NewReader(make([]byte, 63))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a seed cut short: %v", err)
	}
}

// FIPS 203 7.2: an encapsulation key with a coefficient that is not below the
// modulus is refused.
func TestMLKEMModulus(t *testing.T) {
	t.Parallel()
	z, err := gzip.NewReader(bytes.NewReader(vectors.File(t, "mlkem/cctv-modulus-ML-KEM-768.txt.gz")))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(all))
	for i, line := range lines {
		ek, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := AnswerKeyExchange(GroupMLKEM768, ek, nil); !errors.Is(err, ErrPeerValue) {
			t.Errorf("key %d: %v", i, err)
		}
	}
	if len(lines) < 100 {
		t.Errorf("only %d keys", len(lines))
	}
}
