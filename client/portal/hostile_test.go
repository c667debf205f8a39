package portal

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Where no portal is, whoever says so.
func TestWhereAPortalCanBe(t *testing.T) {
	t.Parallel()
	own := []netip.Prefix{netip.MustParsePrefix("192.168.1.7/32"), netip.MustParsePrefix("172.17.0.0/16"), netip.MustParsePrefix("fd98::/64")}
	for a, ok := range map[string]bool{
		"192.168.1.1": true, "10.0.0.1": true, "172.16.0.1": true, "100.64.0.1": true, "198.51.100.1": true, "1.1.1.1": true,
		"2001:db8::1": true, "fd00::1": true, "64:ff9b::198.51.100.1": true, "::ffff:192.168.1.1": true,
		"192.168.1.7": false, "::ffff:192.168.1.7": false, "172.17.0.2": false, "fd98::1": false,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "169.254.169.254": false, "169.254.1.1": false,
		"224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "fe80::1": false, "fe80::1%eth0": false, "ff02::1": false,
		"2001:db8::1%eth0": false, "64:ff9b::127.0.0.1": false, "64:ff9b::169.254.169.254": false, "64:ff9b::192.168.1.7": false, "2002:7f00:1::": false,
		"fd00:ec2::254": false, "100.100.100.200": false,
	} {
		if err := habitable(netip.MustParseAddr(a), own); (err == nil) != ok {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := habitable(netip.Addr{}, own); err == nil {
		t.Error("no address at all is one of a portal")
	}
}

// What a browser is never sent to.
func TestAddressesOfPages(t *testing.T) {
	t.Parallel()
	for raw, ok := range map[string]bool{
		"http://portal.example/": true, "https://192.168.1.1:8443/x?y=%20#z": true, "http://[fd00::1]/": true,
		"http://localhost/": false, "http://LOCALHOST.:631/": false, "http://x.localhost/": false, "http://127.0.0.1/": false,
		"http://[::1]:631/": false, "http://[fe80::1%25eth0]/": false, "http://169.254.169.254/latest": false, "http://[::ffff:7f00:1]/": false,
		"http://portal.example/\u202egnp": false, "http://portal.example/?\xff": false, "http://portal.example/a b": false,
		"http://portal.example/\x00": false, "http://portal.example/\r\nHost: x": false, "file:///etc/passwd": false, "-http://x/": false,
		"http://": false, "http:opaque": false, "http://u@portal.example/": false,
	} {
		if u, err := address(raw); (err == nil) != ok {
			t.Errorf("%q: %v, %v", raw, u, err)
		}
	}
}

// A name that leads inside this machine is asked nothing, by the API or by the probe,
// also where it has another address besides.
func TestNobodyIsLedInside(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]string{
		"loopback": {"127.0.0.1"}, "loopback, IPv6": {"::1"}, "one good, one bad": {"192.0.2.1", "127.0.0.1"},
		"the tunnel": {"10.98.0.2"}, "a cloud's secrets": {"169.254.169.254"}, "nowhere": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{devices: []string{"wlan0"}, word: Word{API: "https://portal.example:PORT/api"}}
			c := w.detector(t).cfg
			c.Lookup = func(context.Context, string) (addrs []netip.Addr, _ error) {
				for _, a := range answer {
					addrs = append(addrs, netip.MustParseAddr(a))
				}
				return addrs, nil
			}
			c.Own = func() ([]netip.Prefix, error) { return []netip.Prefix{netip.MustParsePrefix("10.98.0.0/24")}, nil }
			c.Dial = func(_ context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
				t.Errorf("a connection to %v is opened", to)
				return nil, errors.New("refused")
			}
			d, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			if f, err := d.Look(t.Context()); f.State != Unknown || err == nil {
				t.Errorf("found %+v, %v", f, err)
			}
			c.Own = func() ([]netip.Prefix, error) { return nil, errors.New("not known") }
			if d, err = New(c); err != nil {
				t.Fatal(err)
			}
			if f, err := d.Look(t.Context()); f.State != Unknown || err == nil {
				t.Errorf("where the own addresses are not known: found %+v, %v", f, err)
			}
		})
	}
}

