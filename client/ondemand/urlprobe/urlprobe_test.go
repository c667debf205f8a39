package urlprobe

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// world has servers on loopback, and remembers what was opened for the probe.
type world struct {
	mu    sync.Mutex
	trace []string
	find  map[string][]netip.Addr
	shut  bool // the kill switch opens for nobody
}

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, what)
}

func (w *world) prober(roots *x509.CertPool) *Prober {
	return New(Config{
		Roots: roots,
		Find: func(_ context.Context, host string) ([]netip.Addr, error) {
			w.note("find " + host)
			if w.find[host] == nil {
				return nil, errors.New("no such name")
			}
			return w.find[host], nil
		},
		Open: func(to []netip.AddrPort) (func(), error) {
			if w.shut {
				return nil, errors.New("shut")
			}
			w.note("open")
			return func() { w.note("shut") }, nil
		},
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			w.note("dial")
			var d net.Dialer
			return d.DialContext(ctx, "tcp", to.String())
		},
	})
}

var local = netip.MustParseAddr("127.0.0.1")

// TestAsk: 200 is an answer, and nothing else is; a redirect is not followed, and what
// goes out says nothing of the user.
func TestAsk(t *testing.T) {
	t.Parallel()
	var seen []*http.Request
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Clone(context.Background()))
		mu.Unlock()
		switch r.URL.Path {
		case "/good":
			w.Header().Set("Set-Cookie", "a=b")
			if _, err := w.Write([]byte(strings.Repeat("x", 1<<20))); err != nil && r.Context().Err() == nil {
				t.Log(err)
			}
		case "/empty":
		case "/moved":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/large":
			w.Header().Set("X", strings.Repeat("x", headerLimit+1))
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for url, want := range map[string]bool{
		server.URL + "/good": true, server.URL + "/empty": true, "http://intranet.corp.example" + port + "/good": true,
		server.URL + "/moved": false, server.URL + "/none": false, server.URL + "/other": false, server.URL + "/large": false,
		"http://unknown.example" + port + "/good": false, "https" + strings.TrimPrefix(server.URL, "http") + "/good": false,
		"ftp://127.0.0.1/": false, "file:///etc/passwd": false, "http://127.0.0.1:1/": false, "": false, "http://a:b@127.0.0.1" + port + "/good": false,
	} {
		w := &world{find: map[string][]netip.Addr{"intranet.corp.example": {netip.MustParseAddr("127.255.255.254"), local}}}
		if got := w.prober(nil).Ask(t.Context(), url); got != want {
			t.Errorf("%s: %v, want %v (%v)", url, got, want, w.trace)
		}
		if opened, shut := slices.Contains(w.trace, "open"), slices.Contains(w.trace, "shut"); opened != shut {
			t.Errorf("%s: %v", url, w.trace)
		}
		if i := slices.Index(w.trace, "dial"); i >= 0 && !slices.Contains(w.trace[:i], "open") {
			t.Errorf("%s: dials before there is a way: %v", url, w.trace)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, r := range seen {
		if r.Method != http.MethodGet || r.Header.Get("Cookie") != "" || r.Header.Get("User-Agent") != "Homeward" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
	}
}

// TestProvesItsName: with https a server that nobody vouches for does not answer.
func TestProvesItsName(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	server.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	w := &world{find: map[string][]netip.Addr{"example.com": {local}, "other.test": {local}}}
	for _, c := range []struct {
		url   string
		roots *x509.CertPool
		want  bool
	}{
		{"https://example.com" + port + "/", roots, true}, {"https://other.test" + port + "/", roots, false}, {"https://example.com" + port + "/", x509.NewCertPool(), false},
	} {
		if got := w.prober(c.roots).Ask(t.Context(), c.url); got != c.want {
			t.Errorf("%s: %v", c.url, got)
		}
	}
}

// TestEndsInTime: a server that says nothing is no answer, and the wait ends with the
// caller's; without a way nothing is dialled.
func TestEndsInTime(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	w := &world{}
	if w.prober(nil).Ask(ctx, "http://"+l.Addr().String()+"/") {
		t.Error("silence answers")
	}
	w = &world{shut: true}
	if w.prober(nil).Ask(t.Context(), "http://"+l.Addr().String()+"/") || slices.Contains(w.trace, "dial") {
		t.Errorf("without a way: %v", w.trace)
	}
}
