package eap

import (
	"crypto/tls"
	"errors"
	"testing"
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
