package tlsstep

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// TestMain holds the package to its word: every coroutine is gone when its
// connection is closed.
func TestMain(m *testing.M) {
	code := m.Run()
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil || strings.Contains(stacks.String(), "tlsstep.(*Conn)") {
		os.Stderr.WriteString("a coroutine is left:\n" + stacks.String())
		code = 1
	}
	os.Exit(code)
}

// ended checks that a connection is over and says the same again.
func ended(t *testing.T, c *Conn, err error) {
	t.Helper()
	if _, again := c.Input([]byte{0}); again == nil || kindOf(again) != kindOf(err) {
		t.Errorf("goes on after %v: %v", err, again)
	}
	if _, again := c.Write([]byte{0}); again == nil {
		t.Errorf("writes after %v", err)
	}
	if got := c.State(); got != (State{}) && !c.established {
		t.Errorf("state %+v", got)
	}
}

// RFC 8446 6.2: the verdict of no reaches the server as an alert, and the caller as
// the reason it gave.
func TestVerdictNo(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := world().serverConfig()
		server.MaxVersion = version
		k := newTalk(t, world().client(), server)
		k.trust = func(*Ask) error { return errNo }
		err := k.connect()
		if kindOf(err) != string(Untrusted) || !errors.Is(err, errNo) {
			t.Errorf("%v", err)
		}
		if got := strings.Join(k.asked, " "); got != "verdict" {
			t.Errorf("asked for %s", got)
		}
		if k.s.Err == nil || !strings.Contains(k.s.Err.Error(), "bad certificate") {
			t.Errorf("the server saw %v", k.s.Err)
		}
		ended(t, k.c, err)
	}
}

// What the verdict is asked about: the whole chain, and the OCSP response beside it
// (RFC 6066 8).
func TestVerdictSeesAll(t *testing.T) {
	t.Parallel()
	middle, err := world().anchor.Below("Servers, Branch", "ecdsa")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cert, err := middle.Server("radius.example", "ecdsa", nil)
		if err != nil {
			t.Fatal(err)
		}
		cert.OCSPStaple = []byte("a response")
		server := world().serverConfig()
		server.MaxVersion, server.Certificates = version, []tls.Certificate{cert}
		k := newTalk(t, world().client(), server)
		if err := k.connect(); err != nil {
			t.Fatal(err)
		}
		q := k.seen[0]
		if len(q.Chain) != 2 || !bytes.Equal(q.Chain[0], cert.Certificate[0]) || !bytes.Equal(q.Chain[1], cert.Certificate[1]) {
			t.Errorf("a chain of %d", len(q.Chain))
		}
		if string(q.OCSP) != "a response" || q.Resumed {
			t.Errorf("%q, %v", q.OCSP, q.Resumed)
		}
	}
}

// Which version runs is the configuration's to say; TLS 1.1 never does (RFC 8996).
func TestVersions(t *testing.T) {
	t.Parallel()
	const v11, v12, v13 = tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13
	for _, row := range []struct{ min, max, server, want uint16 }{
		{0, 0, v13, v13}, {0, 0, v12, v12}, {0, v12, v13, v12}, {v13, 0, v13, v13}, {v13, 0, v12, 0}, {0, 0, v11, 0}, {v12, v12, v11, 0},
	} {
		cfg, server := world().client(), world().serverConfig()
		cfg.MinVersion, cfg.MaxVersion, cfg.Legacy = row.min, row.max, true
		server.MinVersion, server.MaxVersion = tls.VersionTLS10, row.server
		k := newTalk(t, cfg, server)
		err := k.connect()
		if got := k.c.State().Version; got != row.want || (err == nil && k.s.Err == nil) != (row.want != 0) {
			t.Errorf("%x to %x against %x: %x, %v, %v", row.min, row.max, row.server, got, err, k.s.Err)
		}
	}
	for _, bad := range [][2]uint16{{v11, v13}, {v12, v11}, {v13, v12}, {0, v13 + 1}} {
		cfg := world().client()
		cfg.MinVersion, cfg.MaxVersion = bad[0], bad[1]
		if _, err := New(cfg); kindOf(err) != string(Internal) {
			t.Errorf("%x: %v", bad, err)
		}
	}
	// A server that answers with 1.1 whatever it was offered.
	cfg := world().client()
	cfg.Legacy = true
	if _, old, err := oldTalk(t, cfg, func(o *tlsserver.Old) { o.Version = v11 }); kindOf(err) != string(Protocol) || old.Err == nil || old.Err.Error() != "alert 0246" {
		t.Errorf("%v, and the server saw %v; want protocol_version", err, old.Err)
	}
}

