package eap

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// MS-PEAP 3.1.5.7, 3.3.5.4.5: a server that takes the conversation for a fast reconnect, is
// told no, and begins in earnest may end with a bare EAP-Failure. What it refused then is
// the password, which must not be given once more.
func TestPEAPRefusalAfterAResultTooEarly(t *testing.T) {
	t.Parallel()
	r := joinPEAP(newTunnelRun(t, peapConfig(TypeMSCHAPv2), tunnelTLS(tls.VersionTLS12)), &peapServer{in: newMicrosoft(insidePassword)})
	r.answer = func(q *Question) (Answer, bool) { return Answer{Secret: suite.Secret("Tiger")}, q.Kind == AskPassword }
	usual, tried := r.server.Inside, false
	r.server.Inside = func(established bool, data []byte) (reply []byte, over, good bool) {
		switch {
		case established:
		case !tried:
			tried = true
			return request(9, typeExtensions, appendResult(nil, resultSuccess)...), false, false
		case len(data) == 11 && data[4] == typeExtensions:
			return usual(false, nil)
		case len(data) > 1 && data[0] == TypeMSCHAPv2 && data[1] == opFailure:
			return nil, true, false
		}
		return usual(established, data)
	}
	var e *Error
	if err := r.run(); !errors.As(err, &e) || e.Kind != WrongPassword || !e.Fatal {
		t.Errorf("%+v", err)
	}
}
