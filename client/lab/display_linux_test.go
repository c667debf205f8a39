package lab

import (
	"slices"
	"testing"
)

func TestDisplay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"none", map[string]string{"HOME": "/home/alice", "XDG_RUNTIME_DIR": "/run/user/1000"}, nil},
		{"X", map[string]string{"HOME": "/home/alice", "DISPLAY": ":0"}, []string{"DISPLAY=:0", "XAUTHORITY=/home/alice/.Xauthority"}},
		{"X beside a display manager", map[string]string{"DISPLAY": ":1", "XAUTHORITY": "/run/user/1000/gdm/Xauthority"},
			[]string{"DISPLAY=:1", "XAUTHORITY=" + realUsers + "/1000/gdm/Xauthority"}},
		{"Wayland", map[string]string{"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": "/run/user/1000"},
			[]string{"WAYLAND_DISPLAY=" + realUsers + "/1000/wayland-0"}},
		{"Wayland elsewhere", map[string]string{"WAYLAND_DISPLAY": "/srv/wayland-1", "XDG_RUNTIME_DIR": "/run/user/1000"},
			[]string{"WAYLAND_DISPLAY=/srv/wayland-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := display(func(name string) string { return c.env[name] }); !slices.Equal(got, c.want) {
				t.Errorf("the environment is %q, want %q", got, c.want)
			}
		})
	}
}
