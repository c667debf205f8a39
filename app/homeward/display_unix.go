//go:build unix && !darwin

package main

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
)

var errNoDisplay = errors.New("there is no display to open a window on; use homewardctl, which does the same at a terminal")

// display says why there can be no window. Fyne itself would end without a word that
// helps.
func display(env func(string) string) error {
	if name := env("WAYLAND_DISPLAY"); name != "" {
		if !filepath.IsAbs(name) {
			name = filepath.Join(env("XDG_RUNTIME_DIR"), name)
		}
		if answers("unix", name) {
			return nil
		}
	}
	if x := env("DISPLAY"); x != "" && reachable(x) {
		return nil
	}
	return errNoDisplay
}

// reachable says whether an X server listens at a DISPLAY such as ":0", "unix:0",
// "host:10.0" (X(7)).
func reachable(x string) bool {
	host, rest, ok := cutLast(x, ":")
	if !ok {
		return filepath.IsAbs(x) && answers("unix", x)
	}
	number, _, _ := strings.Cut(rest, ".")
	if filepath.IsAbs(host) { // a socket's own path, as XQuartz gives it
		return answers("unix", x) || answers("unix", host)
	}
	if host == "" || host == "unix" {
		path := "/tmp/.X11-unix/X" + number
		return answers("unix", path) || answers("unix", "@"+path)
	}
	// Elsewhere, through ssh perhaps: whether it answers Fyne finds out.
	return number != ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func answers(network, address string) bool {
	c, err := net.Dial(network, address)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
