//go:build cgo

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/desktop"
)

// shownVariable names the environment variable that holds the path of a socket. Where
// it is set, the program tells whoever connects what its windows show, as JSON, once.
// The socket is the user's alone.
const shownVariable = "HOMEWARD_DESCRIBE"

// tellShown answers on the socket until the listener is closed. It is called before
// the window is made.
func tellShown(logger *slog.Logger, path string, shown func() []desktop.Shown) (net.Listener, error) {
	// What a former run left makes way, and nothing else.
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("telling what is shown: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("telling what is shown: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("telling what is shown: %w", err), l.Close())
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			var all []desktop.Shown
			fyne.DoAndWait(func() { all = shown() })
			if err := errors.Join(json.NewEncoder(c).Encode(all), c.Close()); err != nil {
				logger.Warn("what is shown could not be told", "error", err)
			}
		}
	}()
	return l, nil
}
