package lab

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// RADIUS is the company's sign-in servers, behind the gateway's eap-radius and
// on its machine: FreeRADIUS, which hands the realms of hostapd on.
type RADIUS struct {
	FreeRADIUS *RADIUSServer
	Hostapd    *RADIUSServer // PEAP with crypto binding; logs every key
	Old        *RADIUSServer // no Extended Master Secret, no TLS 1.3

	dir string
}

// Servers are all of them.
func (r *RADIUS) Servers() []*RADIUSServer {
	return []*RADIUSServer{r.FreeRADIUS, r.Hostapd, r.Old}
}

// RADIUSServer is one server. Safe for concurrent use, except that Start and
// Stop want one caller at a time.
type RADIUSServer struct {
	Port   int // on the gateway's loopback
	Secret string

	name      string
	ready     string // in its log once it answers
	args, env []string
	logFile   string // empty: it writes to its output
	keyLog    string // of its TLS; empty: there is none
	namespace *Namespace

	mu      sync.Mutex
	process *Process
	output  *syncBuffer
	hangs   bool
}

// freeRADIUSLibraries is where distributions put the modules.
var freeRADIUSLibraries = []string{"/usr/lib/freeradius", "/usr/lib64/freeradius", "/usr/local/lib/freeradius"}

// startRADIUS starts the servers on the gateway's machine.
func (l *Lab) startRADIUS(ctx context.Context, o RADIUSOptions) error {
	n := l.network.gateway
	if o.FragmentSize == 0 {
		o.FragmentSize = 1000
	}
	dir := filepath.Join(l.Dir, "radius")
	r := &RADIUS{dir: dir}
	d := radiusData{RADIUSOptions: o, Dir: filepath.Join(dir, "free"), Port: freeRADIUSPort, Secret: radiusSecret,
		Prompt: RADIUSPrompt, RetryMessage: RADIUSRetry, Variants: radiusVariants(),
		Proxies: []proxy{{RealmHostapd, hostapdPort}, {RealmOld, oldPort}}}
	for _, libraries := range freeRADIUSLibraries {
		if _, err := os.Stat(libraries); err == nil {
			d.Libraries = libraries
		}
	}
	if err := l.PKI.writeRADIUS(d.Dir); err != nil {
		return err
	}
	if err := writeFreeRADIUS(d); err != nil {
		return err
	}
	r.FreeRADIUS = &RADIUSServer{Port: d.Port, Secret: d.Secret, name: "freeradius", ready: "Ready to process requests", namespace: n,
		args: []string{"-X", "-d", d.Dir, "-n", "radiusd"}, keyLog: filepath.Join(d.Dir, "keys")}
	r.FreeRADIUS.env = []string{"SSLKEYLOGFILE=" + r.FreeRADIUS.keyLog}

	for _, h := range []struct {
		server **RADIUSServer
		name   string
		port   int
		old    bool
	}{{&r.Hostapd, "hostapd", hostapdPort, false}, {&r.Old, "old", oldPort, true}} {
		own := d
		own.Dir, own.Port, own.OldTLS = filepath.Join(dir, h.name), h.port, h.old || o.HostapdTLS12
		if err := l.PKI.writeRADIUS(own.Dir); err != nil {
			return err
		}
		if err := writeHostapd(own); err != nil {
			return err
		}
		*h.server = &RADIUSServer{Port: h.port, Secret: d.Secret, name: "hostapd", ready: "AP-ENABLED", namespace: n,
			logFile: filepath.Join(own.Dir, "log")}
		// Into a file it writes each line at once, into a pipe some time later.
		(*h.server).args = []string{"-ddK", "-f", (*h.server).logFile, filepath.Join(own.Dir, "hostapd.conf")}
		if h.old {
			(*h.server).env = []string{"OPENSSL_CONF=" + filepath.Join(own.Dir, "openssl.cnf")}
		}
	}
	l.RADIUS = r
	for _, s := range r.Servers() {
		l.onClose(s.close)
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// writeRADIUS makes the folder of a server, with its certificates and the
// authority of those whom it lets in.
func (p *PKI) writeRADIUS(dir string) error {
	for _, folder := range []string{"passwords", "sessions"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return fmt.Errorf("lab: writing a sign-in server's files: %w", err)
		}
	}
	files := map[string][]byte{"clients.pem": p.CA.CertificatePEM()}
	for _, variant := range []ServerCertificate{goodFile, WrongName, ExpiredCertificate, UntrustedCertificate} {
		c, err := p.signIn(variant)
		if err != nil {
			return err
		}
		key, err := c.KeyPEM()
		if err != nil {
			return err
		}
		files[string(variant)+".pem"], files[string(variant)+".key"] = c.CertificatePEM(), key
	}
	return writeFiles(dir, files)
}

// signIn issues a sign-in server's certificate.
func (p *PKI) signIn(variant ServerCertificate) (*Credential, error) {
	spec := CertificateSpec{CommonName: RADIUSName, DNSNames: []string{RADIUSName}, Usages: serverUsage}
	issuer := p.SignIn
	switch variant {
	case WrongName:
		spec.CommonName, spec.DNSNames = OtherName, []string{OtherName}
	case ExpiredCertificate:
		spec.NotBefore, spec.NotAfter = time.Now().Add(-12*time.Hour), time.Now().Add(-time.Hour)
	case UntrustedCertificate:
		issuer = p.Other
	}
	return issuer.Issue(spec)
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, content := range files {
		mode := os.FileMode(0o600)
		if strings.HasPrefix(string(content), "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, mode); err != nil {
			return fmt.Errorf("lab: writing a sign-in server's files: %w", err)
		}
	}
	return nil
}

// writeFreeRADIUS writes what FreeRADIUS reads, and the domain controller's program,
// which is this one in another stage: FreeRADIUS starts it without any environment.
func writeFreeRADIUS(d radiusData) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("lab: finding the own program: %w", err)
	}
	program := filepath.Join(d.Dir, "domain")
	d.Domain = program + " " + filepath.Join(d.Dir, "passwords")
	conf, err := renderRADIUS(freeRADIUSConf, d)
	if err != nil {
		return err
	}
	return writeFiles(d.Dir, map[string][]byte{
		"radiusd.conf": []byte(conf), "users": []byte(d.accounts()),
		"domain": []byte(fmt.Sprintf("#!/bin/sh\n%s=%s exec '%s' \"$@\"\n", stageVariable, stageDomain, self)),
		filepath.Join("passwords", ExpiredUser+expiredMark):  []byte(hex.EncodeToString(ntHash(UserPassword))),
		filepath.Join("passwords", OutdatedUser+expiredMark): []byte(hex.EncodeToString(ntHash(UserPassword))),
	})
}

