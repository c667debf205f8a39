package tlsstep

import (
	"bytes"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// oldTalk runs a client against a server from before RFC 7627.
func oldTalk(t *testing.T, cfg Config, change func(*tlsserver.Old)) (*talk, *tlsserver.Old, error) {
	t.Helper()
	k, old := oldPair(t, cfg)
	if change != nil {
		change(old)
	}
	return k, old, k.withOld(old)
}

func oldPair(t *testing.T, cfg Config) (*talk, *tlsserver.Old) {
	t.Helper()
	w := world()
	rsaServer, err := w.anchor.Server("radius.example", "rsa", nil)
	if err != nil {
		t.Fatal(err)
	}
	return newTalk(t, cfg, w.serverConfig()), &tlsserver.Old{Certificate: rsaServer}
}

// withOld runs the client until it fails or nothing is left to say.
func (k *talk) withOld(old *tlsserver.Old) error {
	step, err := k.c.Start()
	for err == nil {
		k.data = append(k.data, step.Data...)
		if step.Established {
			k.done++
		}
		if step.Ask != nil {
			step, err = k.c.Answer(k.answer(step.Ask))
			continue
		}
		out := old.Input(step.Out)
		if len(out) == 0 {
			break
		}
		step, err = k.c.Input(out)
	}
	old.Input(step.Out)
	return err
}

// A server without Extended Master Secret and with RSA key exchange is refused unless
// Legacy says otherwise, before anything is asked (RFC 7627 5.3).
func TestOldServerIsRefused(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	k, old, err := oldTalk(t, cfg, nil)
	if kindOf(err) != string(NoEMS) || len(k.asked) > 0 {
		t.Errorf("%v, after %v", err, k.asked)
	}
	if old.Err == nil || old.Err.Error() != "alert 0228" {
		t.Errorf("the server saw %v, want handshake_failure", old.Err)
	}
}

// No handshake is established whose keys could not be exported, also where the
// server's hello was not understood as crypto/tls understands it (RFC 7627 5.4).
func TestNoKeysNotEstablished(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	cfg.Legacy = true
	k, old := oldPair(t, cfg)
	k.c.hello.done = true // it looks at nothing any more
	if err := k.withOld(old); kindOf(err) != string(NoEMS) || k.done != 0 {
		t.Errorf("%v, established %d times", err, k.done)
	}
}

// With Legacy, the keys are those that a server of its own making derives: the
// master secret is PRF(pre-master secret, "master secret", randoms), and the keys
// are PRF(master secret, label, randoms) (RFC 5246 8.1, RFC 5216 2.3).
func TestOldServer(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	cfg.Legacy, cfg.Sessions = true, &Sessions{}
	k, old, err := oldTalk(t, cfg, func(o *tlsserver.Old) { o.Ask = true })
	if err != nil || !old.Established || k.done != 1 {
		t.Fatalf("%v, %v", err, old.Err)
	}
	if got := strings.Join(k.asked, " "); got != "verdict signature" {
		t.Errorf("asked for %s", got)
	}
	if got := k.c.State(); !got.LegacyKey || got.Version != tls.VersionTLS12 || !got.Shown {
		t.Errorf("%+v", got)
	}
	for _, n := range []int{1, 31, 32, 33, 64, 128, 1000} {
		got, err := k.c.Export("client EAP encryption", nil, n)
		if err != nil || !bytes.Equal(got, old.Export("client EAP encryption", n)) {
			t.Errorf("%d octets: other keys, %v", n, err)
		}
	}
	step, err := k.c.Input(old.Write([]byte("hello")))
	if err != nil || string(step.Data) != "hello" {
		t.Errorf("%q, %v", step.Data, err)
	}
	out, err := k.c.Write([]byte("world"))
	if old.Input(out); err != nil || string(old.Data) != "world" {
		t.Errorf("%q, %v", old.Data, err)
	}
	k.c.Keep()
	if len(cfg.Sessions.kept) != 0 {
		t.Error("a session without Extended Master Secret is kept (RFC 7627 5.3)")
	}
}

// Both ways to the keys agree where both exist, with both hashes (RFC 5705 4): the
// one that is used without Extended Master Secret, and crypto/tls's own.
func TestBothWaysToTheKeysAgree(t *testing.T) {
	t.Parallel()
	for _, suite := range []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	} {
		cfg, server := world().client(), world().serverConfig()
		cfg.Legacy = true
		server.MaxVersion, server.CipherSuites = tls.VersionTLS12, []uint16{suite}
		k := newTalk(t, cfg, server)
		if err := k.connect(); err != nil {
			t.Fatal(err)
		}
		if got := k.c.State(); got.Suite != suite || got.LegacyKey {
			t.Errorf("%+v, want suite %#x with Extended Master Secret", got, suite)
		}
		for _, context := range [][]byte{nil, {}, []byte("context")} {
			a, err := k.c.Export("ttls keying material", context, 200)
			if err != nil {
				t.Fatal(err)
			}
			b, err := k.c.exportPlain(suite, "ttls keying material", context, 200)
			if err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s, context %q: other keys, %v", tls.CipherSuiteName(suite), context, err)
			}
		}
	}
}

