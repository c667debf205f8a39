package eap

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

// RFC 5281 9.2.3, MS-PEAP 3.1.5.1: a server that sends packets with nothing in them, and
// nothing else, does not hold the peer for ever.
func TestEmptyPacketsWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, way := range tunnelWays {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			r := newTunnelRun(t, tunnelConfig(way.kind, way.inner...), tunnelTLS(version))
			r.server.Inside = func(bool, []byte) (reply []byte, over, good bool) { return nil, false, false }
			var e *Error
			if err := r.run(); !errors.As(err, &e) || e.Kind != Unexpected || !e.Fatal || r.server.Sent > 40 {
				t.Errorf("type %d, TLS %x: %v after %d packets", way.kind, version, err, r.server.Sent)
			}
		}
	}
}

// RFC 8446 6.2: access_denied is about the certificate where the client shows one, and
// inside a tunnel about the password, which then must not be given once more.
func TestAccessDenied(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		method, alert uint8
		up            bool
		want          ErrorKind
	}{
		{TypeTLS, tlsstep.AlertAccessDenied, true, CertificateRefused},
		{TypeTTLS, tlsstep.AlertAccessDenied, true, Failed},
		{TypePEAP, tlsstep.AlertAccessDenied, true, Failed},
		{TypePEAP, tlsstep.AlertAccessDenied, false, CertificateRefused},
		{TypeTTLS, tlsstep.AlertCertificateRequired, true, CertificateRefused},
		{TypeTTLS, tlsstep.AlertHandshakeFailure, true, TLSFailed},
	} {
		c := carrier{method: row.method, up: row.up}
		if e := c.failure(&tlsstep.Error{Kind: tlsstep.Alert, Alert: row.alert}); e.Kind != row.want || e.Alert != row.alert || !e.Fatal {
			t.Errorf("%+v: %+v", row, e)
		}
	}
}
