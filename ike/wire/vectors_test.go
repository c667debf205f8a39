package wire

import (
	"os"
	"path/filepath"
	"testing"
)

// seedFiles gives the files of a folder of ../shared/vectors/fuzz, or none
// with a message where the folder is absent.
func seedFiles(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "shared", "vectors", "fuzz", folder, "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}