// Suites of old are not offered without Legacy.
func TestOldSuitesAreNotOffered(t *testing.T) {
	t.Parallel()
	for _, legacy := range []bool{false, true} {
		cfg, server := world().client(), world().serverConfig()
		cfg.Legacy = legacy
		server.MaxVersion, server.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		k := newTalk(t, cfg, server)
		if err := k.run(k.c.Start()); (err == nil && k.s.Err == nil) != legacy {
			t.Errorf("legacy %v: %v, %v", legacy, err, k.s.Err)
		}
	}
}

// What is printed of the connection holds no key.
func TestMasterSecretIsCleared(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	cfg.Legacy = true
	k, _, err := oldTalk(t, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := k.c.master.secret
	if len(secret) != 48 {
		t.Fatalf("a master secret of %d octets", len(secret))
	}
	k.c.Close()
	if !bytes.Equal(secret, make([]byte, 48)) || k.c.master.secret != nil {
		t.Error("it is still there")
	}
	if _, err := k.c.Export("a label", nil, 1); kindOf(err) != string(Internal) {
		t.Errorf("keys of a closed connection: %v", err)
	}
}

// The server's hello is understood as crypto/tls does, whole or in pieces.
func TestServerHello(t *testing.T) {
	t.Parallel()
	hello := func(version uint16, extensions ...byte) []byte {
		body := append([]byte{byte(version >> 8), byte(version)}, bytes.Repeat([]byte{7}, 32)...)
		body = append(body, 2, 1, 1) // a session identifier of two octets
		body = append(body, 0, 0x9c, 0)
		if extensions != nil {
			body = append(append(body, 0, byte(len(extensions))), extensions...)
		}
		message := append([]byte{2, 0, 0, byte(len(body))}, body...)
		return append([]byte{22, 3, 3, 0, byte(len(message))}, message...)
	}
	inTwoRecords := func(b []byte) []byte {
		m := b[5:]
		out := append([]byte{22, 3, 3, 0, 10}, m[:10]...)
		return append(append(out, 22, 3, 3, 0, byte(len(m)-10)), m[10:]...)
	}
	for name, row := range map[string]struct {
		stream  []byte
		version uint16
		ems     bool
	}{
		"plain":               {hello(0x303), 0x303, false},
		"ems":                 {hello(0x303, 0, 23, 0, 0), 0x303, true},
		"behind another":      {hello(0x303, 0xff, 1, 0, 1, 0, 0, 23, 0, 0), 0x303, true},
		"in two records":      {inTwoRecords(hello(0x303, 0, 23, 0, 0)), 0x303, true},
		"1.3":                 {hello(0x303, 0, 43, 0, 2, 3, 4), 0x304, false},
		"1.1":                 {hello(0x302), 0x302, false},
		"cut extension":       {hello(0x303, 0, 23, 0, 9), 0, false},
		"data after an alert": {[]byte{21, 3, 3, 0, 2, 2, 40, 23, 3, 3, 0, 1, 0}, 0, false},
		"another first":       {[]byte{22, 3, 3, 0, 4, 0, 0, 0, 0}, 0, false},
		"a huge one":          {[]byte{22, 3, 3, 0, 4, 2, 255, 255, 255}, 0, false},
		"too short":           {[]byte{22, 3, 3, 0, 5, 2, 0, 0, 1, 3}, 0, false},
	} {
		for _, size := range []int{1, 7, len(row.stream)} {
			var h serverHello
			for rest := row.stream; len(rest) > 0; {
				n := min(size, len(rest))
				h.feed(rest[:n])
				rest = rest[n:]
			}
			if !h.done || h.raw != nil || h.version != row.version || h.version != 0 && h.ems != row.ems {
				t.Errorf("%s in parts of %d: %+v", name, size, h)
			}
			if row.version != 0 && h.random != [32]byte(bytes.Repeat([]byte{7}, 32)) {
				t.Errorf("%s: random %x", name, h.random)
			}
		}
	}
}

func FuzzServerHello(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 5, 2, 0, 0, 1, 3}, 3)
	f.Add([]byte{22, 3, 3, 0, 0, 22, 3, 3, 0, 1, 2}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		var whole, parts serverHello
		whole.feed(stream)
		size = max(1, size%64)
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			parts.feed(rest[:n])
			rest = rest[n:]
		}
		if whole.done != parts.done || whole.version != parts.version || whole.ems != parts.ems || whole.random != parts.random {
			t.Errorf("whole %+v, in parts %+v", whole, parts)
		}
	})
}