// RFC 8446 6.2: which alert ended it is known, in both versions.
func TestAlerts(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, row := range map[string]struct {
			change func(*tls.Config)
			user   [][]byte
			want   uint8
		}{
			"another authority": {func(c *tls.Config) { c.ClientCAs = x509.NewCertPool() }, world().user.Certificate, AlertUnknownCA},
			"expired": {func(c *tls.Config) {
				c.Time = func() time.Time { return tlsserver.Time.AddDate(2, 0, 0) }
			}, world().user.Certificate, AlertCertificateExpired},
			"none":            {func(*tls.Config) {}, nil, AlertCertificateRequired},
			"not for clients": {func(*tls.Config) {}, world().server.Certificate, AlertUnknownCA},
			"refused": {func(c *tls.Config) {
				c.VerifyConnection = func(tls.ConnectionState) error { return errNo }
			}, world().user.Certificate, AlertBadCertificate},
		} {
			cfg, server := world().client(), world().serverConfig()
			server.MaxVersion = version
			row.change(server)
			cfg.Certificates, cfg.NoCertificate = row.user, row.user == nil
			k := newTalk(t, cfg, server)
			if name == "not for clients" {
				k.key = world().server.PrivateKey.(crypto.Signer)
			}
			err := k.connect()
			var e *Error
			want := row.want
			if version == tls.VersionTLS12 && want == AlertCertificateRequired {
				want = AlertHandshakeFailure // RFC 5246 7.4.6
			}
			if !errors.As(err, &e) || e.Kind != Alert || e.Alert != want || k.s.Err == nil {
				t.Errorf("%s, %s: %v (%v), want alert %d", tls.VersionName(version), name, err, k.s.Err, want)
			}
		}
	}
}

// A fatal alert in the clear, at any point of the handshake.
func TestAlertMidway(t *testing.T) {
	t.Parallel()
	for _, n := range []byte{AlertHandshakeFailure, AlertAccessDenied, AlertCertificateRevoked, AlertUnknownCA, 255} {
		k := newTalk(t, world().client(), world().serverConfig())
		if _, err := k.c.Start(); err != nil {
			t.Fatal(err)
		}
		step, err := k.c.Input([]byte{21, 3, 3, 0, 2, 2, n})
		var e *Error
		if !errors.As(err, &e) || e.Kind != Alert || e.Alert != n || len(step.Out) > 0 {
			t.Errorf("alert %d: %v, and says %x", n, err, step.Out)
		}
		ended(t, k.c, err)
	}
}

// RFC 5746, RFC 9325 3.5: renegotiation is refused, and ends the connection.
func TestRenegotiationIsRefused(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	cfg.Legacy = true
	k, old, err := oldTalk(t, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	step, err := k.c.Input(old.Renegotiate())
	if kindOf(err) != string(Protocol) {
		t.Errorf("%v", err)
	}
	if old.Input(step.Out); old.Err == nil || !strings.HasSuffix(old.Err.Error(), "64") { // no_renegotiation
		t.Errorf("the server saw %v", old.Err)
	}
	ended(t, k.c, err)
}

// rogueTalk is an established connection of TLS 1.3 with a server that can break
// its rules.
func rogueTalk(t *testing.T, cfg Config) (*talk, *tlsserver.Rogue) {
	t.Helper()
	r := &tlsserver.Rogue{}
	server := world().serverConfig()
	server.KeyLogWriter, server.SessionTicketsDisabled, server.MinVersion = r, true, tls.VersionTLS13
	k := newTalk(t, cfg, server)
	if err := k.connect(); err != nil || !r.Ready() {
		t.Fatal(err)
	}
	if k.c.State().Suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("crypto/tls prefers another suite on this processor, for which the rogue server has no words")
	}
	return k, r
}

