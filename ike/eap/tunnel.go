package eap

import (
	"crypto/tls"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// What TTLS and PEAP share beyond carrier: a conversation inside.

// maxInnerRounds bounds the messages inside a tunnel.
const maxInnerRounds = 64

const errNothingInside = reason("no method may run inside the tunnel")

// resumed says whether a session was taken up again.
func (c *carrier) resumed() bool { return c.conn.State().Resumed }

// pending says whether TLS itself has something to say.
func (c *carrier) pending() bool { return len(c.out) > 0 }

// indicates says whether the data is the octet by which a server with TLS 1.3 says
// that all went well (RFC 9190 2.1.1, RFC 9427 2.3). It is worth no more than the
// EAP-Success behind it.
func (c *carrier) indicates(s carried) bool {
	return len(s.data) == 1 && s.data[0] == 0 && c.conn.State().Version == tls.VersionTLS13
}

// sessionKey ends the conversation well: the MSK out of the tunnel itself, and the
// session may be taken up again.
func (c *carrier) sessionKey(label string) (suite.Secret, error) {
	material, err := c.material(label)
	if err != nil {
		return nil, err
	}
	defer material.Clear()
	c.conn.Keep()
	return append(suite.Secret(nil), material[:mskSize]...), nil
}
