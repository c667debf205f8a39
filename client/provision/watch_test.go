package provision

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// watched follows a folder until the test ends.
type watched struct {
	*rig
	folder  *Folder
	changes <-chan struct{}
}

func watch(t *testing.T, r *rig) *watched {
	t.Helper()
	f := r.open()
	ctx, cancel := context.WithCancel(context.Background())
	changes, err := f.Watch(ctx)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		for range changes { // until it is closed, so that nothing is left running
		}
	})
	return &watched{rig: r, folder: f, changes: changes}
}

// until waits for the folder to hold these profiles.
func (w *watched) until(what string, names ...string) {
	w.t.Helper()
	late := time.After(20 * time.Second)
	for !slices.Equal(w.folder.names(), names) {
		select {
		case <-w.changes:
		case <-late:
			w.t.Fatalf("%s: %q, want %q", what, w.folder.names(), names)
		}
	}
}

// TestWatch is with the system's own word, from before the folder is there until after
// another one has taken its place.
func TestWatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Dir = filepath.Join(r.dir, "deep", "etc")
	w := watch(t, r)
	r.write("profiles.d/office.json", office("Office"))
	w.until("a folder that was not there", "Office")
	r.write("profiles.d/lab.json", office("Lab"))
	w.until("a second file", "Lab", "Office")
	r.write("profiles.d/lab.json", office("Laboratory"))
	w.until("another one in its place", "Laboratory", "Office")
	if err := os.WriteFile(r.path("profiles.d/lab.json"), []byte(office("Lab")), 0o644); err != nil {
		t.Fatal(err)
	}
	w.until("written where it lies", "Lab", "Office")
	r.remove("profiles.d/lab.json")
	w.until("one gone", "Office")
	if err := os.Rename(r.path("profiles.d"), r.path("profiles.away")); err != nil {
		t.Fatal(err)
	}
	w.until("the folder renamed")
	r.write("profiles.next/north.json", office("North"))
	if err := os.Rename(r.path("profiles.next"), r.path("profiles.d")); err != nil {
		t.Fatal(err)
	}
	w.until("another folder in its place", "North")
	r.write("profiles.d/south.json", office("South"))
	w.until("a file in that one", "North", "South")
	if err := os.RemoveAll(filepath.Join(r.dir, "deep")); err != nil {
		t.Fatal(err)
	}
	w.until("all of it gone")
	r.write("profiles.d/west.json", office("West"))
	w.until("and back", "West")
}

// TestWatchRights: to take rights away, or to give them, is a change, though no content
// is another.
func TestWatchRights(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("rights are not bits there")
	}
	r := newRig(t)
	r.write("profiles.d/office.json", office("Office"))
	if err := os.Chmod(r.path("profiles.d/office.json"), 0o666); err != nil {
		t.Fatal(err)
	}
	w := watch(t, r)
	if n := len(w.folder.Problems()); n != 1 || len(w.folder.names()) != 0 {
		t.Fatalf("%d problems, %q", n, w.folder.names())
	}
	if err := os.Chmod(r.path("profiles.d/office.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.until("the right taken away", "Office")
}

// TestWatchOfHalfAFile: a file that is never finished is told about when nobody can be
// writing it any more.
func TestWatchOfHalfAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Patience = 50 * time.Millisecond
	r.write("policy.json", `{"version": 1}`)
	w := watch(t, r)
	r.write("profiles.d/office.json", office("Office")[:30])
	late := time.After(20 * time.Second)
	for len(w.folder.Problems()) == 0 {
		select {
		case <-w.changes:
		case <-late:
			t.Fatal("nobody was told")
		}
	}
	r.write("profiles.d/office.json", office("Office"))
	w.until("finished", "Office")
	if p := w.folder.Problems(); len(p) != 0 {
		t.Errorf("%q", p)
	}
}

// TestWatchIsQuiet: what does not change what counts is told to nobody.
func TestWatchIsQuiet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", office("Office"))
	w := watch(t, r)
	r.write("profiles.d/README", "read me")
	r.write("profiles.d/office.json", office("Office"))
	r.write("profiles.d/z.json", office("Zoo")) // by which the others were seen
	w.until("the last of them", "Office", "Zoo")
	if len(w.changes) != 0 {
		t.Error("something more was told")
	}
}

func TestConcerns(t *testing.T) {
	t.Parallel()
	f := &Folder{cfg: Config{Dir: "/etc/homeward"}}
	for name, want := range map[string]bool{
		"/etc/homeward": true, "/etc/homeward/policy.json": true, "/etc/homeward/profiles.d/x.json": true, "/etc": true, "/": true,
		"/etc/homeward2": false, "/etc/resolv.conf": false, "/var": false,
	} {
		if got := f.concerns(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
