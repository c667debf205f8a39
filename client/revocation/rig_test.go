package revocation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// The places of the tests' authority. Nothing goes there: Dial leads to servers on
// the loopback.
const (
	ocspPlace = "http://192.0.2.80/ocsp"
	listPlace = "http://192.0.2.81/root.crl"
)

// rig is an authority with its responder and list, and a checker that asks them.
type rig struct {
	*Checker
	t       *testing.T
	root    *x509.Certificate
	key     crypto.Signer
	path    []*x509.Certificate // leaf and root
	network Network
	dir     string

	mu     sync.Mutex
	status int // of the leaf, to the responder and in the list
	reason int // of ocsp.Revoked
	age    time.Duration
	asked  []string // "METHOD path"
	dialed []netip.AddrPort
	// replace, where set, answers in place of the responder and the list.
	replace http.HandlerFunc
}

// newRig names the places that are in the leaf.
func newRig(t *testing.T, responders, lists []string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	r.root, r.key = certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil, nil)
	r.path = []*x509.Certificate{r.leaf(responders, lists), r.root}
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	r.network.Dial = func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		r.mu.Lock()
		r.dialed = append(r.dialed, to)
		r.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	r.Checker = r.open()
	return r
}

func (r *rig) leaf(responders, lists []string) *x509.Certificate {
	leaf, _ := certificate(r.t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "gw"}, DNSNames: []string{"vpn.example.com"}, OCSPServer: responders, CRLDistributionPoints: lists,
	}, r.root, r.key)
	return leaf
}

func (r *rig) open() *Checker {
	r.t.Helper()
	c, err := Open(Config{Dir: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) fetch() verdict {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return verdict{r.t, r.Fetch(ctx, r.path, nil, r.network)}
}

func (r *rig) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// requests gives what was asked for since the last call.
func (r *rig) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

func certificate(t *testing.T, c, parent *x509.Certificate, signer crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, signer = c, key
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<60)); err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// serve is the responder and the list.
func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.asked = append(r.asked, q.Method+" "+q.URL.Path)
	replace := r.replace
	r.mu.Unlock()
	switch {
	case replace != nil:
		replace(w, q)
	case q.URL.Path == "/root.crl":
		write(w, r.list())
	case q.Method == http.MethodPost:
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		request, err := ocsp.ParseRequest(body)
		if err != nil {
			write(w, ocsp.MalformedRequestErrorResponse)
			return
		}
		write(w, r.response(request.SerialNumber))
	default:
		http.Error(w, "what?", http.StatusMethodNotAllowed)
	}
}

// write ignores what a client that has gone away makes of it.
func write(w http.ResponseWriter, b []byte) {
	if _, err := w.Write(b); err != nil {
		return
	}
}

func (r *rig) response(serial *big.Int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := ocsp.Response{Status: r.status, SerialNumber: serial, ThisUpdate: time.Now().Add(-time.Minute - r.age), NextUpdate: time.Now().Add(time.Hour)}
	if r.status == ocsp.Revoked {
		a.RevokedAt, a.RevocationReason = time.Now().Add(-time.Hour), r.reason
	}
	der, err := ocsp.CreateResponse(r.root, r.root, a, r.key)
	if err != nil {
		panic(err)
	}
	return der
}

func (r *rig) list() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute - r.age), NextUpdate: time.Now().Add(time.Hour)}
	if r.status == ocsp.Revoked {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: r.path[0].SerialNumber, RevocationTime: time.Now().Add(-time.Hour)}}
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, r.root, r.key)
	if err != nil {
		panic(err)
	}
	return der
}
