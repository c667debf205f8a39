package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/homeward-vpn/homeward/ike/auth"
)

// verdict is a PathVerdict with what a test wants of it.
type verdict struct {
	t *testing.T
	auth.PathVerdict
}

func (v verdict) is(want auth.Standing, complaint string) {
	v.t.Helper()
	if v.Standing != want {
		v.t.Errorf("%v, %v; want %v", v.Standing, v.Err, want)
	}
	if complaint != "" && (v.Err == nil || !strings.Contains(v.Err.Error(), complaint)) {
		v.t.Errorf("%v; want %q", v.Err, complaint)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name              string
		responders, lists []string
		status            int
		want              auth.Standing
		asked             []string
	}{
		{"a responder", []string{ocspPlace}, nil, ocsp.Good, auth.StandingGood, []string{"POST /ocsp"}},
		{"a responder before a list", []string{ocspPlace}, []string{listPlace}, ocsp.Good, auth.StandingGood, []string{"POST /ocsp"}},
		{"a list alone", nil, []string{listPlace}, ocsp.Good, auth.StandingGood, []string{"GET /root.crl"}},
		{"revoked, says a responder", []string{ocspPlace}, nil, ocsp.Revoked, auth.StandingRevoked, []string{"POST /ocsp"}},
		{"revoked, says a list", nil, []string{listPlace}, ocsp.Revoked, auth.StandingRevoked, []string{"GET /root.crl"}},
		{"unknown to a responder, and not in the list", []string{ocspPlace}, []string{listPlace}, ocsp.Unknown, auth.StandingGood, []string{"POST /ocsp", "GET", "GET /root.crl"}},
		{"unknown", []string{ocspPlace}, nil, ocsp.Unknown, auth.StandingUnknown, []string{"POST /ocsp", "GET"}},
		{"nobody to ask", nil, nil, ocsp.Good, auth.StandingUnknown, nil},
		{"nobody who may be asked", []string{"https://192.0.2.80/ocsp", "http:///x", "http://u:p@192.0.2.80/"}, []string{"ldap://192.0.2.1/", "file:///etc/passwd"}, ocsp.Good, auth.StandingUnknown, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, row.responders, row.lists)
			r.status = row.status
			v := r.fetch()
			v.is(row.want, "")
			if row.asked == nil && !errors.Is(v.Err, auth.ErrNoPlace) {
				t.Errorf("%v, want ErrNoPlace", v.Err)
			}
			asked := r.requests()
			if !slices.EqualFunc(asked, row.asked, strings.HasPrefix) {
				t.Errorf("asked %q, want %q", asked, row.asked)
			}
			// What was found out is there at the next start, before anybody is asked.
			again := verdict{t, r.open().Known(r.path, nil)}
			again.is(row.want, "")
			if asked := r.requests(); asked != nil {
				t.Errorf("Known asked %q", asked)
			}
		})
	}
}

// RFC 6960 A.1: a responder that knows GET alone.
func TestFetchByGET(t *testing.T) {
	t.Parallel()
	r := newRig(t, []string{ocspPlace}, nil)
	r.replace = func(w http.ResponseWriter, q *http.Request) {
		if q.Method != http.MethodGet {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		if !strings.HasPrefix(q.URL.Path, "/ocsp/M") { // the base64 of a SEQUENCE
			t.Errorf("GET %q", q.URL.Path)
		}
		write(w, r.response(r.path[0].SerialNumber))
	}
	r.fetch().is(auth.StandingGood, "")
}

// The authorities of an intermediate are asked, too, and the anchor's are not.
func TestFetchPath(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	middle, key := certificate(t, &x509.Certificate{
		Subject: pkixName("Middle"), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, CRLDistributionPoints: []string{listPlace},
	}, r.root, r.key)
	leaf, _ := certificate(t, &x509.Certificate{Subject: pkixName("gw"), CRLDistributionPoints: []string{"http://192.0.2.81/middle.crl"}}, middle, key)
	r.path = []*x509.Certificate{leaf, middle, r.root}
	v := r.fetch() // nobody has a list for the leaf: the middle's is of another authority
	v.is(auth.StandingUnknown, "")
	if v.Certificate != leaf {
		t.Errorf("unknown is %v", v.Certificate.Subject)
	}
	if asked := r.requests(); !slices.Equal(asked, []string{"GET /middle.crl", "GET /root.crl"}) {
		t.Errorf("asked %q", asked)
	}
}

// An answer that is older than what is known, though still fresh, changes nothing: a
// replay cannot take a revocation back, and a newer one only where that was a hold.
func TestReplayAgainstCache(t *testing.T) {
	t.Parallel()
	r := newRig(t, []string{ocspPlace}, nil)
	r.status = ocsp.Revoked
	r.fetch().is(auth.StandingRevoked, "")
	r.set(func() { r.status, r.age = ocsp.Good, 10*time.Minute })
	r.fetch().is(auth.StandingRevoked, "")
	r.set(func() { r.age = -50 * time.Second })
	r.fetch().is(auth.StandingRevoked, "")
	verdict{t, r.Known(r.path, nil)}.is(auth.StandingRevoked, "")

	held := newRig(t, []string{ocspPlace}, nil)
	held.status, held.reason = ocsp.Revoked, ocsp.CertificateHold
	held.fetch().is(auth.StandingRevoked, "")
	held.set(func() { held.status, held.age = ocsp.Good, 10*time.Minute })
	held.fetch().is(auth.StandingRevoked, "")
	held.set(func() { held.age = -50 * time.Second })
	held.fetch().is(auth.StandingGood, "")
	verdict{t, held.Known(held.path, nil)}.is(auth.StandingGood, "")
}

// Where nobody answers, what is known already counts.
func TestSilentResponderAfterAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, []string{ocspPlace}, nil)
	r.fetch().is(auth.StandingGood, "")
	r.set(func() {
		r.replace = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) }
	})
	r.fetch().is(auth.StandingGood, "")
}

