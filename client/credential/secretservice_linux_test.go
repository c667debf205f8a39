package credential

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The test below runs this test program again on a session bus of its own,
// with this variable saying which part to play.
const role = "HOMEWARD_TEST_KEYCHAIN"

// TestGNOMEKeyring keeps secrets under a key in a real GNOME Keyring, on a
// private session bus and in folders of its own.
func TestGNOMEKeyring(t *testing.T) {
	switch os.Getenv(role) {
	case "keyring":
		withKeyring(t)
		return
	case "nobody":
		withoutKeyring(t)
		return
	case "first", "locked", "again":
		acrossRestarts(t, os.Getenv(role))
		return
	}
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for part, script := range map[string]string{
		"keyring": `printf %s unlock | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null & daemon=$!
			"$0" -test.run '^TestGNOMEKeyring$' -test.v; result=$?
			kill $daemon; wait $daemon; exit $result`,
		"restarts": `run() { part=$1; shift
				printf %s unlock | gnome-keyring-daemon --foreground "$@" --components=secrets >/dev/null & daemon=$!
				` + role + `=$part "$self" -test.run '^TestGNOMEKeyring$' -test.v || result=1
				kill $daemon; wait $daemon; }
			self=$0; result=0
			run first --unlock; run locked; run again --unlock; exit $result`,
		"nobody": `exec "$0" -test.run '^TestGNOMEKeyring$' -test.v`,
	} {
		t.Run(part, func(t *testing.T) {
			home := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "dbus-run-session", "--config-file", busConfig(t, home), "--", "sh", "-c", script, self)
			cmd.Env = append(os.Environ(), role+"="+part, "HOME="+home, "DBUS_SESSION_BUS_ADDRESS=", "DISPLAY=", "WAYLAND_DISPLAY=")
			for _, dir := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"} {
				path := filepath.Join(home, dir)
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
				cmd.Env = append(cmd.Env, dir+"="+path)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			} else {
				t.Logf("%s", out)
			}
		})
	}
}

// busConfig writes the configuration of a bus that starts no services by
// itself, so that no other keychain of this machine answers.
func busConfig(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "bus.conf")
	config := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=` + dir + `</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// awaitKeyring waits until the keychain has taken its name on the bus.
func awaitKeyring(t *testing.T) {
	t.Helper()
	const name = "org.freedesktop.secrets"
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}()
	changes := make(chan *dbus.Signal, 16)
	bus.Signal(changes)
	if err := bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)); err != nil {
		t.Fatal(err)
	}
	var owned bool // asked only now, so that no change falls in between
	if err := bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned); err != nil {
		t.Fatal(err)
	}
	timeout := time.After(20 * time.Second)
	for !owned {
		select {
		case s := <-changes:
			owned = len(s.Body) > 0 && s.Body[0] == name
		case <-timeout:
			t.Fatal("the keychain did not appear on the bus")
		}
	}
}

// withKeyring plays a user of a machine with a keychain.
func withKeyring(t *testing.T) {
	awaitKeyring(t)
	dir, err := DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	keychain := &SystemKeychain{Deadline: 20 * time.Second}
	id := profile.NewID()
	for round := range 2 { // the second round is another run of the program
		s, err := Open(dir, keychain)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if err := s.Put(t.Context(), id, secrets()); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Get(t.Context(), id)
		if err != nil || string(got.Password) != "pässword" || len(got.PrivateKey) != 3000 {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	s, err := Open(dir, keychain)
	if err != nil {
		t.Fatal(err)
	}
	if err := keychain.Delete(t.Context(), Service, s.login); err != nil {
		t.Fatal(err)
	}
	if _, err := keychain.Get(t.Context(), Service, s.login); !errors.Is(err, ErrNoEntry) {
		t.Errorf("the entry is still there: %v", err)
	}
	var sealed *SealError
	if _, err := s.Get(t.Context(), id); !errors.As(err, &sealed) {
		t.Errorf("without its key: %v", err)
	}
}

// acrossRestarts plays a user whose keychain's daemon ends and comes back: locked,
// which nobody is there to change, and then unlocked with all that it held.
func acrossRestarts(t *testing.T, part string) {
	awaitKeyring(t)
	dir, err := DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, &SystemKeychain{Deadline: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	const id = "0123456789abcdef0123456789abcdef"
	switch part {
	case "first":
		if err := s.Put(t.Context(), id, secrets()); err != nil {
			t.Fatal(err)
		}
	case "locked":
		var e *KeychainError
		if _, err := s.Get(t.Context(), id); !errors.As(err, &e) || e.Reason != KeychainLocked && e.Reason != KeychainSilent {
			t.Errorf("a locked keychain: %v", err)
		} else {
			t.Logf("it is %s: %v", e.Reason, e)
		}
		if err := s.SetMode(t.Context(), ModePassphrase, []byte("four quiet words")); !errors.As(err, &e) {
			t.Errorf("what cannot be opened is taken over: %v", err)
		}
		if kept, err := s.Kept(); err != nil || len(kept) != 1 {
			t.Errorf("kept %q, %v", kept, err)
		}
	default:
		if got, err := s.Get(t.Context(), id); err != nil || string(got.Password) != "pässword" {
			t.Errorf("unlocked again: %v", err)
		}
		if err := errors.Join(s.Forget(id), s.Tidy(t.Context())); err != nil {
			t.Error(err)
		}
		if _, err := (&SystemKeychain{}).Get(t.Context(), Service, s.login); !errors.Is(err, ErrNoEntry) {
			t.Errorf("the entry is still there: %v", err)
		}
	}
}

// withoutKeyring plays a user of a machine where nothing answers.
func withoutKeyring(t *testing.T) {
	s, err := Open(t.TempDir(), &SystemKeychain{Deadline: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var e *KeychainError
	if err := s.Put(t.Context(), profile.NewID(), secrets()); !errors.As(err, &e) || e.Reason != KeychainAbsent {
		t.Errorf("error %v", err)
	}
}
