package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNarrow(t *testing.T) {
	t.Parallel()
	got := narrow([]string{"a.corp.example", "corp.example", "b.a.corp.example", "xcorp.example", "intra", "corp.example.intra"})
	if want := []string{"corp.example", "xcorp.example", "intra"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestWiden: never more than asked for, never a top-level domain, and every
// domain of before lies in one of the result.
func TestWiden(t *testing.T) {
	t.Parallel()
	list := func(n int, pattern string) []string {
		var l []string
		for i := range n {
			l = append(l, fmt.Sprintf(pattern, i, i%50))
		}
		return narrow(l)
	}
	for name, c := range map[string]struct {
		domains    []string
		most, want int
	}{
		"few enough":      {list(100, "d%d.corp%d.example"), 100, 100},
		"one step":        {list(1000, "d%d.corp%d.example"), 100, 50},
		"two steps":       {list(1000, "x.d%d.corp%d.example"), 100, 50},
		"deep ones first": {append(list(60, "d%d-%d.example"), list(500, "x.d%d.corp%d.example")...), 100, 0},
		"no parents":      {list(1000, "d%d-%d.example"), 100, 0},
		"top-level":       {list(1000, "d%d-%d"), 100, 0},
		"one":             {[]string{"a.b.c.d.example", "e.b.c.d.example"}, 1, 1},
	} {
		got := widen(c.domains, c.most)
		if len(got) != c.want {
			t.Errorf("%s: %d, want %d", name, len(got), c.want)
		}
		for _, d := range c.domains {
			if len(got) > 0 && !slices.ContainsFunc(got, func(g string) bool { return d == g || strings.HasSuffix(d, "."+g) }) {
				t.Errorf("%s: nothing holds %s", name, d)
			}
		}
		if i := slices.IndexFunc(got, func(g string) bool { return !strings.Contains(g, ".") }); i >= 0 {
			t.Errorf("%s: a top-level domain, %s", name, got[i])
		}
	}
}

// TestResolvedTakesFewer: what a link is told that takes fewer domains, and that
// it is said.
func TestResolvedTakesFewer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern string
		limit   int
		told    int
		route   string
	}{
		"all of them":   {"d%d.corp%d.example", 20000, 0, "default 7 false"},
		"a newer one":   {"d%d.corp%d.example", 1024, 500, "default 7 false"},
		"an older one":  {"d%d.corp%d.example", 256, -1, "default 7 true"},
		"a common root": {"d%d.x%d.corp.example", 256, 1, "default 7 false"},
	} {
		w := newWorld(t)
		w.resolved = &fakeResolved{limit: c.limit}
		write(t, w.conf, "nameserver 127.0.0.53\n")
		d := newTest(t, w, nil)
		config := Config{Interface: "homeward0", Servers: addrs("10.99.0.2"), Search: []string{"corp.example"}}
		for i := range 10000 {
			config.Domains = append(config.Domains, fmt.Sprintf(c.pattern, i, i%500))
		}
		err := d.Set(config)
		var many *TooManyDomainsError
		switch found := errors.As(err, &many); {
		case c.told == 0 && err != nil, c.told != 0 && (!found || many.Wanted != 10000 || many.Told != max(c.told, 0)):
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Contains(w.resolved.said, c.route) || !slices.Contains(w.resolved.said, "dns 7 [10.99.0.2]") {
			t.Errorf("%s: nobody is told %q", name, c.route)
		}
		if last := w.resolved.domains; len(last) > c.limit || c.told < 0 && !slices.Contains(last, LinkDomain{".", true}) {
			t.Errorf("%s: %d domains", name, len(last))
		}
	}
}
