package suite

import (
	"bytes"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

type wycheproofECDH struct {
	TestGroups []struct {
		Tests []struct {
			ID                      int `json:"tcId"`
			Comment, Result         string
			Flags                   []string
			Public, Private, Shared string
		}
	}
}

// Acceptable rows of X25519 are non-canonical public values, which RFC 8031 3.2
// wants accepted, and values of small order, which are refused here (RFC 7748 6).
func TestWycheproofX25519(t *testing.T) {
	t.Parallel()
	var file wycheproofECDH
	vectors.Load(t, "wycheproof/x25519_test.json", &file)
	n := 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			n++
			shared := vectors.Unhex(t, v.Shared)
			got, err := withPrivate(t, GroupX25519, vectors.Unhex(t, v.Private)).Shared(vectors.Unhex(t, v.Public))
			if bytes.Equal(shared, make([]byte, 32)) {
				if !errors.Is(err, ErrPeerValue) {
					t.Errorf("%d: all-zero secret not refused: %v", v.ID, err)
				}
				continue
			}
			if err != nil || !bytes.Equal(got, shared) {
				t.Errorf("%d (%s): another secret, %v", v.ID, v.Comment, err)
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d tests", n)
	}
}

func TestWycheproofP256(t *testing.T) {
	t.Parallel()
	var file wycheproofECDH
	vectors.Load(t, "wycheproof/ecdh_secp256r1_ecpoint_test.json", &file)
	valid, invalid := 0, 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			public := vectors.Unhex(t, v.Public)
			if len(public) > 0 && public[0] != 4 {
				continue // IKE has no compressed form (RFC 5903 7)
			}
			if len(public) > 0 {
				public = public[1:]
			}
			got, err := withPrivate(t, GroupP256, vectors.Unhex(t, v.Private)).Shared(public)
			if v.Result == "invalid" {
				invalid++
				if !errors.Is(err, ErrPeerValue) {
					t.Errorf("%d (%s): accepted: %v", v.ID, v.Comment, err)
				}
				continue
			}
			valid++
			if err != nil || !bytes.Equal(got, vectors.Unhex(t, v.Shared)) {
				t.Errorf("%d (%s): another secret, %v", v.ID, v.Comment, err)
			}
		}
	}
	if valid < 300 || invalid < 5 {
		t.Errorf("only %d valid and %d invalid tests", valid, invalid)
	}
}
