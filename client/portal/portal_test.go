package portal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// world is a network as a test wants it: an API and a page to probe with, both
// served on loopback.
type world struct {
	word    Word
	wordErr error
	api     http.HandlerFunc
	probe   http.HandlerFunc
	devices []string
	noRoots bool // nobody vouches for the API's server
	noProbe bool
	lookups []string
}

const known = "you are through"

// server is where the world's servers are, as the network tells it.
var server = netip.MustParseAddr("192.0.2.1")

// detector starts the world's servers.
func (w *world) detector(t *testing.T) *Detector {
	t.Helper()
	serve := func(h http.HandlerFunc, start func(*httptest.Server)) *httptest.Server {
		if h == nil {
			h = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
		}
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // strangers that turn away are a part of the table
		start(s)
		t.Cleanup(s.Close)
		return s
	}
	tls := serve(w.api, (*httptest.Server).StartTLS)
	plain := serve(w.probe, (*httptest.Server).Start)
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndex(s.URL, ":"):] }
	if w.word.API != "" {
		w.word.API = strings.Replace(w.word.API, ":PORT", port(tls), 1)
	}
	c := Config{
		Devices: func() ([]string, error) { return w.devices, nil },
		Word:    func(context.Context, string) (Word, error) { return w.word, w.wordErr },
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			w.lookups = append(w.lookups, host)
			if host == "nowhere.example" {
				return nil, errors.New("no such host")
			}
			// The first address answers nobody; the second is the server's.
			return []netip.Addr{netip.MustParseAddr("192.0.2.9"), server}, nil
		},
		Own: func() ([]netip.Prefix, error) { return nil, nil },
		Dial: func(ctx context.Context, device string, to netip.AddrPort) (net.Conn, error) {
			if device != w.devices[0] || to.Addr() != server {
				return nil, fmt.Errorf("nobody is at %v by %s", to, device)
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port()).String())
		},
		Roots: x509.NewCertPool(),
		Now:   func() time.Time { return noon },
	}
	if !w.noRoots {
		c.Roots.AddCert(tls.Certificate())
	}
	if !w.noProbe {
		c.Probe = Probe{URL: "http://probe.example" + port(plain) + "/known", Body: known}
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func says(status int, kind, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// RFC 8908, then the probe: what each network turns out to be.
func TestLook(t *testing.T) {
	t.Parallel()
	const page = "https://portal.example/sign-in"
	named := Word{API: "https://example.com:PORT/api"} // the name in httptest's certificate
	wlan := []string{"wlan0"}
	through := says(200, "text/plain", known+"\n")
	held := says(200, mediaType, `{"captive":true,"user-portal-url":"`+page+`"}`)
	byProbe := Finding{State: Captive, By: "probe", SignIn: "PROBE"}
	for _, tc := range []struct {
		name  string
		world world
		want  Finding
		bad   string
	}{
		{"the API holds us", world{word: named, api: held}, Finding{State: Captive, Device: "wlan0", By: "api", SignIn: page}, ""},
		{"the API's parameters of its type are passed over", world{word: named, api: says(200, mediaType+"; charset=utf-8", `{"captive":true,"user-portal-url":"`+page+`"}`)}, Finding{State: Captive, Device: "wlan0", By: "api", SignIn: page}, ""},
		{"the API lets us go, for an hour", world{word: named, api: says(200, mediaType, `{"captive":false,"seconds-remaining":3600,"can-extend-session":true,"venue-info-url":"x","more":[1]}`)},
			Finding{State: Open, Device: "wlan0", By: "api", Extend: true, Until: noon.Add(time.Hour)}, ""},
		{"the API lets us go for ever", world{word: named, api: says(200, mediaType, `{"captive":false,"seconds-remaining":1e300}`)},
			Finding{State: Open, Device: "wlan0", By: "api", Until: noon.Add(longestSession)}, ""},
		{"the network has no portal (RFC 8910 2)", world{word: Word{Unrestricted: true}}, Finding{State: Open, Device: "wlan0", By: "network"}, ""},

		{"a stranger's API, and the probe is through", world{word: named, api: held, noRoots: true, probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API's name is another's, and the probe is held", world{word: Word{API: "https://other.example:PORT/api"}, api: held, probe: says(200, "text/html", "<h1>Welcome</h1>")}, byProbe, ""},
		{"the API redirects, which is not followed (RFC 8908 4)", world{word: named, api: says(302, mediaType, "", "Location", "https://example.com/"), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API speaks another language", world{word: named, api: says(200, "text/html", `{"captive":true}`), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API does not say whether", world{word: named, api: says(200, mediaType, `{"user-portal-url":"`+page+`"}`), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API's answer is no JSON", world{word: named, api: says(200, mediaType, `captive`), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API's page is a program", world{word: named, api: says(200, mediaType, `{"captive":true,"user-portal-url":"javascript:alert(1)"}`), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API's page has a password", world{word: named, api: says(200, mediaType, `{"captive":true,"user-portal-url":"https://a:b@portal.example/"}`), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"the API cannot be found", world{word: Word{API: "https://nowhere.example/api"}, probe: through}, Finding{State: Open, By: "probe"}, ""},

		{"silence, and the probe is through", world{wordErr: errors.New("silence"), probe: through}, Finding{State: Open, By: "probe"}, ""},
		{"another page in the probe's place", world{wordErr: errors.New("silence"), probe: says(200, "text/html", "please pay")}, byProbe, ""},
		{"no page at all in its place", world{wordErr: errors.New("silence"), probe: says(200, "text/html", "")}, byProbe, ""},
		{"RFC 6585 6", world{wordErr: errors.New("silence"), probe: says(511, "text/html", "sign in")}, byProbe, ""},
		{"a redirect to a page", world{wordErr: errors.New("silence"), probe: says(302, "text/html", "", "Location", page)}, Finding{State: Captive, By: "probe", SignIn: page}, ""},
		{"a redirect to a program", world{wordErr: errors.New("silence"), probe: says(302, "text/html", "", "Location", "intent://x#Intent;end")}, byProbe, ""},
		{"a redirect to nowhere", world{wordErr: errors.New("silence"), probe: says(307, "text/html", "", "Location", "http://%zz/")}, byProbe, ""},
		{"a redirect of too many characters", world{wordErr: errors.New("silence"), probe: says(302, "text/html", "", "Location", "https://p.example/"+strings.Repeat("a", urlLimit))}, byProbe, ""},
		{"an error of the page's own server", world{wordErr: errors.New("silence"), probe: says(503, "text/plain", "")}, Finding{State: Unknown}, "status 503"},
		{"a page without end", world{wordErr: errors.New("silence"), probe: says(200, "text/plain", known+strings.Repeat("x", 4*bodyLimit))}, Finding{State: Open, By: "probe"}, ""},
		{"no probe is set", world{wordErr: errors.New("silence"), noProbe: true}, Finding{State: Unknown}, "no page to probe"},
		{"no network", world{devices: []string{}}, Finding{State: Unknown}, "no network"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.world.devices == nil {
				tc.world.devices = wlan
			}
			d := tc.world.detector(t)
			got, err := d.Look(t.Context())
			if tc.want.SignIn == "PROBE" {
				tc.want.SignIn = d.cfg.Probe.URL
			}
			if got != tc.want {
				t.Errorf("found %+v (%v), want %+v", got, err, tc.want)
			}
			if (err == nil) != (tc.bad == "") || err != nil && !strings.Contains(err.Error(), tc.bad) {
				t.Errorf("the error is %v, want %q", err, tc.bad)
			}
		})
	}
}

// What goes out says nothing of this machine's user, and is asked once.
func TestNothingOfTheUserGoesOut(t *testing.T) {
	t.Parallel()
	var seen []*http.Request
	w := world{
		devices: []string{"wlan0"}, word: Word{API: "https://example.com:PORT/api?session=1"},
		api: func(rw http.ResponseWriter, r *http.Request) {
			seen = append(seen, r)
			http.SetCookie(rw, &http.Cookie{Name: "id", Value: "1"})
			says(200, mediaType, `{"captive":true,"user-portal-url":"https://portal.example/"}`)(rw, r)
		},
	}
	d := w.detector(t)
	for range 2 {
		if _, err := d.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 2 {
		t.Fatalf("the API was asked %d times in 2 looks", len(seen))
	}
	for _, r := range seen {
		if len(r.Cookies()) != 0 || r.UserAgent() != "Homeward" || r.Header.Get("Accept") != mediaType || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "session=1" {
			t.Errorf("the API is told %v of %v", r.Header, r.URL)
		}
	}
}

// A server that takes the connection and says nothing costs the patience of the
// context, no more.
func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 1), make(chan struct{})
	t.Cleanup(func() { close(release) })
	w := world{devices: []string{"wlan0"}, wordErr: errors.New("silence"), probe: func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}}
	d := w.detector(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if f, err := d.Look(ctx); f.State != Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("found %+v, %v; want Unknown and the context's end", f, err)
	}
}

// What a detector cannot be made from.
func TestNew(t *testing.T) {
	t.Parallel()
	w := world{}
	good := w.detector(t).cfg
	for _, tc := range []struct {
		name   string
		change func(*Config)
		bad    string
	}{
		{"a probe by https", func(c *Config) { c.Probe.URL = "https://probe.example/" }, "must be an http URL"},
		{"a probe that is no URL", func(c *Config) { c.Probe.URL = "probe" }, "must be an http URL"},
		{"a probe whose page is not known", func(c *Config) { c.Probe.Body = "" }, "is not known"},
		{"no way to dial", func(c *Config) { c.Dial = nil }, "a part is missing"},
		{"no probe", func(c *Config) { c.Probe = Probe{} }, ""},
	} {
		c := good
		tc.change(&c)
		if _, err := New(c); (err == nil) != (tc.bad == "") || err != nil && !strings.Contains(err.Error(), tc.bad) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.bad)
		}
	}
}

func FuzzAPIAnswer(f *testing.F) {
	f.Add([]byte(`{"captive":true,"user-portal-url":"https://portal.example/"}`))
	f.Add([]byte(`{"captive":false,"seconds-remaining":-1}`))
	f.Add([]byte(`{"captive":true,"user-portal-url":"http:///x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		found, err := read(body, noon)
		if err != nil {
			return
		}
		switch found.State {
		case Captive:
			if u, err := address(found.SignIn); err != nil || u.Hostname() == "" {
				t.Errorf("the user would be sent to %q", found.SignIn)
			}
		case Open:
			if found.SignIn != "" || found.Until.After(noon.Add(longestSession)) || !found.Until.IsZero() && found.Until.Before(noon) {
				t.Errorf("found %+v", found)
			}
		default:
			t.Errorf("an answer that was read leaves the state %q", found.State)
		}
	})
}
