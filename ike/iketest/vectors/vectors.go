// Package vectors loads test vectors and captured messages for the tests of ike
// and below. They lie in ../shared/vectors, beside the repository, and are read
// where they are; where they are absent, a test is skipped and says so.
//
// It imports nothing of ike, so that tests inside each package can use it.
// Programs never do.
package vectors

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Load reads a JSON file into a value. The name is its path below the folder
// of the vectors, with slashes.
func Load(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(File(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// File reads one file as it is.
func File(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(locate(t, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the shared vectors are not beside the repository: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Dir reads every .bin file of a folder, by file name.
func Dir(t testing.TB, name string) map[string][]byte {
	t.Helper()
	files := read(t, name)
	if len(files) == 0 {
		t.Skipf("the shared vectors are not beside the repository: no %s", name)
	}
	return files
}

// Seeds is Dir for fuzz targets, which have seeds of their own: where the
// folder is absent it says so and gives none. The order is that of the names.
func Seeds(f *testing.F, name string) [][]byte {
	f.Helper()
	files := read(f, name)
	if len(files) == 0 {
		f.Logf("the shared vectors are not beside the repository: no %s, own seeds only", name)
	}
	seeds := make([][]byte, 0, len(files))
	for _, file := range slices.Sorted(maps.Keys(files)) {
		seeds = append(seeds, files[file])
	}
	return seeds
}

func read(t testing.TB, name string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(locate(t, name), "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte, len(paths))
	for _, path := range paths {
		if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// locate walks up from the test's package to the root of the repository.
func locate(t testing.TB, name string) string {
	t.Helper()
	for up := ".."; ; up = filepath.Join(up, "..") {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			return filepath.Join(up, "..", "shared", "vectors", filepath.FromSlash(name))
		}
		if dir, err := filepath.Abs(up); err != nil || dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod above the test (%v)", err)
		}
	}
}

// Hex is octets that a vector file writes in hexadecimal.
type Hex []byte

// UnmarshalText makes Hex a field of what Load reads into.
func (h *Hex) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// Unhex is for vectors that stand in a test.
func Unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