func writeHostapd(d radiusData) error {
	conf, err := renderRADIUS(hostapdConf, d)
	if err != nil {
		return err
	}
	return writeFiles(d.Dir, map[string][]byte{
		"hostapd.conf": []byte(conf), "users": []byte(d.hostapdAccounts()),
		"clients": []byte("127.0.0.1 " + d.Secret + "\n"), "openssl.cnf": []byte(oldOpenSSL),
	})
}

// Start starts the server and returns when it answers.
func (s *RADIUSServer) Start(ctx context.Context) error {
	if _, err := exec.LookPath(s.name); err != nil {
		return fmt.Errorf("lab: %w: %w", ErrNotInstalled, err)
	}
	cmd := s.namespace.Command(context.Background(), s.name, s.args...)
	cmd.Env = append(os.Environ(), s.env...)
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	p, err := startProcess(s.name, cmd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.process, s.output = p, out
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return Until(ctx, s.name+" answers", func() (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("it has ended: %v: %s", p.err, tail(s.Log()))
		default:
		}
		return strings.Contains(s.Log(), s.ready), nil
	})
}

// tail is the end of a long text.
func tail(s string) string { return s[max(0, len(s)-2000):] }

// Stop ends the server: nobody answers any more.
func (s *RADIUSServer) Stop(ctx context.Context) error {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Stop(ctx)
}

// Hang has the server neither answer nor go away, until the lab is closed.
func (s *RADIUSServer) Hang() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("lab: hanging %s: %w", s.name, err)
	}
	s.hangs = true
	return nil
}

func (s *RADIUSServer) close() error {
	s.mu.Lock()
	p, hangs := s.process, s.hangs
	s.mu.Unlock()
	if hangs {
		return p.Kill()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	return s.Stop(ctx)
}

// Log is what the server has written since its last Start, keys and passwords
// included.
func (s *RADIUSServer) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.output == nil {
		return ""
	}
	text := s.output.String()
	if s.logFile != "" {
		b, err := os.ReadFile(s.logFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return text + err.Error()
		}
		text += string(b)
	}
	return text
}

// TLSSecret is a secret of a TLS session, by the label that key logs have for it.
type TLSSecret struct {
	Label  string
	Secret []byte
}

// TLSSecrets are those of all sessions with the server, FreeRADIUS alone.
func (s *RADIUSServer) TLSSecrets() ([]TLSSecret, error) {
	text, err := os.ReadFile(s.keyLog)
	if err != nil {
		return nil, fmt.Errorf("lab: reading the keys of TLS: %w", err)
	}
	var secrets []TLSSecret
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // label, the client's random, secret
		if len(fields) != 3 {
			continue
		}
		secret, err := hex.DecodeString(fields[2])
		if err != nil {
			return nil, fmt.Errorf("lab: reading the keys of TLS: %w", err)
		}
		secrets = append(secrets, TLSSecret{fields[0], secret})
	}
	return secrets, nil
}

// Dial opens a socket to the server, on the gateway's machine.
func (s *RADIUSServer) Dial() (net.Conn, error) {
	var conn net.Conn
	err := s.namespace.Do(func() error {
		var err error
		conn, err = net.Dial("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: asking %s: %w", s.name, err)
	}
	return conn, nil
}

// Forget has the domain forget that ExpiredUser has a new password.
func (r *RADIUS) Forget() error {
	err := os.Remove(filepath.Join(r.dir, "free", "passwords", ExpiredUser))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("lab: forgetting a changed password: %w", err)
	}
	return nil
}
