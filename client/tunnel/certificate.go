package tunnel

import (
	"crypto/x509"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
)

// From when until when the certificates of both sides count: it goes into the
// status, for a certificate that ends next week ends the line then, and explains a
// gateway that says no without a reason.

// shows notes a certificate chain of the user's that the session shows.
func (s *strand) shows(chain [][]byte) {
	if len(chain) > 0 {
		s.own = validity(chain[0])
	}
}

// shown notes the gateway's own.
func (s *strand) shown(e ike.NeedVerdict) {
	if !e.EAP && len(e.Chain) > 0 {
		s.theirs = validity(e.Chain[0])
	}
}

// validity of a certificate in DER; zero: it cannot be read.
func validity(der []byte) diagnose.Validity {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return diagnose.Validity{}
	}
	return diagnose.Validity{From: c.NotBefore, Until: c.NotAfter}
}

// expired explains a gateway's no by the end of the user's own certificate; nil:
// it has not ended. A gateway that takes it all the same is not talked out of that.
func (s *strand) expired(f *ike.Failure, now time.Time) *diagnose.Failure {
	if f.Cause != ike.CauseRejected || s.own.Until.IsZero() || !now.After(s.own.Until) {
		return nil
	}
	return &diagnose.Failure{Cause: diagnose.CauseCertificateExpired, When: s.own.Until, Err: f}
}
