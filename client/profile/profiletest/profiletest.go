// Package profiletest finds the profile files that tests read: real ones, from
// the manuals and tools of many vendors. They lie in ../shared/samples, beside
// the repository, and are read where they are; where they are absent, a test is
// skipped and says so. It also makes the certificates that fixtures hold, and
// looks up lines of reports.
//
// The tests of the importers and of the command line call it; programs never
// do.
package profiletest

import (
	"os"
	"path/filepath"
	"testing"
)

// Samples is the folder of the samples and of manifest.tsv, which says what
// each of them is.
func Samples(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(root(t), "..", "shared", "samples")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the sample profiles are not beside the repository: %v", err)
	}
	return dir
}

// root is the folder that holds go.mod, above the package under test.
func root(t testing.TB) string {
	t.Helper()
	for up := ".."; ; up = filepath.Join(up, "..") {
		dir, err := filepath.Abs(up)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
	}
}

// Sample reads one of the samples.
func Sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Samples(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