// RFC 8446 4.6: what comes after the handshake without an end.
func TestFloods(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]func(*tlsserver.Rogue) []byte{
		"key updates":           func(r *tlsserver.Rogue) []byte { return r.Update(false) },
		"key updates, answered": func(r *tlsserver.Rogue) []byte { return r.Update(true) },
		"tickets":               func(r *tlsserver.Rogue) []byte { return r.Ticket(60_000) },
		"empty records":         func(r *tlsserver.Rogue) []byte { return r.Data(nil) },
	} {
		cfg := world().client()
		cfg.Sessions = &Sessions{}
		k, r := rogueTalk(t, cfg)
		var err error
		n, out := 0, 0
		for ; n < 100 && err == nil; n++ {
			var step Step
			step, err = k.c.Input(message(r))
			out += len(step.Out)
		}
		if kindOf(err) != string(Protocol) || n > 40 || out > 4096 {
			t.Errorf("%s: %v after %d, with %d octets of answers", name, err, n, out)
		}
		ended(t, k.c, err)
	}
}

// A few of them are as they should be, and the connection goes on behind them.
func TestKeyUpdate(t *testing.T) {
	t.Parallel()
	k, r := rogueTalk(t, world().client())
	for _, request := range []bool{false, true} {
		step, err := k.c.Input(append(r.Update(request), r.Data([]byte("on"))...))
		if err != nil || string(step.Data) != "on" || (len(step.Out) > 0) != request {
			t.Errorf("%+v, %v", step, err)
		}
	}
	out, err := k.c.Write([]byte("off"))
	if err != nil || len(out) == 0 {
		t.Error(err)
	}
}

// RFC 8446 4.6.2: who we are is not asked once more.
func TestLateCertificateRequest(t *testing.T) {
	t.Parallel()
	k, r := rogueTalk(t, world().client())
	asked := len(k.asked)
	err := k.run(k.c.Input(r.CertificateRequest()))
	if kindOf(err) != string(Protocol) || len(k.asked) != asked {
		t.Errorf("%v, asked for %v", err, k.asked)
	}
}

// Bounds: what never becomes a handshake, and what is too much at once.
func TestTooMuch(t *testing.T) {
	t.Parallel()
	k := newTalk(t, world().client(), world().serverConfig())
	if _, err := k.c.Start(); err != nil {
		t.Fatal(err)
	}
	_, err := k.c.Input(make([]byte, maxInput+1))
	if kindOf(err) != string(TooMuch) {
		t.Error(err)
	}
	ended(t, k.c, err)

	k = newTalk(t, world().client(), world().serverConfig())
	if _, err := k.c.Start(); err != nil {
		t.Fatal(err)
	}
	// A certificate message of 255 KiB, record by record.
	record := append([]byte{22, 3, 3, 0x40, 0}, make([]byte, 0x4000)...)
	copy(record[5:], []byte{2, 0, 0, 38, 3, 3})
	n := 0
	for err = nil; err == nil && n < 100; n++ {
		_, err = k.c.Input(record)
	}
	if err == nil || n > 17 {
		t.Errorf("%v after %d records", err, n)
	}
}

// unknownKey is a certificate for Ed448, which crypto/tls cannot sign with.
func unknownKey(t *testing.T) []byte {
	t.Helper()
	cert, err := world().users.Client("anna@example.com", "ed25519", nil)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(cert.Certificate[0], []byte{6, 3, 0x2b, 0x65, 0x70}, []byte{6, 3, 0x2b, 0x65, 0x71})
}

