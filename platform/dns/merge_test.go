package dns

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestEditsSurvive: somebody edits resolv.conf while ours stands; we set ours
// again, and it stands whole; Clear, or Replay after a crash, gives back what
// was there before, with the edit in it.
func TestEditsSurvive(t *testing.T) {
	t.Parallel()
	const before = "# by hand\nnameserver 192.168.77.1\nsearch home.lan\noptions edns0 rotate\n"
	ours := header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\noptions edns0 rotate\n"
	for name, c := range map[string]struct{ edited, set, want string }{
		"a resolver": {ours + "nameserver 9.9.9.9\n", ours, "# by hand\nnameserver 192.168.77.1\nsearch home.lan\noptions edns0 rotate\nnameserver 9.9.9.9\n"},
		"a search name": {
			header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example lab.example\noptions edns0 rotate\n", ours,
			"# by hand\nnameserver 192.168.77.1\noptions edns0 rotate\nsearch home.lan lab.example\n",
		},
		"an option": {
			ours + "options timeout:1\n", header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\noptions edns0 rotate timeout:1\n",
			"# by hand\nnameserver 192.168.77.1\nsearch home.lan\noptions edns0 rotate timeout:1\n",
		},
		"an option taken out": {
			header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\noptions edns0\n",
			header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\noptions edns0\n",
			"# by hand\nnameserver 192.168.77.1\nsearch home.lan\noptions edns0\n",
		},
		"all options taken out": {
			header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\n",
			header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\n",
			"# by hand\nnameserver 192.168.77.1\nsearch home.lan\n",
		},
		"a line of another kind": {ours + "sortlist 10.0.0.0\n", ours, before + "sortlist 10.0.0.0\n"},
		"ours taken out":         {header + "options edns0 rotate\n", ours, before},
		"everything, by another writer": {
			"# dhcp\nnameserver 172.20.0.1\n", header + "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\n",
			"# dhcp\nnameserver 172.20.0.1\n",
		},
	} {
		for _, crash := range []bool{false, true} {
			w := newWorld(t)
			write(t, w.conf, before)
			l := openLedger(t, t.TempDir())
			d := newTest(t, w, l)
			mustSet(t, d, everyName)
			if got := read(t, w.conf); got != ours {
				t.Fatalf("ours is\n%s", got)
			}
			for range 2 { // the same edit twice is one
				write(t, w.conf, c.edited)
				mustSet(t, d, everyName)
				if got := read(t, w.conf); got != c.set {
					t.Errorf("%s: set again is\n%s--- want\n%s", name, got, c.set)
				}
			}
			var err error
			if crash {
				err = l.Replay(undoWith(w.env()))
			} else {
				err = d.Clear()
			}
			if got := read(t, w.conf); err != nil || l.Len() != 0 || got != c.want {
				t.Errorf("%s, crash %v: %v, %d records,\n%s--- want\n%s", name, crash, err, l.Len(), got, c.want)
			}
		}
	}
}

// TestEditOfOursOverALink: the link comes back where nothing of theirs is in
// the file, and a file with it where something is.
func TestEditOfOursOverALink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit string
		link bool
		want string
	}{
		"ours taken out": {header, true, plain},
		"a resolver":     {header + "nameserver 10.99.0.2\nnameserver 9.9.9.9\n", false, plain + "nameserver 9.9.9.9\n"},
	} {
		w := newWorld(t)
		write(t, w.conf+".real", plain)
		symlink(t, w.conf+".real", w.conf)
		d := newTest(t, w, nil)
		mustSet(t, d, everyName)
		write(t, w.conf, c.edit)
		mustSet(t, d, everyName)
		if err := d.Clear(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(w.conf)
		if err != nil {
			t.Fatal(err)
		}
		if isLink := info.Mode().Type() == os.ModeSymlink; isLink != c.link || read(t, w.conf) != c.want || read(t, w.conf+".real") != plain {
			t.Errorf("%s: link %v, %q", name, isLink, read(t, w.conf))
		}
	}
}

// TestContest: two that write the file in turn end it, after a while it is
// tried again, and another wish is another matter.
func TestContest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	write(t, w.conf, plain)
	now := time.Unix(0, 0)
	env := w.env()
	env.Now = func() time.Time { return now }
	l := openLedger(t, t.TempDir())
	d, err := New(l, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	const theirs = "# the other one\nnameserver 172.20.0.1\n"
	fight := func() (rounds int, contested *ContestedError) {
		for ; ; rounds++ {
			write(t, w.conf, theirs)
			now = now.Add(time.Second)
			switch err := d.Set(everyName); {
			case errors.As(err, &contested):
				return rounds, contested
			case err != nil || rounds > 100:
				t.Fatalf("after %d rounds: %v", rounds, err)
			}
		}
	}
	mustSet(t, d, everyName)
	rounds, contested := fight()
	if rounds != contestLimit || contested.Path != w.conf || !contested.Until.Equal(now.Add(contestRest)) {
		t.Errorf("%d rounds, %v", rounds, contested)
	}
	now = contested.Until.Add(-time.Second)
	if err := d.Set(everyName); !errors.As(err, &contested) || read(t, w.conf) != theirs {
		t.Errorf("while it rests: %v, %q", err, read(t, w.conf))
	}
	other := everyName
	other.Search = nil
	mustSet(t, d, other)
	if _, contested = fight(); contested == nil {
		t.Error("the other wish is never contested")
	}
	now = contested.Until
	mustSet(t, d, other)
	if err := d.Clear(); err != nil || read(t, w.conf) != theirs || l.Len() != 0 {
		t.Errorf("%v, %q, %d records", err, read(t, w.conf), l.Len())
	}
	// An edit now and then is no fight.
	mustSet(t, d, everyName)
	for range 3 * contestLimit {
		write(t, w.conf, theirs)
		now = now.Add(contestTime / 2)
		mustSet(t, d, everyName)
	}
}
