package vectors

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestFound makes a repository with vectors beside it and loads them from deep
// inside.
func TestFound(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"repository/go.mod":          "module example.org/x\n",
		"repository/ike/wire/x.go":   "",
		"shared/vectors/rfc/x.json":  `{"Vectors": [{"Key": "00ff"}]}`,
		"shared/vectors/fuzz/b.bin":  "2",
		"shared/vectors/fuzz/a.bin":  "1",
		"shared/vectors/fuzz/README": "not a seed",
	} {
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(top, "repository", "ike", "wire"))

	var file struct{ Vectors []struct{ Key Hex } }
	Load(t, "rfc/x.json", &file)
	if len(file.Vectors) != 1 || !bytes.Equal(file.Vectors[0].Key, Unhex(t, "00ff")) {
		t.Errorf("loaded %+v", file)
	}
	if files := Dir(t, "fuzz"); len(files) != 2 || string(files["a.bin"]) != "1" || string(files["b.bin"]) != "2" {
		t.Errorf("files %q", files)
	}
}
