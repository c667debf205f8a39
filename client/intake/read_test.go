package intake

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestLargeFile: of a file of 100 MB no more is read than shows that it is no
// profile.
func TestLargeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "large.mobileconfig")
	if err := os.WriteFile(path, []byte("<plist>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	data, err := ReadFile(path)
	if err != nil || len(data) != profile.MaxFile+1 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	found, err := Read(t.Context(), path, data, nil)
	var e *profile.ImportError
	if !errors.As(err, &e) || e.Problem != profile.ImportTooLarge || !strings.Contains(e.Sentence, "2 MiB") || found != nil {
		t.Errorf("%v", err)
	}
}

// TestLanguages reads the person's surroundings.
func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, nil},
		{map[string]string{"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, nil},
		{map[string]string{"LANG": "de_CH.UTF-8", "LC_MESSAGES": "fr_FR@euro"}, []string{"fr-FR", "de-CH"}},
	} {
		if got := languages(func(name string) string { return c.env[name] }); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q", c.env, got)
		}
	}
}
