//go:build unix

package instance

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFolderOfAnother: where another user owns the session's folder, nothing is claimed
// in it, and nothing is handed over to whoever waits there.
func TestFolderOfAnother(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root gives folders away")
	}
	path := place(t)
	dir := filepath.Dir(path)
	const nobody = 65534
	if err := errors.Join(os.Mkdir(dir, 0o777), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignFolderError
	if _, err := Claim(path, slog.New(slog.DiscardHandler)); !errors.As(err, &foreign) || !strings.Contains(err.Error(), "XDG_RUNTIME_DIR") {
		t.Fatalf("%v", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("something was left there: %v, %v", list, err)
	}
}
