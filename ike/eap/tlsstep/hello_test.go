package tlsstep

import (
	"crypto/tls"
	"encoding/binary"
	"slices"
	"testing"
)

// clientHello is what a client says first (RFC 8446 4.1.2).
type clientHello struct {
	suites      []uint16
	compression []byte
	extensions  map[uint16][]byte
}

// helloOf gives the hello that a configuration begins with.
func helloOf(t *testing.T, cfg Config) clientHello {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	step, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	b := step.Out[5+4+2+32:] // record, message, version, random
	take := func(prefix int) []byte {
		n := 0
		for _, o := range b[:prefix] {
			n = n<<8 | int(o)
		}
		out := b[prefix : prefix+n]
		b = b[prefix+n:]
		return out
	}
	take(1) // the session
	h := clientHello{extensions: map[uint16][]byte{}}
	for s := take(2); len(s) > 0; s = s[2:] {
		h.suites = append(h.suites, binary.BigEndian.Uint16(s))
	}
	h.compression = take(1)
	for b = take(2); len(b) > 0; {
		kind := binary.BigEndian.Uint16(b)
		b = b[2:]
		h.extensions[kind] = take(2)
	}
	return h
}

// Extensions (RFC 8446 4.2, RFC 7627 5.1).
const (
	extServerName  = 0
	extEarlyData   = 42
	extPSK         = 41
	extPSKModes    = 45
	extPostHandAut = 49
	extGroups      = 10
	extShares      = 51
)

// What is offered, and what is not: RFC 9190 2.1 and 2.4, RFC 7627 5.1, RFC 8446
// 4.1.2. Nobody is named, nothing is compressed, nothing comes early, and who we are
// is not asked later.
func TestHello(t *testing.T) {
	t.Parallel()
	for _, legacy := range []bool{false, true} {
		cfg := world().client()
		cfg.Legacy, cfg.Sessions = legacy, &Sessions{}
		h := helloOf(t, cfg)
		for _, id := range []uint16{extServerName, extEarlyData, extPostHandAut, extPSK} {
			if _, there := h.extensions[id]; there {
				t.Errorf("legacy %v: extension %d", legacy, id)
			}
		}
		if _, there := h.extensions[extensionEMS]; !there {
			t.Errorf("legacy %v: no Extended Master Secret", legacy)
		}
		if string(h.compression) != "\x00" {
			t.Errorf("compression %x", h.compression)
		}
		if got := h.extensions[extPSKModes]; string(got) != "\x01\x01" { // psk_dhe_ke alone
			t.Errorf("modes of resumption %x", got)
		}
		for _, s := range h.suites {
			known := slices.ContainsFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.ID == s })
			if !known && !(legacy && slices.Contains(legacySuites, s)) {
				t.Errorf("legacy %v: suite %s", legacy, tls.CipherSuiteName(s))
			}
			if !legacy && slices.Contains(legacySuites, s) {
				t.Errorf("suite %s without leave", tls.CipherSuiteName(s))
			}
		}
		// The large key of the post-quantum exchange is not for old servers.
		if small := len(h.extensions[extShares]) < 200; small != legacy {
			t.Errorf("legacy %v: key shares of %d octets, groups %x", legacy, len(h.extensions[extShares]), h.extensions[extGroups])
		}
	}
	cfg := world().client()
	cfg.ServerName = "radius.example"
	if _, there := helloOf(t, cfg).extensions[extServerName]; !there {
		t.Error("no server name")
	}
}

// RFC 9190 2.1.2: a ticket that offers early data is one like the others.
func TestTicketWithEarlyData(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	cfg.Sessions = &Sessions{}
	k, r := rogueTalk(t, cfg)
	if step, err := k.c.Input(r.Ticket(32)); err != nil || len(step.Out) > 0 {
		t.Fatalf("%+v, %v", step, err)
	}
	k.c.Keep()
	h := helloOf(t, cfg)
	if _, there := h.extensions[extPSK]; !there {
		t.Error("the session is not taken up again")
	}
	if _, there := h.extensions[extEarlyData]; there {
		t.Error("early data are announced")
	}
}
