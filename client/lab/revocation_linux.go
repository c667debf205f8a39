package lab

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Where the company says what it has revoked: on the intranet's machine, behind the
// tunnel.
const (
	ResponderPort = 8081
	ListPort      = 8082
)

// RevocationOptions shape how the company says what it has revoked.
type RevocationOptions struct {
	OCSP bool // a responder, and its place in the gateway's certificate
	CRL  bool // a list, the same
	// ListLife is how long a list holds; 0: a day.
	ListLife time.Duration
	// ResponseMinutes is how long a response holds; 0: a day.
	ResponseMinutes int
}

// Revocation is the company's responder, `openssl ocsp`, and its list. Safe for
// concurrent use.
type Revocation struct {
	options   RevocationOptions
	dir       string
	ca        *Authority
	namespace *Namespace
	web       *http.Server

	mu        sync.Mutex
	revoked   []*x509.Certificate
	known     []*x509.Certificate
	number    int64
	responder *Process
	silent    bool
	read      int // lists
}

// startRevocation starts what the options want, and has the gateway's certificate say
// where it is.
func (l *Lab) startRevocation(ctx context.Context, o RevocationOptions) error {
	if o.ListLife == 0 {
		o.ListLife = 24 * time.Hour
	}
	if o.ResponseMinutes == 0 {
		o.ResponseMinutes = 24 * 60
	}
	r := &Revocation{options: o, dir: filepath.Join(l.Dir, "revocation"), ca: l.PKI.CA, namespace: l.Intranet}
	l.Revocation = r
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return fmt.Errorf("lab: making the responder's folder: %w", err)
	}
	l.onClose(r.close)
	if o.CRL {
		l.PKI.Lists = []string{fmt.Sprintf("http://%s:%d/root.crl", IntranetName, ListPort)}
		if err := r.serveList(); err != nil {
			return err
		}
	}
	if !o.OCSP {
		return nil
	}
	l.PKI.Responders = []string{fmt.Sprintf("http://%s:%d", IntranetName, ResponderPort)}
	if err := r.writeResponder(); err != nil {
		return err
	}
	return r.startResponder(ctx)
}

// writeResponder makes the responder's certificate, which the company's authority has
// issued for nothing but that (RFC 6960 4.2.2.2).
func (r *Revocation) writeResponder() error {
	key, err := newKey(ECDSA256)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Example Corp OCSP", Organization: []string{"Example Corp"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}},
	}
	cert, err := sign(template, r.ca.Certificate, key.Public(), r.ca.Key)
	if err != nil {
		return err
	}
	own := &Credential{Certificate: cert, Key: key}
	keyPEM, err := own.KeyPEM()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"responder.pem": own.CertificatePEM(), "responder.key": keyPEM, "ca.pem": r.ca.CertificatePEM(), "index.txt": nil,
	} {
		if err := os.WriteFile(filepath.Join(r.dir, name), content, 0o600); err != nil {
			return fmt.Errorf("lab: writing the responder's files: %w", err)
		}
	}
	return nil
}

// startResponder starts it on the index as it is, and waits until it takes calls.
func (r *Revocation) startResponder(ctx context.Context) error {
	in := func(name string) string { return filepath.Join(r.dir, name) }
	cmd := r.namespace.Command(context.Background(), "openssl", "ocsp", "-index", in("index.txt"), "-port", strconv.Itoa(ResponderPort),
		"-rsigner", in("responder.pem"), "-rkey", in("responder.key"), "-CA", in("ca.pem"),
		"-nmin", strconv.Itoa(r.options.ResponseMinutes), "-ignore_err")
	said := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	p, err := startProcess("openssl ocsp", cmd)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.responder = p
	r.mu.Unlock()
	// It says so; a call on trial would be a question that it has to answer.
	return Until(ctx, "the OCSP responder listens", func() (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("it has ended: %w: %s", p.err, said)
		default:
		}
		return strings.Contains(said.String(), "waiting for OCSP client connections"), nil
	})
}

// serveList answers for the list, made anew for everybody who asks.
func (r *Revocation) serveList() error {
	var l net.Listener
	err := r.namespace.Do(func() (err error) {
		l, err = net.Listen("tcp", ":"+strconv.Itoa(ListPort))
		return err
	})
	if err != nil {
		return fmt.Errorf("lab: starting the list's server: %w", err)
	}
	r.web = &http.Server{ReadHeaderTimeout: 30 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		der, err := r.list()
		if errors.Is(err, errSilent) {
			<-q.Context().Done()
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if _, err := w.Write(der); err != nil {
			return // the reader has gone away
		}
	})}
	go func() {
		// Only close ends it; anything else shows as a list that does not load.
		if err := r.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return
		}
	}()
	return nil
}

var errSilent = errors.New("lab: the list's server is silent")

func (r *Revocation) list() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silent {
		return nil, errSilent
	}
	r.read++
	r.number++
	l := &x509.RevocationList{Number: big.NewInt(r.number), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(r.options.ListLife)}
	for _, c := range r.revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
	}
	return x509.CreateRevocationList(rand.Reader, l, r.ca.Certificate, r.ca.Key)
}

// Read is how often the list was read.
func (r *Revocation) Read() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read
}

// Know puts certificates of the company's authority into the responder's index, as
// good ones; of others it says that it does not know them.
func (r *Revocation) Know(ctx context.Context, certs ...*Credential) error {
	r.mu.Lock()
	for _, c := range certs {
		r.known = append(r.known, c.Certificate)
	}
	r.mu.Unlock()
	return r.reindex(ctx)
}

// Revoke takes a certificate back.
func (r *Revocation) Revoke(ctx context.Context, c *Credential) error {
	r.mu.Lock()
	r.revoked = append(r.revoked, c.Certificate)
	r.mu.Unlock()
	return r.reindex(ctx)
}

// reindex writes the responder's index and starts it anew.
func (r *Revocation) reindex(ctx context.Context) error {
	if !r.options.OCSP {
		return nil
	}
	const when = "060102150405Z"
	var index strings.Builder
	r.mu.Lock()
	for _, c := range r.known {
		state, at := "V", ""
		if slices.ContainsFunc(r.revoked, c.Equal) {
			state, at = "R", time.Now().UTC().Format(when)+",keyCompromise"
		}
		fmt.Fprintf(&index, "%s\t%s\t%s\t%X\tunknown\t/CN=%s\n", state, c.NotAfter.UTC().Format(when), at, paddedSerial(c), c.Subject.CommonName)
	}
	p := r.responder
	r.mu.Unlock()
	if err := p.Kill(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "index.txt"), []byte(index.String()), 0o600); err != nil {
		return fmt.Errorf("lab: writing the responder's files: %w", err)
	}
	return r.startResponder(ctx)
}

// paddedSerial is a serial number in whole octets, as the index wants it.
func paddedSerial(c *x509.Certificate) []byte { return c.SerialNumber.Bytes() }

// Silence stops responder and list from answering, though they still take calls, as a
// machine does that is overloaded; false: they answer again.
func (r *Revocation) Silence(silent bool) error {
	r.mu.Lock()
	r.silent = silent
	p := r.responder
	r.mu.Unlock()
	if p == nil {
		return nil
	}
	if silent {
		return p.Signal(syscall.SIGSTOP)
	}
	return p.Signal(syscall.SIGCONT)
}

func (r *Revocation) close() error {
	r.mu.Lock()
	p := r.responder
	r.mu.Unlock()
	var errs []error
	if p != nil {
		errs = append(errs, p.Kill())
	}
	if r.web != nil {
		errs = append(errs, r.web.Close())
	}
	return errors.Join(errs...)
}
