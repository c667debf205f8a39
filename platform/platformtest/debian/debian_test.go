package debian

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkout makes an empty one and goes there.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	lay(t, dir, map[string]string{"go.mod": "module test\n", "deep/er/x": ""})
	t.Chdir(filepath.Join(dir, "deep", "er"))
	return dir
}

func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCachedFindsTheNewest(t *testing.T) {
	dir := checkout(t)
	if _, err := Cached("one"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty cache gives %v", err)
	}
	lay(t, dir, map[string]string{".cache/apt/one_1-1_all.deb": "", ".cache/apt/one_1-2_all.deb": "", ".cache/apt/one-more_9_all.deb": ""})
	got, err := Cached("one")
	if err != nil || filepath.Base(got) != "one_1-2_all.deb" {
		t.Errorf("found %s, %v", got, err)
	}
	// What is there is not downloaded.
	if again, err := Fetch(t.Context(), "one"); err != nil || again != got {
		t.Errorf("fetched %s, %v", again, err)
	}
	t.Chdir("/")
	if _, err := Cached("one"); err == nil {
		t.Error("there is a cache outside every checkout")
	}
}

// TestNothingIsLeftOfAFailure: a package that nobody has.
func TestNothingIsLeftOfAFailure(t *testing.T) {
	dir := checkout(t)
	if file, err := Fetch(t.Context(), "homeward-is-in-no-archive"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("fetched %s, %v; want an error of one line", file, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".cache", "apt", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left are %q, %v", left, err)
	}
}

// TestUnpack builds packages and lays one over the other.
func TestUnpack(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no packages can be built here: ", err)
	}
	dir, into := t.TempDir(), t.TempDir()
	control := func(name string) string {
		return "Package: " + name + "\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@corp.example>\nDescription: a test\n"
	}
	for name, files := range map[string]map[string]string{
		"one": {"DEBIAN/control": control("one"), "lib/x/daemon": "old", "sbin/tool": "t", "etc/x.conf": "c", "usr/lib/x/part": "p"},
		"two": {"DEBIAN/control": control("two"), "lib/x/daemon": "new", "usr/share/y": "y"},
	} {
		lay(t, filepath.Join(dir, name), files)
	}
	for _, name := range []string{"one", "two"} {
		deb := filepath.Join(dir, name+".deb")
		if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", filepath.Join(dir, name), deb).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := Unpack(t.Context(), deb, into); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	err := filepath.WalkDir(into, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(into, path)
		got[rel] = string(b)
		return errors.Join(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"usr/lib/x/daemon": "new", "usr/sbin/tool": "t", "etc/x.conf": "c", "usr/lib/x/part": "p", "usr/share/y": "y"}
	if len(got) != len(want) {
		t.Errorf("unpacked are %v", got)
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s holds %q, want %q", name, got[name], content)
		}
	}
	if err := Unpack(t.Context(), filepath.Join(dir, "three.deb"), into); err == nil {
		t.Error("a package that is not there is unpacked")
	}
}
