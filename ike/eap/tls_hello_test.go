package eap

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

// hello is what a ClientHello offers (RFC 8446 4.1.2).
type hello struct {
	suites      []uint16
	compression []byte
	extensions  map[uint16]cryptobyte.String
}

func parseHello(t *testing.T, record []byte) hello {
	t.Helper()
	s, h := cryptobyte.String(record), hello{extensions: map[uint16]cryptobyte.String{}}
	var body, session, suites, compression, extensions cryptobyte.String
	if !s.Skip(5) || !s.Skip(1) || !s.ReadUint24LengthPrefixed(&body) || !body.Skip(2+32) || !body.ReadUint8LengthPrefixed(&session) ||
		!body.ReadUint16LengthPrefixed(&suites) || !body.ReadUint8LengthPrefixed(&compression) || !body.ReadUint16LengthPrefixed(&extensions) {
		t.Fatalf("not a hello: %x", record)
	}
	for !suites.Empty() {
		var suite uint16
		if !suites.ReadUint16(&suite) {
			t.Fatal("half a suite")
		}
		h.suites = append(h.suites, suite)
	}
	h.compression = compression
	for !extensions.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			t.Fatal("half an extension")
		}
		h.extensions[kind] = data
	}
	return h
}

// RFC 9190 2.1, 2.1.3, 2.4, RFC 5216 2.4: what is offered, at first and where a session
// is taken up again: no compression, no early data, no authentication afterwards, no
// pre-shared key without a fresh key exchange, nothing that does not encrypt.
func TestTLSHello(t *testing.T) {
	t.Parallel()
	const (
		preSharedKey, earlyData, modes, postHandshake, keyShare = 41, 42, 45, 49, 51
		dheMode                                                 = 1
	)
	c := theCompany()
	cfg, server := c.tlsConfig(), c.serverConfig()
	cfg.TLS.Sessions = &tlsstep.Sessions{}
	for _, resumes := range []bool{false, true} {
		h := parseHello(t, newRawServer(t, cfg).start())
		if !slices.Equal(h.compression, []byte{0}) {
			t.Errorf("compression %x", h.compression)
		}
		for _, kind := range []uint16{earlyData, postHandshake} {
			if _, offered := h.extensions[kind]; offered {
				t.Errorf("extension %d is offered", kind)
			}
		}
		if _, offered := h.extensions[preSharedKey]; offered != resumes {
			t.Errorf("a pre-shared key is offered: %v, want %v", offered, resumes)
		}
		var list cryptobyte.String
		if data := h.extensions[modes]; resumes && (!data.ReadUint8LengthPrefixed(&list) || !slices.Equal(list, []byte{dheMode})) {
			t.Errorf("modes of pre-shared keys: %x", h.extensions[modes])
		}
		if len(h.extensions[keyShare]) == 0 {
			t.Error("no fresh key")
		}
		for _, suite := range h.suites {
			if name := tls.CipherSuiteName(suite); !strings.Contains(name, "AES") && !strings.Contains(name, "CHACHA20") {
				t.Errorf("suite %s", name)
			}
		}
		if resumes {
			break
		}
		first := newSignIn(t, cfg, server)
		if err := first.run(); err != nil {
			t.Fatal(err)
		}
	}
}
