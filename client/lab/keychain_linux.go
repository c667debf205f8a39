package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Keychain is a D-Bus session with an unlocked gnome-keyring on the client's
// machine, for the person who uses homewardctl.
type Keychain struct{ bus, keyring *Process }

// ErrNoKeyring says that the keychain's programs are not installed.
var ErrNoKeyring = errors.New("dbus-daemon or gnome-keyring-daemon is not installed: run packaging/setup.sh")

// StartKeychain gives the installation a keychain.
func (h *Homeward) StartKeychain(ctx context.Context, l *Lab) (*Keychain, error) {
	for _, program := range []string{"dbus-daemon", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("lab: %w", ErrNoKeyring)
		}
	}
	address := filepath.Join(l.Dir, "session-bus")
	runtimeDir := filepath.Join(h.Home, ".runtime")
	if err := os.MkdirAll(runtimeDir, 0o700); err != nil {
		return nil, fmt.Errorf("lab: starting a keychain: %w", err)
	}
	bus := h.machine.Command(context.Background(), "dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=unix:path="+address)
	bus.Env = h.Environment()
	k := &Keychain{}
	var err error
	if k.bus, err = startProcess("dbus-daemon", bus); err != nil {
		return nil, err
	}
	l.onClose(k.Stop)
	if err := waitForSocket(ctx, address, k.bus); err != nil {
		return nil, err
	}
	h.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+address)
	h.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	ring := h.machine.Command(context.Background(), "gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	ring.Env = h.Environment()
	ring.Stdin = strings.NewReader("the lab's login password")
	said := &syncBuffer{}
	ring.Stdout, ring.Stderr = io.Discard, said
	if k.keyring, err = startProcess("gnome-keyring-daemon", ring); err != nil {
		return nil, err
	}
	return k, Until(ctx, "the keychain answers", func() (bool, error) {
		select {
		case <-k.keyring.Done():
			return false, fmt.Errorf("gnome-keyring-daemon has ended: %s", said)
		default:
		}
		ask := h.machine.Command(ctx, "dbus-send", "--bus=unix:path="+address, "--print-reply=literal", "--dest=org.freedesktop.DBus",
			"/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets")
		out, err := output(ask)
		return strings.Contains(out, "true"), err
	})
}

// Stop takes the keychain away again.
func (k *Keychain) Stop() error {
	var errs []error
	for _, p := range []*Process{k.keyring, k.bus} {
		if p != nil {
			errs = append(errs, p.Signal(syscall.SIGKILL))
			<-p.Done()
		}
	}
	return errors.Join(errs...)
}
