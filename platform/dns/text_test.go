package dns

import (
	"net/netip"
	"strings"
	"testing"
)

func addrs(s string) []netip.Addr {
	var as []netip.Addr
	for _, f := range strings.Fields(s) {
		as = append(as, netip.MustParseAddr(f))
	}
	return as
}

const header = "# Homeward wrote this file for the tunnel homeward0. The one before it\n# comes back when the tunnel goes down.\n"

func TestCompose(t *testing.T) {
	t.Parallel()
	before := "nameserver 192.168.77.1\nnameserver 9.9.9.9\nsearch home.lan\noptions edns0 trust-ad\n"
	for name, c := range map[string]struct {
		config Config
		before string
		want   string
	}{
		"every name": {
			Config{Servers: addrs("10.99.0.2 fd99::2"), Search: []string{"corp.example"}}, before,
			"nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\noptions edns0 trust-ad\n",
		},
		"should have been split": {
			Config{Servers: addrs("10.99.0.2"), Domains: []string{"corp.example"}, Search: []string{"corp.example"}}, before,
			"nameserver 10.99.0.2\nnameserver 192.168.77.1\nnameserver 9.9.9.9\nsearch corp.example home.lan\noptions edns0 trust-ad\n",
		},
		"more servers than the C library reads": {
			Config{Servers: addrs("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4")}, "",
			"nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n",
		},
	} {
		c.config.Interface = "homeward0"
		if got := string(compose(c.config, []byte(c.before))); got != header+c.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestParseText(t *testing.T) {
	t.Parallel()
	got := parseText([]byte("# comment\n; nameserver 1.1.1.1\ndomain a\nnameserver 10.0.0.1 trailing\nsearch b c\noptions x\noptions y\nnameserver\n"))
	if strings.Join(got.servers, " ") != "10.0.0.1" || strings.Join(got.search, " ") != "b c" || strings.Join(got.options, " ") != "x y" {
		t.Fatalf("%+v", got)
	}
}

// TestWithoutOurs: somebody has edited, or rewritten, the file while it was ours.
func TestWithoutOurs(t *testing.T) {
	t.Parallel()
	before := "nameserver 192.168.77.1\nsearch home.lan\n"
	written := header + "nameserver 10.99.0.2\nsearch corp.example\n"
	for name, c := range map[string]struct {
		now, want string
		ours      bool
	}{
		"a line is added":               {written + "options rotate\n", before + "options rotate\n", true},
		"a server is added":             {written + "nameserver 9.9.9.9\n", before + "nameserver 9.9.9.9\n", true},
		"a line of before is added":     {written + "search home.lan\n", before, true},
		"rewritten, nothing of ours":    {"# dhcp\nnameserver 172.20.0.1\n", "# dhcp\nnameserver 172.20.0.1\n", false},
		"merged, our server kept":       {"# dhcp\nnameserver 10.99.0.2\nnameserver 172.20.0.1\n", "# dhcp\nnameserver 172.20.0.1\n", true},
		"only our server, not our mark": {"# other\nnameserver 10.99.0.2\n", before + "# other\n", true},
		"emptied":                       {"", "", false},
	} {
		got, ours := withoutOurs([]byte(c.now), []byte(written), []byte(before))
		if string(got) != c.want || ours != c.ours {
			t.Errorf("%s: ours %v\n%s--- want\n%s", name, ours, got, c.want)
		}
	}
	// A server that was there without us is nobody's to take away.
	same := header + "nameserver 192.168.77.1\n"
	if got, ours := withoutOurs([]byte("nameserver 192.168.77.1\n"), []byte(same), []byte(before)); ours {
		t.Errorf("a server of before was taken out: %s", got)
	}
}

// TestIsMix: every state that writing in place can be interrupted in is known,
// and a foreign file is not taken for one.
func TestIsMix(t *testing.T) {
	t.Parallel()
	files := []string{"", "a", "nameserver 1.1.1.1\n", "nameserver 10.0.0.1\nsearch x\n", strings.Repeat("long ", 50)}
	for _, from := range files {
		for _, to := range files {
			for k := range len(to) + 1 {
				now := to[:k]
				if k < len(from) {
					now += from[k:]
				}
				if !isMix([]byte(now), []byte(from), []byte(to)) {
					t.Errorf("%q over %q, interrupted after %d: not known", to, from, k)
				}
			}
			for _, foreign := range []string{"nameserver 8.8.8.8\n", "x" + from + to, to + "x" + from} {
				if foreign != from && foreign != to && isMix([]byte(foreign), []byte(from), []byte(to)) && len(foreign) > len(from) && len(foreign) > len(to) {
					t.Errorf("%q is taken for a mix of %q and %q", foreign, from, to)
				}
			}
		}
	}
	if isMix([]byte("nameserver 8.8.8.8\n"), []byte("nameserver 1.1.1.1\n"), []byte("nameserver 9.9.9.9\n")) {
		t.Error("a foreign file is taken for a mix")
	}
}

func TestDomain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Corp.Example": "corp.example", ".corp.example.": "corp.example", "intra": "intra", "xn--bcher-kva.example": "xn--bcher-kva.example",
	} {
		if got, err := domain(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ".", "a b", "a\nnameserver 6.6.6.6", "a\tb", "a;b", "a#b", "$(x)'", strings.Repeat("a", 254), "a/b"} {
		if got, err := domain(in); err == nil {
			t.Errorf("%q is accepted as %q", in, got)
		}
	}
}

// FuzzWithoutOurs: whatever stands there now, nothing of our servers stays, and
// a file without our marks is returned as it is.
func FuzzWithoutOurs(f *testing.F) {
	f.Add("nameserver 10.99.0.2\n", "nameserver 1.1.1.1\n")
	f.Add(header+"nameserver 10.99.0.2\nx", "")
	f.Add("\r\nnameserver 10.99.0.2", "search a")
	f.Fuzz(func(t *testing.T, now, before string) {
		written := compose(Config{Interface: "homeward0", Servers: addrs("10.99.0.2")}, []byte(before))
		got, ours := withoutOurs([]byte(now), written, []byte(before))
		if !ours {
			if string(got) != now {
				t.Fatalf("a foreign file was changed from %q to %q", now, got)
			}
			return
		}
		if strings.Contains(before, "10.99.0.2") {
			return
		}
		for _, line := range strings.Split(string(got), "\n") {
			if strings.TrimSpace(line) == "nameserver 10.99.0.2" {
				t.Fatalf("our server stays in %q", got)
			}
		}
	})
}
