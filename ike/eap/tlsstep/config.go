package tlsstep

import (
	"crypto/tls"
	"fmt"
	"io"
	"time"
)

// Config is what a Conn is made from.
type Config struct {
	// MinVersion and MaxVersion are TLS versions as crypto/tls numbers them; zero
	// means TLS 1.2 and TLS 1.3. Others are refused.
	MinVersion, MaxVersion uint16

	// Legacy takes old servers: TLS 1.2 without the Extended Master Secret
	// (RFC 7627), RSA key exchange, and AES in CBC mode. The hello is then a small one,
	// without the post-quantum key exchange.
	Legacy bool

	// Certificates is the client's chain, DER, leaf first. Empty: it is asked for
	// when the server wants one, unless NoCertificate says that there is none.
	Certificates  [][]byte
	NoCertificate bool

	ServerName string // server_name extension (RFC 6066 3); empty: not sent

	// Sessions are taken up again and kept there. Policy names everything that the
	// trust in a session hangs on and that this Config does not hold: it is taken up
	// under the same Policy only. Nil: no resumption.
	Sessions *Sessions
	Policy   string

	Rand io.Reader
	Now  func() time.Time // for the age of sessions
}

// Suites of TLS 1.2. Those of TLS 1.3 are crypto/tls's.
var (
	modernSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	legacySuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	}
	smallCurves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
)

// complete checks the configuration and fills in what it leaves open.
func (cfg Config) complete() (Config, error) {
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
	}
	if cfg.MaxVersion == 0 {
		cfg.MaxVersion = tls.VersionTLS13
	}
	if cfg.MinVersion < tls.VersionTLS12 || cfg.MaxVersion > tls.VersionTLS13 || cfg.MinVersion > cfg.MaxVersion {
		return cfg, &Error{Kind: Internal, Err: fmt.Errorf("TLS versions %#04x to %#04x", cfg.MinVersion, cfg.MaxVersion)}
	}
	if cfg.Rand == nil || cfg.Now == nil {
		return cfg, &Error{Kind: Internal, Err: reason("no source of randomness, or of time")}
	}
	return cfg, nil
}

// noName stands for the server's name where none is to be sent: crypto/tls never
// sends an address, and wants something to call the session by.
const noName = "0.0.0.0"

// configuration is what crypto/tls is run with.
func (c *Conn) configuration() *tls.Config {
	t := &tls.Config{
		Rand: c.cfg.Rand, Time: c.cfg.Now, ServerName: c.cfg.ServerName,
		MinVersion: c.cfg.MinVersion, MaxVersion: c.cfg.MaxVersion,
		CipherSuites:           modernSuites,
		SessionTicketsDisabled: c.cfg.Sessions == nil,
		Renegotiation:          tls.RenegotiateNever,
		// The chain is judged by the verdict that VerifyConnection asks for, at every
		// handshake, resumed ones too: crypto/tls's own judgement knows neither the
		// profile's anchors nor its names.
		InsecureSkipVerify:   true,
		VerifyConnection:     c.verify,
		GetClientCertificate: c.certificate,
	}
	if t.ServerName == "" {
		t.ServerName = noName
	}
	if c.cfg.Sessions != nil {
		t.ClientSessionCache = &c.session
	}
	if c.cfg.Legacy {
		t.CipherSuites = append(append([]uint16{}, modernSuites...), legacySuites...)
		t.CurvePreferences = smallCurves
		t.KeyLogWriter = &c.master
	}
	return t
}
