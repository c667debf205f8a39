package locate

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/homeward-vpn/homeward/client/nameserver"
)

const goodFile = `{"version":1,"names":{"gw.example":{"addresses":["203.0.113.1"],"servers":["192.0.2.53:53"],"at":"2026-01-02T03:04:05Z","until":"2026-01-02T03:05:05Z"}}}`

// badFiles are what is not used: not one of its names.
var badFiles = map[string]string{
	"nothing":       "",
	"half":          goodFile[:80],
	"more":          goodFile + "{}",
	"version":       strings.Replace(goodFile, `"version":1`, `"version":2`, 1),
	"unknown":       strings.Replace(goodFile, `"version":1`, `"version":1,"x":1`, 1),
	"name":          strings.Replace(goodFile, "gw.example", "gw..example", 1),
	"upper case":    strings.Replace(goodFile, "gw.example", "GW.example", 1),
	"loopback":      strings.Replace(goodFile, "203.0.113.1", "127.0.0.1", 1),
	"multicast":     strings.Replace(goodFile, "203.0.113.1", "ff02::1", 1),
	"mapped":        strings.Replace(goodFile, "203.0.113.1", "::ffff:203.0.113.1", 1),
	"zone":          strings.Replace(goodFile, "203.0.113.1", "2001:db8::1%eth0", 1),
	"no address":    strings.Replace(goodFile, `"203.0.113.1"`, "", 1),
	"not one":       strings.Replace(goodFile, "203.0.113.1", "gateway", 1),
	"for ever":      strings.Replace(goodFile, "2026-01-02T03:05:05Z", "2036-01-02T03:05:05Z", 1),
	"back in time":  strings.Replace(goodFile, "2026-01-02T03:05:05Z", "2016-01-02T03:05:05Z", 1),
	"many names":    strings.Replace(goodFile, `"names":{`, `"names":{`+manyNames(), 1),
	"many adresses": strings.Replace(goodFile, `"203.0.113.1"`, strings.Repeat(`"203.0.113.1",`, 2*maxAddresses)+`"203.0.113.1"`, 1),
	"too long":      goodFile + strings.Repeat(" ", maxFile),
}

func manyNames() string {
	one := goodFile[strings.Index(goodFile, `{"addresses"`) : len(goodFile)-2]
	var b strings.Builder
	for i := range maxNames {
		fmt.Fprintf(&b, `"n%d.example":%s,`, i, one)
	}
	return b.String()
}

func TestParseCache(t *testing.T) {
	t.Parallel()
	names, err := parseCache([]byte(goodFile))
	if err != nil || len(names) != 1 || len(names["gw.example"].Addresses) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	for name, text := range badFiles {
		if names, err := parseCache([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, names)
		}
	}
}

// TestBadFile: what is no cache is ignored, and the next answer replaces it.
func TestBadFile(t *testing.T) {
	t.Parallel()
	for name, text := range badFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "gateways.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			now := time.Date(2026, 1, 2, 3, 4, 30, 0, time.UTC)
			c := openCache(path, now, quiet)
			if len(c.names) != 0 {
				t.Fatalf("%v", c.names)
			}
			c.put("gw.example", answer{[]netip.Addr{gw4}, time.Minute}.entry(now, []netip.AddrPort{one}))
			if e, ok := openCache(path, now, quiet).get("gw.example"); !ok || !slices.Equal(e.Addresses, []netip.Addr{gw4}) {
				t.Errorf("%v, %v", e, ok)
			}
		})
	}
}

// TestClock: an answer from the future, or from long ago, is none.
func TestClock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateways.json")
	if err := os.WriteFile(path, []byte(goodFile), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, row := range []struct {
		now           time.Time
		usable, fresh bool
	}{{at, true, true}, {at.Add(59 * time.Second), true, true}, {at.Add(time.Minute), true, false}, {at.Add(oldest - 1), true, false}, {at.Add(oldest), false, false}, {at.Add(-1), false, false}} {
		e, ok := openCache(path, row.now, quiet).get("gw.example")
		if ok != row.usable || e.fresh(row.now, []netip.AddrPort{one}) != row.fresh || e.fresh(row.now, []netip.AddrPort{two}) {
			t.Errorf("%v: %v, %v", row.now, ok, e)
		}
	}
}

// TestSpareTheDisk: the same answer again is written now and then only, and what a
// disk has too much of is forgotten, the oldest first.
func TestSpareTheDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateways.json")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := openCache(path, now, quiet)
	written := func(e entry) bool {
		t.Helper()
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		c.put("gw.example", e)
		_, err := os.Stat(path)
		return err == nil
	}
	said := func(after time.Duration, addrs ...netip.Addr) entry {
		return answer{addrs, time.Minute}.entry(now.Add(after), []netip.AddrPort{one})
	}
	if !written(said(0, gw4, gw6)) || written(said(time.Minute, gw6, gw4)) || !written(said(2*time.Minute, gw4)) || !written(said(rewrite+2*time.Minute, gw4)) {
		t.Error("written at the wrong times")
	}
	for i := range 2 * maxNames {
		c.put(fmt.Sprintf("n%d.example", i), said(time.Hour+time.Duration(i), gw4))
	}
	kept := openCache(path, now.Add(2*time.Hour), quiet).names
	if _, ok := kept["gw.example"]; ok || len(kept) != maxNames {
		t.Errorf("%d names are kept", len(kept))
	}
	for i := maxNames; i < 2*maxNames; i++ {
		if _, ok := kept[fmt.Sprintf("n%d.example", i)]; !ok {
			t.Errorf("n%d is forgotten", i)
		}
	}
}

// FuzzCache: whatever the file says, what is used of it is bounded and possible.
func FuzzCache(f *testing.F) {
	f.Add([]byte(goodFile))
	for _, text := range badFiles {
		if len(text) < 4096 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := parseCache(text)
		if err != nil && names != nil || len(names) > maxNames {
			t.Errorf("%v, %v", names, err)
		}
		for host, e := range maps.All(names) {
			if _, err := parseName(host); err != nil {
				t.Error(err)
			}
			for _, a := range e.Addresses {
				if !possible(a) {
					t.Errorf("%s: %v", host, a)
				}
			}
		}
	})
}

// FuzzReply: whatever a server says, what is taken from it is bounded and possible.
func FuzzReply(f *testing.F) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("gw.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{q}}
	for _, answers := range [][]dnsmessage.Resource{
		nil,
		{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: gw4.As4()}}},
		{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("b.example.")}}},
	} {
		m.Answers = answers
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a nameserver.Answer
		if _, err := a.Records.Start(b); err != nil {
			return
		}
		if err := a.Records.SkipAllQuestions(); err != nil {
			return
		}
		r, err := readReply(a, q)
		if len(r.addrs) > maxAddresses || r.aliases > maxAliases || r.ttl > maxTTL || r.ttl < 0 {
			t.Errorf("%+v, %v", r, err)
		}
		for _, a := range r.addrs {
			if !possible(a) || !a.Is4() {
				t.Errorf("%v", a)
			}
		}
	})
}

// FuzzHosts: whatever the list says, a few addresses are taken from it.
func FuzzHosts(f *testing.F) {
	f.Add("203.0.113.1 gw.example\n", "gw.example")
	f.Fuzz(func(t *testing.T, text, host string) {
		if found := parseHosts(strings.NewReader(text), host); len(found) > maxAddresses {
			t.Errorf("%v", found)
		}
	})
}
