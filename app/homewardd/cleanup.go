package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// cleanup takes back what the ledger in dir holds.
func cleanup(dir string, out io.Writer, logger *slog.Logger) (err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		_, err := fmt.Fprintln(out, "Nothing to clean up.")
		return err
	}
	l, err := ledger.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	before := l.Len()
	if err := l.Replay(undo()); err != nil {
		logger.Error("not everything could be taken back", "left", l.Len(), "error", err)
		return fmt.Errorf("%d of %d changes could not be taken back; run it again, and restart the computer if that does not help: %w", l.Len(), before, err)
	}
	if before == 0 {
		_, err = fmt.Fprintln(out, "Nothing to clean up.")
	} else {
		_, err = fmt.Fprintf(out, "Cleaned up: %d changes taken back.\n", before)
	}
	return err
}