// An API that wastes time, memory or trust is left, and the probe tells.
func TestHostileAPI(t *testing.T) {
	t.Parallel()
	bomb := func() string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(make([]byte, 64<<20)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}()
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}
	for name, api := range map[string]http.HandlerFunc{
		"octet by octet":          drip,
		"a gzip bomb":             says(200, mediaType, bomb, "Content-Encoding", "gzip"),
		"larger than is read":     says(200, mediaType, `{"captive":false,"x":"`+strings.Repeat("x", bodyLimit)+`"}`),
		"a header without end":    says(200, mediaType, `{"captive":false}`, "X", strings.Repeat("x", headerLimit)),
		"deeper than a pit":       says(200, mediaType, `{"captive":false,"x":`+strings.Repeat("[", 30000)),
		"two answers":             says(200, mediaType, `{"captive":false}{"captive":true}`),
		"another type":            says(200, mediaType, `{"captive":"false"}`),
		"a page without TLS":      says(200, mediaType, `{"captive":true,"user-portal-url":"http://portal.example/"}`),
		"a page inside":           says(200, mediaType, `{"captive":true,"user-portal-url":"https://127.0.0.1:8443/"}`),
		"a redirect to loopback":  says(307, mediaType, "", "Location", "https://127.0.0.1/"),
		"a redirect to another":   says(302, mediaType, `{"captive":false}`, "Location", "https://192.0.2.1/"),
		"a page with line breaks": says(200, mediaType, `{"captive":true,"user-portal-url":"https://portal.example/\r\nx"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{devices: []string{"wlan0"}, word: Word{API: "https://example.com:PORT/api"}, api: api, probe: says(200, "text/html", "please pay")}
			d := w.detector(t)
			before := time.Now()
			f, err := d.Look(t.Context())
			if err != nil || f.State != Captive || f.By != "probe" || f.SignIn != d.cfg.Probe.URL {
				t.Errorf("found %+v, %v; want it by the probe", f, err)
			}
			if took := time.Since(before); took > 2*patience {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// Networks that say nothing are waited for at the same time, and leave the probe its
// own: by the device with the default route.
func TestSilentNetworksTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var by []string
		d, err := New(Config{
			Devices: func() ([]string, error) { return []string{"wlan0", "eth0", "wwan0", "eth1"}, nil },
			Word: func(ctx context.Context, _ string) (Word, error) {
				<-ctx.Done()
				return Word{}, ctx.Err()
			},
			Lookup: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{server}, nil },
			Own:    func() ([]netip.Prefix, error) { return nil, nil },
			Dial: func(_ context.Context, device string, _ netip.AddrPort) (net.Conn, error) {
				by = append(by, device)
				return nil, errors.New("refused")
			},
			Probe: Probe{URL: "http://probe.example/", Body: known},
		})
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if f, err := d.Look(t.Context()); f.State != Unknown || err == nil {
			t.Errorf("found %+v, %v", f, err)
		}
		if took := time.Since(before); took != patience || len(by) != 1 || by[0] != "wlan0" {
			t.Errorf("after %v the probe was asked by %q", took, by)
		}
	})
}

// Addresses that swallow everything share the time of one question, IPv4 first, and
// nothing of it goes on behind its end.
func TestAddressesThatSwallow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tried []string
		d, err := New(Config{
			Devices: func() ([]string, error) { return []string{"wlan0"}, nil },
			Word:    func(context.Context, string) (Word, error) { return Word{}, errors.New("silence") },
			Lookup: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("2001:db8::1"), server}, nil
			},
			Own: func() ([]netip.Prefix, error) { return nil, nil },
			Dial: func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
				tried = append(tried, to.String())
				<-ctx.Done()
				return nil, ctx.Err()
			},
			Probe: Probe{URL: "http://probe.example/", Body: known},
		})
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if f, err := d.Look(t.Context()); f.State != Unknown || err == nil {
			t.Errorf("found %+v, %v", f, err)
		}
		synctest.Wait()
		if took := time.Since(before); took != patience || !slices.Equal(tried, []string{"192.0.2.1:80", "[2001:db8::1]:80"}) {
			t.Errorf("after %v these were tried: %q", took, tried)
		}
	})
}
