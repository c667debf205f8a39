package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// How a desktop comes up, in the order of the functions below:
//
//	StartScreen   looks for the programs, gives the client's machine a folder for X's sockets
//	startX        Xvfb, a screen that nobody sees
//	startManager  a window manager: without one no window has the keyboard
//	startPanel    a panel whose tray hosts StatusNotifierItems
//
// The desktop's session bus is that of the Keychain, which is started first.

// ScreenOptions shape a Screen.
type ScreenOptions struct {
	// NoTray leaves the panel away, as desktops do that show no tray.
	NoTray bool
}

// Screen is the desktop of the person at the client's machine: an X server
// without a monitor, a window manager and a panel with a tray.
type Screen struct {
	h         *Homeward
	processes []*Process // in the order in which they were started
	said      *syncBuffer
}

// The screen: a small notebook's, on which a product has to look well, too.
const (
	screenWidth  = 1280
	screenHeight = 800
	panelHeight  = 28 // at the top
	displayName  = ":7"
)

// ErrNoScreen says that the programs of a desktop are not installed.
var ErrNoScreen = errors.New("a program of the desktop is not installed: run packaging/setup.sh")

// StartScreen gives the person a desktop, which the programs of the
// installation are on from then on. It wants StartKeychain first.
func (h *Homeward) StartScreen(ctx context.Context, l *Lab, o ScreenOptions) (*Screen, error) {
	for _, program := range []string{"Xvfb", "openbox", "xfce4-panel", "xdotool", "import"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("lab: %s: %w", program, ErrNoScreen)
		}
	}
	s := &Screen{h: h, said: &syncBuffer{}}
	l.onClose(s.Stop)
	for name, folder := range map[string]string{
		"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share", "XDG_CACHE_HOME": ".cache", "XDG_STATE_HOME": ".local/state",
	} {
		path := filepath.Join(h.Home, folder)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("lab: starting a desktop: %w", err)
		}
		h.Setenv(name, path)
	}
	// Software draws: there is no graphics card, and every machine draws the same.
	h.Setenv("LIBGL_ALWAYS_SOFTWARE", "1")
	if err := s.startX(ctx); err != nil {
		return nil, err
	}
	h.Setenv("DISPLAY", displayName)
	if err := s.startManager(ctx); err != nil {
		return nil, err
	}
	if o.NoTray {
		return s, nil
	}
	return s, s.startPanel(ctx)
}

// startX starts the X server. Its sockets lie on a file system that only the
// client's machine sees, so that labs beside each other may use one number.
func (s *Screen) startX(ctx context.Context) error {
	const sockets = "/tmp/.X11-unix"
	if _, err := s.h.machine.Run(ctx, "sh", "-ec", "mkdir -p "+sockets+" && mount -t tmpfs -o mode=1777 none "+sockets); err != nil {
		return err
	}
	x, err := s.start("Xvfb", displayName, "-screen", "0", fmt.Sprintf("%dx%dx24", screenWidth, screenHeight),
		"-nolisten", "tcp", "-nolock", "-noreset", "-dpi", "96")
	if err != nil {
		return err
	}
	socket := filepath.Join(sockets, "X"+strings.TrimPrefix(displayName, ":"))
	return Until(ctx, "the X server answers", func() (bool, error) {
		if err := s.alive(x); err != nil {
			return false, err
		}
		_, err := os.Stat(s.h.machine.Path(socket))
		return err == nil, nil
	})
}

func (s *Screen) startManager(ctx context.Context) error {
	manager, err := s.start("openbox", "--sm-disable")
	if err != nil {
		return err
	}
	return Until(ctx, "the window manager manages", func() (bool, error) {
		if err := s.alive(manager); err != nil {
			return false, err
		}
		out, err := s.run(ctx, "xprop", "-root", "_NET_SUPPORTING_WM_CHECK")
		return err == nil && strings.Contains(out, "window id"), nil
	})
}

// panelSettings is one panel, along the top, with a tray at its right end.
const panelSettings = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=11;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="%d"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
`

func (s *Screen) startPanel(ctx context.Context) error {
	settings := filepath.Join(s.h.Home, ".config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml")
	if err := os.MkdirAll(filepath.Dir(settings), 0o700); err != nil {
		return fmt.Errorf("lab: starting a panel: %w", err)
	}
	if err := os.WriteFile(settings, fmt.Appendf(nil, panelSettings, panelHeight), 0o600); err != nil {
		return fmt.Errorf("lab: starting a panel: %w", err)
	}
	panel, err := s.start("xfce4-panel", "--disable-wm-check", "--sm-client-disable")
	if err != nil {
		return err
	}
	return Until(ctx, "the panel hosts a tray", func() (bool, error) {
		if err := s.alive(panel); err != nil {
			return false, err
		}
		out, err := s.run(ctx, "dbus-send", "--session", "--print-reply=literal", "--dest=org.kde.StatusNotifierWatcher",
			"/StatusNotifierWatcher", "org.freedesktop.DBus.Properties.Get",
			"string:org.kde.StatusNotifierWatcher", "string:IsStatusNotifierHostRegistered")
		return err == nil && strings.Contains(out, "true"), nil
	})
}

// start starts a program of the desktop.
func (s *Screen) start(name string, args ...string) (*Process, error) {
	cmd := s.h.machine.Command(context.Background(), name, args...)
	cmd.Env = s.h.Environment()
	cmd.Stdout, cmd.Stderr = s.said, s.said
	p, err := startProcess(name, cmd)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return p, err
}

func (s *Screen) alive(p *Process) error {
	select {
	case <-p.Done():
		return fmt.Errorf("%s has ended: %v: %s", p.Name, p.err, s.said)
	default:
		return nil
	}
}

// run runs a program of the desktop to its end.
func (s *Screen) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := s.h.machine.Command(ctx, name, args...)
	cmd.Env = s.h.Environment()
	return output(cmd)
}

// Stop takes the desktop away again, windows first.
func (s *Screen) Stop() error {
	var errs []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		errs = append(errs, s.processes[i].Signal(syscall.SIGKILL))
		<-s.processes[i].Done()
	}
	s.processes = nil
	return errors.Join(errs...)
}
