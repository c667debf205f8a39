package radius

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"net"
	"testing"
)

const testSecret = "xyzzy5461"

// server answers one request with what build makes of it.
func server(t *testing.T, build func(request []byte) []byte) *Client {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() {
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		if err := far.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		buf := make([]byte, 4096)
		n, err := far.Read(buf)
		if err != nil {
			return // the test has ended
		}
		if _, err := far.Write(build(buf[:n])); err != nil {
			return
		}
	}()
	return NewClient(near, testSecret, "nemo")
}

// reply builds a genuine answer.
func reply(request []byte, code Code, attributes ...[]byte) []byte {
	p := append([]byte{byte(code), request[1], 0, 0}, request[4:headerSize]...)
	for _, a := range attributes {
		p = append(p, a...)
	}
	p = attribute(p, attrMessageAuthenticator, make([]byte, md5.Size))
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	mac := hmac.New(md5.New, []byte(testSecret))
	mac.Write(p)
	copy(p[len(p)-md5.Size:], mac.Sum(nil))
	return seal(request, p)
}

// seal puts the Response Authenticator into a packet.
func seal(request, p []byte) []byte {
	copy(p[4:], request[4:headerSize])
	sum := md5.Sum(append(append([]byte{}, p...), testSecret...))
	copy(p[4:], sum[:])
	return p
}

// TestExchange carries EAP there and back, in several attributes where it is
// long, and State with it (RFC 3579 2.2, 3.1).
func TestExchange(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte{0xa5}, 600)
	var seen []byte
	c := server(t, func(request []byte) []byte {
		seen = bytes.Clone(request)
		return reply(request, AccessChallenge, attribute(nil, attrState, []byte("state")), attribute(nil, attrEAPMessage, long[:253]), attribute(nil, attrEAPMessage, long[253:500]))
	})
	a, err := c.Exchange(long)
	if err != nil {
		t.Fatal(err)
	}
	if a.Code != AccessChallenge || !bytes.Equal(a.EAP, long[:500]) || a.Key != nil || string(c.state) != "state" {
		t.Errorf("the answer is %d with %d octets of EAP, a key %x, state %q", a.Code, len(a.EAP), a.Key, c.state)
	}
	if n := bytes.Count(seen, []byte{0xa5}); n < 600 {
		t.Errorf("the server has got %d octets of EAP, want 600", n)
	}
}

// TestForgedAnswersAreNotTaken changes genuine answers (RFC 2865 3, RFC 3579 3.2).
func TestForgedAnswersAreNotTaken(t *testing.T) {
	t.Parallel()
	eap := attribute(nil, attrEAPMessage, []byte{3, 1, 0, 4})
	for name, build := range map[string]func(request []byte) []byte{
		"nothing":                func([]byte) []byte { return []byte{} },
		"short":                  func(r []byte) []byte { return reply(r, AccessAccept)[:19] },
		"another length":         func(r []byte) []byte { return append(reply(r, AccessAccept), 0) },
		"another identifier":     func(r []byte) []byte { r[1]++; return reply(r, AccessAccept, eap) },
		"another code":           func(r []byte) []byte { p := reply(r, AccessReject, eap); p[0] = byte(AccessAccept); return p },
		"no proof of EAP":        func(r []byte) []byte { return bare(r, eap) },
		"another proof of EAP":   func(r []byte) []byte { p := reply(r, AccessAccept, eap); p[len(p)-1]++; return seal(r, p) },
		"an attribute too long":  func(r []byte) []byte { return bare(r, []byte{attrState, 9, 1}) },
		"an attribute too short": func(r []byte) []byte { return bare(r, []byte{attrState, 1, 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a, err := server(t, build).Exchange([]byte{2, 1, 0, 4}); err == nil {
				t.Errorf("was taken: %+v", a)
			}
		})
	}
}

// bare is an answer with these attributes alone.
func bare(request, attributes []byte) []byte {
	p := append([]byte{byte(AccessAccept), request[1], 0, 0}, make([]byte, md5.Size)...)
	p = append(p, attributes...)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	return seal(request, p)
}
