package revocation

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/homeward-vpn/homeward/ike/auth"
)

func pkixName(name string) pkix.Name { return pkix.Name{CommonName: name} }

// Whatever a server sends, the answer is that nothing is known, in bounded time and
// space, and never anything but plain HTTP to the place that was named.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	endless := func(w http.ResponseWriter, q *http.Request) {
		for q.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	for name, row := range map[string]struct {
		answer    http.HandlerFunc
		complaint string
		most      int // requests
	}{
		"HTML in place of DER": {func(w http.ResponseWriter, _ *http.Request) { write(w, []byte("<html>Sign in</html>")) }, "no OCSP response", 3},
		"an endless answer":    {endless, "sends more than", 3},
		"a redirect loop":      {func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, q.URL.Path, http.StatusFound) }, "redirects", 3 * (maxRedirects + 1)},
		"a redirect to https": {func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "https://192.0.2.1/", http.StatusFound)
		}, "not asked", 3},
		"a redirect to a file": {func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "file:///etc/passwd", http.StatusFound)
		}, "not asked", 3},
		"a redirect to this machine": {func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://127.0.0.1:631/", http.StatusTemporaryRedirect)
		}, "not asked", 3},
		"a header without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range 4096 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 64))
			}
		}, "", 6},
		"an error": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }, "500", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, []string{ocspPlace}, []string{listPlace})
			r.replace = row.answer
			r.fetch().is(auth.StandingUnknown, row.complaint)
			if n := len(r.requests()); n > row.most {
				t.Errorf("%d requests, want at most %d", n, row.most)
			}
			for _, to := range r.dialed {
				if to.Addr().IsLoopback() || to.Port() != 80 {
					t.Errorf("dialed %v", to)
				}
			}
		})
	}
}

// A server that takes its time is left when the caller's patience ends.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, []string{ocspPlace}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	r.replace = func(w http.ResponseWriter, q *http.Request) {
		if _, err := io.ReadAll(q.Body); err != nil { // else the end of the connection goes unseen
			t.Error(err)
		}
		write(w, []byte{0x30})
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		cancel()
		<-q.Context().Done()
	}
	v := verdict{t, r.Fetch(ctx, r.path, nil, r.network)}
	v.is(auth.StandingUnknown, "")
	if !errors.Is(v.Err, context.Canceled) {
		t.Errorf("%v", v.Err)
	}
	if c := client(r.network); c.Timeout != oneAnswer {
		t.Error("one answer may take for ever")
	}
}

// Names are asked of the servers inside, by turns, and lead nowhere on this machine.
func TestNames(t *testing.T) {
	t.Parallel()
	zone := map[string]string{"ocsp.corp.example.": "192.0.2.80", "self.corp.example.": "127.0.0.1", "link.corp.example.": "169.254.169.254"}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // the server answers A and AAAA at once
	var asked []string
	server := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		mu.Lock()
		asked = append(asked, q.Question[0].Name)
		mu.Unlock()
		if a, ok := zone[q.Question[0].Name]; !ok {
			m.Rcode = dns.RcodeNameError
		} else if q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.ParseIP(a)})
		}
		if err := w.WriteMsg(m); err != nil {
			t.Error(err)
		}
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	<-started
	for _, row := range []struct {
		host, complaint string
		want            auth.Standing
	}{
		{"ocsp.corp.example", "", auth.StandingGood},
		{"self.corp.example", "127.0.0.1", auth.StandingUnknown},
		{"link.corp.example", "169.254.169.254", auth.StandingUnknown},
		{"nobody.corp.example", "cannot be found", auth.StandingUnknown},
		{"[::1]", "::1", auth.StandingUnknown},
	} {
		r := newRig(t, []string{"http://" + row.host + "/ocsp"}, nil)
		byHTTP := r.network.Dial
		var servers []netip.AddrPort
		r.network.Servers = []netip.Addr{netip.MustParseAddr("10.99.0.2"), netip.MustParseAddr("10.99.0.3")}
		r.network.Dial = func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			if to.Port() != 53 {
				return byHTTP(ctx, network, to)
			}
			r.set(func() { servers = append(servers, to) })
			return new(net.Dialer).DialContext(ctx, network, pc.LocalAddr().String())
		}
		r.fetch().is(row.want, row.complaint)
		for _, s := range servers {
			if !slices.Contains(r.network.Servers, s.Addr()) {
				t.Errorf("%v was asked for names", s)
			}
		}
		r.network.Servers = nil
		if strings.HasPrefix(row.host, "nobody") {
			r.fetch().is(auth.StandingUnknown, "no name server")
		}
	}
	if err := server.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, name := range asked {
		if !strings.HasSuffix(name, ".corp.example.") || strings.Count(name, ".") != 3 {
			t.Errorf("%q was asked for", name)
		}
	}
}

// What comes out of a certificate's URLs is what may be asked, and no more.
func FuzzPlaces(f *testing.F) {
	for _, s := range []string{ocspPlace, "https://a.example/", "http://a.example:0/%zz", "http://[::1]:80/", "HTTP://A.EXAMPLE/", "http://a@b/", "http://\x00/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range places([]string{text, text}) {
			if p != text || !strings.EqualFold(p[:min(7, len(p))], "http://") {
				t.Errorf("%q may be asked", p)
			}
		}
		if n := len(places([]string{text, text})); n > 1 {
			t.Errorf("%d times the same place", n)
		}
	})
}
