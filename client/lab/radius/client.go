package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// Code is the kind of a RADIUS packet (RFC 2865 4).
type Code uint8

// The codes of authentication.
const (
	AccessRequest   Code = 1
	AccessAccept    Code = 2
	AccessReject    Code = 3
	AccessChallenge Code = 11
)

// Attributes that are read or written (RFC 2865 5, RFC 3579 3).
const (
	attrUserName             = 1
	attrNASAddress           = 4
	attrFramedMTU            = 12
	attrState                = 24
	attrVendorSpecific       = 26
	attrEAPMessage           = 79
	attrMessageAuthenticator = 80
)

const (
	headerSize = 20
	// mtu is what the client says fits through: servers make their fragments smaller.
	mtu     = 1400
	silence = 30 * time.Second
)

// Client asks one server about one user. Not safe for concurrent use.
type Client struct {
	conn   net.Conn
	secret []byte
	user   string
	id     byte
	state  []byte // of the server's last challenge
}

// Answer is what a server says to an EAP packet.
type Answer struct {
	Code Code
	EAP  []byte // the packets' fragments joined; nil: none
	// Key is what a gateway uses as the MSK, MS-MPPE-Recv-Key and then
	// MS-MPPE-Send-Key; nil: the server gives none.
	Key []byte
}

// NewClient speaks over conn, which stays the caller's, with the secret that
// it shares with the server. user is sent with every packet: the outer identity.
func NewClient(conn net.Conn, secret, user string) *Client {
	return &Client{conn: conn, secret: []byte(secret), user: user}
}

// Exchange hands a response of the peer's to the server.
func (c *Client) Exchange(eap []byte) (Answer, error) {
	request, err := c.request(eap)
	if err != nil {
		return Answer{}, err
	}
	if err := c.conn.SetDeadline(time.Now().Add(silence)); err != nil {
		return Answer{}, fmt.Errorf("radius: %w", err)
	}
	if _, err := c.conn.Write(request); err != nil {
		return Answer{}, fmt.Errorf("radius: sending: %w", err)
	}
	buf := make([]byte, 4096)
	n, err := c.conn.Read(buf)
	if err != nil {
		return Answer{}, fmt.Errorf("radius: waiting for the server: %w", err)
	}
	return c.answer(request, buf[:n])
}

// request builds an Access-Request.
func (c *Client) request(eap []byte) ([]byte, error) {
	c.id++
	p := make([]byte, headerSize, 256+len(eap))
	p[0], p[1] = byte(AccessRequest), c.id
	if _, err := rand.Read(p[4:headerSize]); err != nil {
		return nil, fmt.Errorf("radius: %w", err)
	}
	p = attribute(p, attrUserName, []byte(c.user))
	p = attribute(p, attrNASAddress, []byte{127, 0, 0, 1})
	p = attribute(p, attrFramedMTU, binary.BigEndian.AppendUint32(nil, mtu))
	if c.state != nil {
		p = attribute(p, attrState, c.state)
	}
	for rest := eap; len(rest) > 0; {
		n := min(len(rest), 253)
		p, rest = attribute(p, attrEAPMessage, rest[:n]), rest[n:]
	}
	p = attribute(p, attrMessageAuthenticator, make([]byte, md5.Size))
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[len(p)-md5.Size:], c.authenticator(p)) // RFC 3579 3.2
	return p, nil
}

func attribute(p []byte, kind byte, value []byte) []byte {
	p = append(p, kind, byte(2+len(value)))
	return append(p, value...)
}

// authenticator is Message-Authenticator, over a packet that has zeros in its place.
func (c *Client) authenticator(p []byte) []byte {
	h := hmac.New(md5.New, c.secret)
	h.Write(p)
	return h.Sum(nil)
}

var (
	errShort  = errors.New("radius: a packet is cut short")
	errOther  = errors.New("radius: not the answer to the last request")
	errForged = errors.New("radius: the server does not prove its answer")
)

// answer checks and reads a packet of the server's.
func (c *Client) answer(request, p []byte) (Answer, error) {
	if len(p) < headerSize || int(binary.BigEndian.Uint16(p[2:])) != len(p) {
		return Answer{}, errShort
	}
	if p[1] != c.id {
		return Answer{}, errOther
	}
	proof := md5.New() // Response Authenticator (RFC 2865 3)
	for _, b := range [][]byte{p[:4], request[4:headerSize], p[headerSize:], c.secret} {
		proof.Write(b)
	}
	if !hmac.Equal(proof.Sum(nil), p[4:headerSize]) {
		return Answer{}, errForged
	}
	a := Answer{Code: Code(p[0])}
	var send, receive []byte
	proven := false
	c.state = nil
	for at := headerSize; at < len(p); at += int(p[at+1]) {
		if len(p)-at < 2 || p[at+1] < 2 || int(p[at+1]) > len(p)-at {
			return Answer{}, errShort
		}
		value := p[at+2 : at+int(p[at+1])]
		switch p[at] {
		case attrState:
			c.state = append([]byte{}, value...)
		case attrEAPMessage:
			a.EAP = append(a.EAP, value...)
		case attrMessageAuthenticator:
			proven = c.authenticates(request, p, value)
		case attrVendorSpecific:
			switch kind, key := c.microsoft(request, value); kind {
			case mppeSendKey:
				send = key
			case mppeReceiveKey:
				receive = key
			}
		}
	}
	if !proven { // RFC 3579 3.2 wants it with every EAP-Message
		return Answer{}, errForged
	}
	if receive != nil && send != nil {
		a.Key = append(append(make([]byte, 0, len(receive)+len(send)), receive...), send...)
	}
	return a, nil
}

// authenticates checks the Message-Authenticator of an answer, which is made
// over the authenticator of the request; value lies inside p.
func (c *Client) authenticates(request, p, value []byte) bool {
	if len(value) != md5.Size {
		return false
	}
	own := append([]byte{}, p...)
	copy(own[4:], request[4:headerSize])
	at := cap(p) - cap(value)
	clear(own[at : at+md5.Size])
	return hmac.Equal(c.authenticator(own), value)
}