// Staples count as what is kept does, and are kept.
func TestStaples(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	verdict{t, r.Known(r.path, [][]byte{[]byte("<html>"), nil})}.is(auth.StandingUnknown, "")
	verdict{t, r.Known(r.path, [][]byte{[]byte("<html>"), r.response(r.path[0].SerialNumber)})}.is(auth.StandingGood, "")
	verdict{t, r.open().Known(r.path, nil)}.is(auth.StandingGood, "")
	r.status, r.age = ocsp.Revoked, -30*time.Second
	verdict{t, r.Known(r.path, [][]byte{r.response(r.path[0].SerialNumber)})}.is(auth.StandingRevoked, "")
}

// What stands on the disk is believed no more than what comes by the network.
func TestCacheIsJudgedAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, []string{ocspPlace}, nil)
	r.fetch().is(auth.StandingGood, "")
	file := r.cache.file(r.path[0], r.root, kindOCSP)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	der, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := r.leaf(nil, nil)
	for name, change := range map[string]func() []byte{
		"one bit":             func() []byte { b := slices.Clone(der); b[len(b)-1] ^= 1; return b },
		"another certificate": func() []byte { return r.response(other.SerialNumber) },
		"cut short":           func() []byte { return der[:len(der)/2] },
		"empty":               func() []byte { return nil },
		"huge":                func() []byte { return make([]byte, auth.MaxOCSP+1) },
	} {
		if err := os.WriteFile(file, change(), 0o600); err != nil {
			t.Fatal(err)
		}
		v := r.Known(r.path, nil)
		if v.Standing != auth.StandingUnknown {
			t.Errorf("%s: %v", name, v.Standing)
		}
	}
	late, err := Open(Config{Dir: r.dir, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, der, 0o600); err != nil {
		t.Fatal(err)
	}
	verdict{t, r.Known(r.path, nil)}.is(auth.StandingGood, "")
	verdict{t, late.Known(r.path, nil)}.is(auth.StandingUnknown, "ended on")
}

// The cache does not grow for ever, and what was kept last stays.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	var last *x509.Certificate
	for i := range maxFiles + 20 {
		last = &x509.Certificate{Raw: []byte{byte(i)}}
		if err := r.cache.put(last, r.root, kindOCSP, []byte("an answer")); err != nil {
			t.Fatal(err)
		}
	}
	check := func(most int) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(r.dir, "*"))
		if err != nil || len(files) > most {
			t.Errorf("%d files, %v; want at most %d", len(files), err, most)
		}
	}
	check(maxFiles)
	if e := r.cache.get(last, r.root); len(e.OCSP) != 1 {
		t.Error("the last answer is gone")
	}
	for i := range 10 {
		if err := r.cache.put(&x509.Certificate{Raw: []byte{byte(i), 1}}, r.root, kindCRL, make([]byte, auth.MaxCRL)); err != nil {
			t.Fatal(err)
		}
	}
	check(maxBytes / auth.MaxCRL)
	if e := r.cache.get(last, r.root); len(e.OCSP) != 0 {
		t.Error("more is kept than the cache may hold")
	}
}

// A disk that takes nothing costs the cache, and no answer.
func TestCacheCannotBeWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, []string{ocspPlace}, nil)
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	r.fetch().is(auth.StandingGood, "")
	if _, err := Open(Config{Dir: "/dev/null/x"}); err == nil {
		t.Error("a cache below a device was opened")
	}
}

// Many places in a certificate are not all asked.
func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	many := make([]string, 100)
	for i := range many {
		many[i] = ocspPlace + strings.Repeat("x", i)
	}
	r := newRig(t, many, many)
	r.replace = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) }
	r.fetch().is(auth.StandingUnknown, "404")
	if n := len(r.requests()); n != 3*maxPlaces {
		t.Errorf("%d requests, want %d", n, 3*maxPlaces)
	}
	for _, to := range r.dialed {
		if to != netip.MustParseAddrPort("192.0.2.80:80") {
			t.Errorf("dialed %v", to)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	verdict{t, r.Fetch(ctx, r.path, nil, r.network)}.is(auth.StandingUnknown, "canceled")
}

// TestRevokedForGood: what was found to be revoked stays so when the answer has ended
// and nobody can be asked any more. What was good does not.
func TestRevokedForGood(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]auth.Standing{ocsp.Revoked: auth.StandingRevoked, ocsp.Good: auth.StandingUnknown} {
		for _, places := range [][2][]string{{{ocspPlace}, nil}, {nil, {listPlace}}} {
			r := newRig(t, places[0], places[1])
			r.set(func() { r.status = status })
			r.fetch()
			later, err := Open(Config{Dir: r.dir, Now: func() time.Time { return time.Now().Add(48 * time.Hour) }})
			if err != nil {
				t.Fatal(err)
			}
			if v := later.Known(r.path, nil); v.Standing != want {
				t.Errorf("%v, then %v: %+v", places, want, v)
			}
		}
	}
}
