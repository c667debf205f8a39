package eap

import (
	"errors"

	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

// The kinds of errors of the methods over TLS. All end the Peer.
const (
	TLSFailed          ErrorKind = "tls"                 // no common ground, or rules broken; see Alert
	NoEMS              ErrorKind = "no-ems"              // the server is too old: TLSConfig.AllowWithoutEMS is not set
	CertificateRefused ErrorKind = "certificate-refused" // the server does not take the client's certificate; see Alert
	CertificateMissing ErrorKind = "certificate-missing" // it wants one, and there is none
)

var errNoCertificate = errors.New("no certificate was given")

// broken ends the conversation because of an error of TLS. Where the server is to
// hear of it, or said it itself, it gets an answer first (RFC 5216 2.1.3).
func (c *carrier) broken(alert []byte, err error) (carried, error) {
	c.end = c.failure(err)
	c.out = append(c.out, alert...)
	var t *tlsstep.Error
	if len(c.out) == 0 && !(errors.As(err, &t) && t.Kind == tlsstep.Alert) {
		return carried{}, c.end
	}
	r := c.acknowledge()
	r.Failing = c.end
	return carried{Result: r}, nil
}

// failure puts an error of TLS into the words of EAP.
func (c *carrier) failure(err error) *Error {
	e := &Error{Kind: Internal, Fatal: true, Method: c.method, Err: err}
	var t *tlsstep.Error
	if !errors.As(err, &t) {
		return e
	}
	switch t.Kind {
	case tlsstep.Untrusted:
		e.Kind, e.Err = Untrusted, t.Err
	case tlsstep.NoCertificate:
		if e.Kind, e.Err = Declined, t.Err; errors.Is(err, errNoCertificate) {
			e.Kind = CertificateMissing
		}
	case tlsstep.NoSignature:
		e.Kind, e.Err = Declined, t.Err
	case tlsstep.NoEMS:
		e.Kind = NoEMS
	case tlsstep.Protocol, tlsstep.TooMuch:
		e.Kind = TLSFailed
	case tlsstep.Alert:
		e.Kind, e.Alert = TLSFailed, t.Alert
		switch {
		case t.Alert == tlsstep.AlertAccessDenied && c.up && tunnels(c.method):
			e.Kind = Failed // it is about what was said inside
		case refusesClient(t.Alert):
			e.Kind = CertificateRefused
		}
	}
	return e
}

// refusesClient says whether an alert is about the client's certificate. The server
// saw one, or asked for one, before it said so.
func refusesClient(alert uint8) bool {
	switch alert {
	case tlsstep.AlertBadCertificate, tlsstep.AlertUnsupportedCertificate, tlsstep.AlertCertificateRevoked,
		tlsstep.AlertCertificateExpired, tlsstep.AlertCertificateUnknown, tlsstep.AlertUnknownCA,
		tlsstep.AlertAccessDenied, tlsstep.AlertCertificateRequired:
		return true
	}
	return false
}
