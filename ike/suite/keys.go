package suite

import (
	"encoding/binary"
	"fmt"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Keys are the keys of one IKE SA (RFC 7296 2.14). The letters i and r mean the
// original initiator and responder of this IKE SA, whoever sends a request.
// SK_ei and SK_er end with the salt where the cipher has one; SK_ai and SK_ar
// are empty beside an AEAD cipher.
type Keys struct {
	SK_d, SK_ai, SK_ar, SK_ei, SK_er, SK_pi, SK_pr Secret
}

// Clear overwrites all keys.
func (k *Keys) Clear() {
	for _, s := range []Secret{k.SK_d, k.SK_ai, k.SK_ar, k.SK_ei, k.SK_er, k.SK_pi, k.SK_pr} {
		s.Clear()
	}
}

// DeriveKeys makes the keys of a first IKE SA (RFC 7296 2.14). p is a chosen
// proposal, ni and nr the nonces without payload headers.
func DeriveKeys(p Proposal, shared Secret, ni, nr []byte, spiI, spiR wire.SPI) (*Keys, error) {
	id, err := p.prf()
	if err != nil {
		return nil, err
	}
	skeyseed := Secret(PRF(id, findPRF(id).nonceKey(ni, nr), shared))
	defer skeyseed.Clear()
	return p.expand(skeyseed, ni, nr, spiI, spiR)
}

// DeriveRekeyed makes the keys of an IKE SA that takes over from another (RFC
// 7296 2.18): SKEYSEED by the old SA's function and SK_d, the rest by the new.
// more are the shared secrets of additional key exchanges in their order (RFC
// 9370 2.2.4). After an IKE_INTERMEDIATE exchange with one, the IKE SA takes
// over from itself in the same way (RFC 9370 2.2.2).
func DeriveRekeyed(p Proposal, oldPRF uint16, oldSKd Secret, shared Secret, ni, nr []byte, spiI, spiR wire.SPI, more ...Secret) (*Keys, error) {
	if PRFSize(oldPRF) == 0 {
		return nil, fmt.Errorf("%w %d", ErrPRF, oldPRF)
	}
	skeyseed := Secret(PRF(oldPRF, oldSKd, seed(shared, ni, nr, more)...))
	defer skeyseed.Clear()
	return p.expand(skeyseed, ni, nr, spiI, spiR)
}

// expand is {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} =
// prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
func (p Proposal) expand(skeyseed Secret, ni, nr []byte, spiI, spiR wire.SPI) (*Keys, error) {
	id, err := p.prf()
	if err != nil {
		return nil, err
	}
	enc, integ, err := p.keySizes()
	if err != nil {
		return nil, err
	}
	size := PRFSize(id)
	var spis [16]byte
	binary.BigEndian.PutUint64(spis[:8], uint64(spiI))
	binary.BigEndian.PutUint64(spis[8:], uint64(spiR))
	stream, err := PRFPlus(id, skeyseed, 3*size+2*integ+2*enc, ni, nr, spis[:])
	if err != nil {
		return nil, err
	}
	return &Keys{
		SK_d:  take(&stream, size),
		SK_ai: take(&stream, integ), SK_ar: take(&stream, integ),
		SK_ei: take(&stream, enc), SK_er: take(&stream, enc),
		SK_pi: take(&stream, size), SK_pr: take(&stream, size),
	}, nil
}

// ChildKeys are the keys of one Child SA (RFC 7296 2.17), named after the two
// sides of the exchange that made it. Encryption keys end with the salt where
// the cipher has one; integrity keys are empty beside an AEAD cipher.
type ChildKeys struct {
	InitiatorEncryption, InitiatorIntegrity Secret // from the exchange's initiator to its responder
	ResponderEncryption, ResponderIntegrity Secret // the other way
}

// Clear overwrites all keys.
func (k *ChildKeys) Clear() {
	for _, s := range []Secret{k.InitiatorEncryption, k.InitiatorIntegrity, k.ResponderEncryption, k.ResponderIntegrity} {
		s.Clear()
	}
}

// DeriveChild makes the keys of a Child SA: KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr)
// (RFC 7296 2.17). ike is the chosen proposal of the IKE SA, for its PRF; esp
// that of the Child SA; shared is nil without a key exchange of its own. The
// nonces are those of IKE_SA_INIT for the first Child SA, of CREATE_CHILD_SA else.
// more are the shared secrets of additional key exchanges in their order, which
// follow the nonces (RFC 9370 2.2.4).
func DeriveChild(ike Proposal, skd Secret, shared Secret, ni, nr []byte, esp Proposal, more ...Secret) (ChildKeys, error) {
	id, err := ike.prf()
	if err != nil {
		return ChildKeys{}, err
	}
	enc, integ, err := esp.keySizes()
	if err != nil {
		return ChildKeys{}, err
	}
	stream, err := PRFPlus(id, skd, 2*enc+2*integ, seed(shared, ni, nr, more)...)
	if err != nil {
		return ChildKeys{}, err
	}
	return ChildKeys{
		InitiatorEncryption: take(&stream, enc), InitiatorIntegrity: take(&stream, integ),
		ResponderEncryption: take(&stream, enc), ResponderIntegrity: take(&stream, integ),
	}, nil
}

// seed is [g^ir |] Ni | Nr [| SK(1) | ... | SK(n)].
func seed(shared Secret, ni, nr []byte, more []Secret) [][]byte {
	out := [][]byte{shared, ni, nr}
	for _, s := range more {
		out = append(out, s)
	}
	return out
}

// take cuts n octets from the front. The capacity ends there too, so that an
// append to one key cannot write into the next.
func take(stream *Secret, n int) Secret {
	key := (*stream)[:n:n]
	*stream = (*stream)[n:]
	return key
}

func (p Proposal) prf() (uint16, error) {
	if len(p.PRF) != 1 || PRFSize(p.PRF[0]) == 0 {
		return 0, fmt.Errorf("%w in %q", ErrPRF, p.Keyword())
	}
	return p.PRF[0], nil
}

// keySizes gives the lengths of an encryption key with its salt and of an
// integrity key, in octets, for a chosen proposal.
func (p Proposal) keySizes() (enc, integ int, err error) {
	if len(p.Encryption) != 1 {
		return 0, 0, fmt.Errorf("suite: %q has no single cipher", p.Keyword())
	}
	t := p.Encryption[0]
	n, ok := t.keyLength()
	if !ok {
		return 0, 0, fmt.Errorf("suite: cipher %d with a key of %d bits is not known", t.ID, t.KeyLen)
	}
	e := findEncryption(t.ID)
	if e.aead() {
		if len(p.Integrity) != 0 {
			return 0, 0, fmt.Errorf("suite: %q has an integrity algorithm beside an AEAD cipher", p.Keyword())
		}
		return n + e.salt, 0, nil
	}
	if len(p.Integrity) != 1 {
		return 0, 0, fmt.Errorf("suite: %q has no single integrity algorithm", p.Keyword())
	}
	mac := findMAC(p.Integrity[0])
	if mac == nil {
		return 0, 0, fmt.Errorf("suite: integrity algorithm %d is not known", p.Integrity[0])
	}
	return n + e.salt, mac.key, nil
}
