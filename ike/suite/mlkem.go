package suite

import (
	"crypto/mlkem"
	"fmt"
	"io"
)

// ML-KEM as a key exchange (draft-ietf-ipsecme-ikev2-mlkem, FIPS 203). The
// initiator sends an encapsulation key and the responder a ciphertext:
//
//	KEi: ek (1184 octets of ML-KEM-768, 1568 of ML-KEM-1024)
//	KEr: ciphertext (1088, 1568)        shared secret: 32 octets

// decapsulator is a decapsulation key of either size.
type decapsulator interface {
	Decapsulate(ciphertext []byte) (sharedKey []byte, err error)
}

// kem is the initiator's side.
type kem struct {
	group      uint16
	key        decapsulator
	public     []byte
	ciphertext int // octets
}

// newKEM draws the seed d || z of FIPS 203 7.1.
func newKEM(group uint16, rand io.Reader) (*kem, error) {
	seed := make(Secret, mlkem.SeedSize)
	defer seed.Clear()
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("suite: random: %w", err)
	}
	if group == GroupMLKEM1024 {
		key, err := mlkem.NewDecapsulationKey1024(seed)
		if err != nil {
			return nil, fmt.Errorf("suite: ml-kem: %w", err)
		}
		return &kem{group, key, key.EncapsulationKey().Bytes(), mlkem.CiphertextSize1024}, nil
	}
	key, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return nil, fmt.Errorf("suite: ml-kem: %w", err)
	}
	return &kem{group, key, key.EncapsulationKey().Bytes(), mlkem.CiphertextSize768}, nil
}

func (x *kem) Group() uint16  { return x.group }
func (x *kem) Public() []byte { return x.public }

// Shared opens the responder's ciphertext. A ciphertext of the right length
// that is not one for this key gives a secret that nobody else has (implicit
// rejection, FIPS 203 7.3), so that the next message does not verify.
func (x *kem) Shared(peer []byte) (Secret, error) {
	if len(peer) != x.ciphertext {
		return nil, peerError(x.group, fmt.Sprintf("%d octets, want %d", len(peer), x.ciphertext))
	}
	shared, err := x.key.Decapsulate(peer)
	if err != nil {
		return nil, peerError(x.group, "not a ciphertext")
	}
	return shared, nil
}

// encapsulate is the responder's side. The peer's key is checked as FIPS 203
// 7.2 wants it: its length, and that every coefficient is below the modulus.
// The randomness is the system's own: crypto/mlkem takes none from its caller.
func encapsulate(group uint16, peer []byte) (ciphertext []byte, shared Secret, err error) {
	if group == GroupMLKEM1024 {
		key, err := mlkem.NewEncapsulationKey1024(peer)
		if err != nil {
			return nil, nil, peerError(group, "not an encapsulation key")
		}
		shared, ciphertext = key.Encapsulate()
		return ciphertext, shared, nil
	}
	key, err := mlkem.NewEncapsulationKey768(peer)
	if err != nil {
		return nil, nil, peerError(group, "not an encapsulation key")
	}
	shared, ciphertext = key.Encapsulate()
	return ciphertext, shared, nil
}
