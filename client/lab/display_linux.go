package lab

import (
	"os"
	"path/filepath"
	"strings"
)

// Display is the environment by which a program inside shows its windows on the screen
// of the person who has started the lab; empty: there is none.
func Display() []string { return display(os.Getenv) }

func display(getenv func(string) string) []string {
	var env []string
	if screen := getenv("DISPLAY"); screen != "" {
		authority := getenv("XAUTHORITY")
		if authority == "" {
			authority = filepath.Join(getenv("HOME"), ".Xauthority")
		}
		env = append(env, "DISPLAY="+screen, "XAUTHORITY="+insidePath(authority))
	}
	if socket := getenv("WAYLAND_DISPLAY"); socket != "" {
		if !filepath.IsAbs(socket) {
			socket = filepath.Join(getenv("XDG_RUNTIME_DIR"), socket)
		}
		env = append(env, "WAYLAND_DISPLAY="+insidePath(socket))
	}
	return env
}

// insidePath is where a file of the machine's is seen inside, whose /run is another.
func insidePath(path string) string {
	if rest, ok := strings.CutPrefix(filepath.Clean(path), "/run/user/"); ok {
		return filepath.Join(realUsers, rest)
	}
	return path
}
