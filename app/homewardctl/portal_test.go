package main

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// Which program is started, and with what: one that is new, never one that is open.
func TestBrowserCommand(t *testing.T) {
	t.Parallel()
	const page = "https://portal.example/?next=DIR"
	finds := func(there ...string) func(string) (string, error) {
		return func(name string) (string, error) {
			if slices.Contains(there, name) {
				return "/usr/bin/" + name, nil
			}
			return "", errors.New("not found")
		}
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "browser")
	for _, tc := range []struct {
		name  string
		own   []string
		there []string
		want  []string
	}{
		{"the user's own", []string{"surf", "-d"}, []string{"surf", "firefox"}, []string{"/usr/bin/surf", "-d", page}},
		{"the user's own is not there", []string{"surf"}, []string{"firefox"}, nil},
		{"the first of several", nil, []string{"chromium", "firefox"}, []string{"/usr/bin/firefox", "--new-instance", "--no-remote", "--profile", own, page}},
		{"another", nil, []string{"chromium"}, []string{"/usr/bin/chromium", "--user-data-dir=" + own, "--no-first-run", "--no-default-browser-check", page}},
		{"one for terminals", nil, []string{"lynx"}, []string{"/usr/bin/lynx", page}},
		{"none", nil, nil, nil},
	} {
		got, err := browserCommand(tc.own, page, dir, finds(tc.there...))
		if !slices.Equal(got, tc.want) || (err == nil) != (tc.want != nil) {
			t.Errorf("%s: %q, %v; want %q", tc.name, got, err, tc.want)
		}
	}
	if info, err := os.Stat(own); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("the browser's own folder: %v, %v", info, err)
	}
}

func TestResolvConf(t *testing.T) {
	t.Parallel()
	var many []netip.Addr
	for _, a := range []string{"192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"} {
		many = append(many, netip.MustParseAddr(a))
	}
	if got, want := resolvConf(many), "nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2\noptions timeout:2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPortalWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.Local)
	later := now.Add(90 * time.Minute)
	page := "https://portal.example/\x1b[2J"
	for _, tc := range []struct {
		p    control.Portal
		want []string
	}{
		{control.Portal{State: control.PortalCaptive, URL: page}, []string{"wants you to sign in first", "https://portal.example/", "homewardctl portal sign-in", "everything else stays blocked"}},
		{control.Portal{State: control.PortalCaptive, URL: page, SigningInUntil: &later}, []string{"A browser is open", "13:30", "Nothing else gets out"}},
		{control.Portal{State: control.PortalOpen}, []string{"wants no sign-in"}},
		{control.Portal{State: control.PortalOpen, SessionUntil: &later}, []string{"lets you out", "in 1 h 30 min"}},
		{control.Portal{State: control.PortalUnknown}, []string{"could not be found out", "homewardctl logs"}},
	} {
		got := portalWords(tc.p, now)
		for _, w := range tc.want {
			if !strings.Contains(got, w) {
				t.Errorf("%+v is told as %q, without %q", tc.p, got, w)
			}
		}
		if strings.Contains(got, "\x1b") {
			t.Errorf("the network writes on the terminal: %q", got)
		}
	}
}

// How a sign-in's end is told.
func TestSignInEnded(t *testing.T) {
	t.Parallel()
	for why, want := range map[string]struct {
		words string
		fails bool
	}{
		control.SignInDone:    {"The network lets you out now", false},
		control.SignInClosed:  {"The browser is closed", false},
		control.SignInTime:    {"took longer than it may", true},
		control.SignInRemoved: {"homewardctl status", true},
	} {
		var said strings.Builder
		err := (&app{errOut: &said}).signInEnded(why, nil)
		text := said.String()
		if err != nil {
			text = err.Error()
		}
		if (err != nil) != want.fails || !strings.Contains(text, want.words) {
			t.Errorf("%s is told as %q, an error: %v", why, text, err != nil)
		}
	}
}

// A browser that fails at once is told as that, and not as closed by its user.
func TestBrowserFails(t *testing.T) {
	t.Parallel()
	exit := func(script string) error { return exec.Command("sh", "-c", script).Run() }
	for why, exit := range map[string]error{control.SignInClosed: exit("exit 3"), "": exit("exit 3")} {
		if err := (&app{errOut: io.Discard}).signInEnded(why, exit); err == nil || !strings.Contains(err.Error(), "exit code 3") {
			t.Errorf("ended as %q: %v", why, err)
		}
	}
	for _, exit := range []error{nil, exit("kill -9 $$")} { // by its user, or by the sign-in's end
		if err := (&app{errOut: io.Discard}).signInEnded(control.SignInClosed, exit); err != nil {
			t.Errorf("ended with %v: %v", exit, err)
		}
	}
}

// A service on a system that cannot says what to do instead.
func TestNoPortalsHere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fails([]string{"sign in to the network with a browser before you connect"}, "portal")
	r.fails([]string{"sign in to the network with a browser before you connect"}, "portal", "sign-in")
}
