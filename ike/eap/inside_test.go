package eap

import (
	"crypto/rand"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// TestInsideEach: what may run inside TTLS does not run inside PEAP for that (RFC 5281
// 14.2.1: what a tunnel protects depends on what is inside).
func TestInsideEach(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Identity: outsideName, Username: insideName, Methods: []uint8{TypeTTLS, TypePEAP},
		Inner: []InnerMethod{InnerPAP, InnerEAP(TypeMD5)}, InnerPEAP: []InnerMethod{InnerEAP(TypeMSCHAPv2)}, Rand: rand.Reader, Now: tlsserver.Time,
	}
	inPEAP := newMethod(TypePEAP, &cfg).(*peap)
	defer inPEAP.clear()
	if got := inPEAP.inner.offered(); !slices.Equal(got, []uint8{TypeMSCHAPv2}) {
		t.Errorf("inside PEAP %v", got)
	}
	inTTLS := newMethod(TypeTTLS, &cfg).(*ttls)
	defer inTTLS.clear()
	if _, pap := inTTLS.inner.(*ttlsPAP); !pap {
		t.Errorf("inside TTLS %T", inTTLS.inner)
	}
	cfg.InnerPEAP = nil
	both := newMethod(TypePEAP, &cfg).(*peap)
	defer both.clear()
	if got := both.inner.offered(); !slices.Equal(got, []uint8{TypeMD5}) {
		t.Errorf("inside PEAP, with one list for both, %v", got)
	}
}