// A question that nobody can answer.
func TestNoAnswers(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		kind   AskKind
		answer Answer
		want   ErrorKind
	}{
		"no certificate":          {AskCertificate, Answer{Err: errNo}, NoCertificate},
		"a certificate not read":  {AskCertificate, Answer{Certificates: [][]byte{{1}}}, NoCertificate},
		"a key that cannot sign":  {AskCertificate, Answer{Certificates: [][]byte{unknownKey(t)}}, NoCertificate},
		"no signature":            {AskSignature, Answer{Err: errNo}, NoSignature},
		"an empty signature":      {AskSignature, Answer{}, NoSignature},
		"a signature by somebody": {AskSignature, Answer{Signature: []byte{1}}, Alert},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			cfg, server := world().client(), world().serverConfig()
			cfg.Certificates, server.MaxVersion = nil, version
			k := newTalk(t, cfg, server)
			step, err := k.c.Start()
			for err == nil {
				if step.Ask == nil {
					out, _ := k.s.Input(step.Out)
					step, err = k.c.Input(out)
					continue
				}
				a := row.answer
				if step.Ask.Kind != row.kind {
					a = k.answer(step.Ask)
				}
				step, err = k.c.Answer(a)
			}
			if kindOf(err) != string(row.want) || row.answer.Err != nil && !errors.Is(err, errNo) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Called out of order, a connection says so and goes on.
func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	k := newTalk(t, world().client(), world().serverConfig())
	internal := func(what string, err error) {
		t.Helper()
		if kindOf(err) != string(Internal) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := k.c.Input(nil)
	internal("input before the start", err)
	_, err = k.c.Answer(Answer{})
	internal("an answer to nothing", err)
	_, err = k.c.Write(nil)
	internal("data before the handshake", err)
	_, err = k.c.Export("a label", nil, 1)
	internal("keys before the handshake", err)
	step, err := k.c.Start()
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.c.Start()
	internal("a second start", err)
	out, _ := k.s.Input(step.Out)
	if step, err = k.c.Input(out); err != nil || step.Ask == nil {
		t.Fatal(err)
	}
	_, err = k.c.Input(nil)
	internal("input while a question is open", err)
	if err := k.run(k.c.Answer(k.answer(step.Ask))); err != nil || !k.s.Established {
		t.Errorf("%v, %v", err, k.s.Err)
	}
}

// Close can come at any point, and more than once; TestMain sees what it leaves.
func TestClose(t *testing.T) {
	t.Parallel()
	for stop := range 6 {
		cfg := world().client()
		cfg.Certificates = nil
		k := newTalk(t, cfg, world().serverConfig())
		step, err := Step{}, error(nil)
		for n := range stop {
			switch {
			case n == 0:
				step, err = k.c.Start()
			case step.Ask != nil:
				step, err = k.c.Answer(k.answer(step.Ask))
			default:
				out, _ := k.s.Input(step.Out)
				step, err = k.c.Input(out)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		k.c.Close()
		k.c.Close()
		if _, err := k.c.Start(); kindOf(err) != string(Internal) {
			t.Errorf("starts after Close: %v", err)
		}
		if _, err := k.c.Answer(Answer{}); kindOf(err) != string(Internal) {
			t.Errorf("takes an answer after Close: %v", err)
		}
	}
}

// Without randomness there is no hello, and a panic behind the coroutine is an error.
func TestBrokenParts(t *testing.T) {
	t.Parallel()
	cfg := world().client()
	cfg.Rand = iotest.ErrReader(errNo)
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Start()
	if err == nil || kindOf(err) != string(Protocol) {
		t.Errorf("no randomness: %v", err)
	}
	cfg = world().client()
	cfg.Sessions, cfg.Now = &Sessions{}, func() time.Time { panic("no time") }
	if c, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	_, err = c.Start()
	if kindOf(err) != string(Internal) || !strings.Contains(err.Error(), "no time") {
		t.Errorf("a panic: %v", err)
	}
	ended(t, c, err)
	c.Close()
	for _, change := range []func(*Config){func(c *Config) { c.Rand = nil }, func(c *Config) { c.Now = nil }} {
		cfg := world().client()
		change(&cfg)
		if _, err := New(cfg); kindOf(err) != string(Internal) {
			t.Errorf("incomplete: %v", err)
		}
	}
}

// The alert of an error of crypto/tls is found by its text: this breaks when the
// texts change.
func TestAlertTexts(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for n := range 256 {
		text := tls.AlertError(n).Error()
		if other, twice := seen[text]; twice {
			t.Errorf("alerts %d and %d are both %q", other, n, text)
		}
		seen[text] = n
	}
	if _, ok := alertOf(errNo); ok {
		t.Error("an alert in an error that has none")
	}
}
