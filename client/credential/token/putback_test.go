//go:build cgo

package token

import (
	"crypto/elliptic"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// slit is a reader whose card can be taken out and put back, which ends its sessions.
// SoftHSM does not find a token again that was away. All else is SoftHSM's.
type slit struct {
	cryptoki
	t    *testing.T
	out  bool
	open map[pkcs11.SessionHandle]bool // false: ended with the card
}

func (s *slit) wrap(p cryptoki) cryptoki {
	s.cryptoki, s.open = p, map[pkcs11.SessionHandle]bool{}
	return s
}

// take takes the card out.
func (s *slit) take() {
	s.t.Helper()
	s.out = true
	for session, open := range s.open {
		if !open {
			continue
		}
		s.open[session] = false
		if err := s.cryptoki.CloseSession(session); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *slit) put() { s.out = false }

func (s *slit) GetSlotList(present bool) ([]uint, error) {
	if s.out {
		return nil, nil
	}
	return s.cryptoki.GetSlotList(present)
}

func (s *slit) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	if s.out {
		return pkcs11.TokenInfo{}, pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT)
	}
	return s.cryptoki.GetTokenInfo(slot)
}

func (s *slit) OpenSession(slot, flags uint) (pkcs11.SessionHandle, error) {
	if s.out {
		return 0, pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT)
	}
	session, err := s.cryptoki.OpenSession(slot, flags)
	if err == nil {
		s.open[session] = true
	}
	return session, err
}

func (s *slit) CloseSession(session pkcs11.SessionHandle) error {
	if !s.open[session] {
		return pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)
	}
	delete(s.open, session)
	return s.cryptoki.CloseSession(session)
}

func (s *slit) FindObjectsInit(session pkcs11.SessionHandle, with []*pkcs11.Attribute) error {
	if !s.open[session] {
		return pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)
	}
	return s.cryptoki.FindObjectsInit(session, with)
}

// TestCardIsPutBack: a card that was taken out and put back is used again, with its
// PIN, whether anything was asked of it meanwhile or not.
func TestCardIsPutBack(t *testing.T) {
	h := newHSM(t)
	alice := employ(t, "Alice", ecKey(t, elliptic.P256()), new(employ(t, "Example CA", ecKey(t, elliptic.P256()), nil)))
	h.token("card")
	h.put("card", "01", alice)
	who := &person{says: []string{userPIN, userPIN, userPIN}}
	reader := &slit{t: t}
	c := h.cards(who, reader.wrap)
	sign := func() error {
		_, err := c.Sign(t.Context(), "pkcs11:token=card", alice.cert.Raw, "ecdsa-sha256", []byte("m"))
		return err
	}
	for i := range 3 {
		if err := sign(); err != nil || len(who.asked) != i+1 {
			t.Fatalf("round %d: %v, asked %d times", i, err, len(who.asked))
		}
		if err := sign(); err != nil || len(who.asked) != i+1 { // it stays open
			t.Fatalf("round %d: %v, asked %d times", i, err, len(who.asked))
		}
		reader.take()
		if i == 0 {
			f := wantCause(t, sign(), diagnose.CauseCardRemoved)
			if len(who.asked) != 1 {
				t.Errorf("asked for the PIN of a card that is away; %v", f)
			}
		}
		reader.put()
	}
}
