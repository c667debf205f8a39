package provision

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// office is the smallest file of a profile.
func office(name string) string {
	return fmt.Sprintf(`{"version": 1, "name": %q, "gateway": {"address": "vpn.example.com", "auth": "certificate"},
		"client": {"auth": "eap-mschapv2"}, "traffic": {"full": true}}`, name)
}

// rig is an administrator's folder that a test writes to.
type rig struct {
	t   *testing.T
	dir string // holds etc, copies, profiles and set
	cfg Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, dir: dir, cfg: Config{
		Dir: filepath.Join(dir, "etc"), Copies: filepath.Join(dir, "copies"), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Settle: time.Millisecond, Patience: time.Nanosecond,
	}}
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.cfg.Dir, name) }

// write puts a file there, and the folders above it, in one step.
func (r *rig) write(name, content string) {
	r.t.Helper()
	path := r.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	next := filepath.Join(filepath.Dir(path), ".next")
	if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.RemoveAll(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) open() *Folder {
	r.t.Helper()
	f, err := Open(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// store joins the folder with profiles of people's own.
func (r *rig) store(f *Folder) *Store {
	r.t.Helper()
	own, err := profile.OpenStore(filepath.Join(r.dir, "profiles"))
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := NewStore(own, f, filepath.Join(r.dir, "set"), r.cfg.Logger)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// names are those of what is laid down.
func (f *Folder) names() (list []string) {
	for _, l := range f.profiles() {
		list = append(list, l.profile.Name)
	}
	return list
}
