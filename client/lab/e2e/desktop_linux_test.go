package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestDesktopFirstDay is an employee's first day: the file of the IT is opened, confirmed,
// and after the password the intranet opens. On the second day nothing is asked.
func TestDesktopFirstDay(t *testing.T) {
	s := sit(t, lab.Options{}, lab.ScreenOptions{})
	s.open(s.files[lab.OfficeProfile])
	s.sees("Example Corp wants to set up a connection")
	s.sees("User name and password")
	s.picture("import")
	s.press("button", "Add and connect")

	s.fill("User name", lab.UserName)
	s.fill("Password", "not the password")
	s.picture("password")
	s.press("button", "Continue")
	s.sees("The password was not accepted.")
	s.picture("wrong-password")
	s.fill("Password", lab.UserPassword)
	s.key("Return")
	s.sees("Connected")
	s.sees("since ")
	s.picture("connected")
	s.intranetOpens()
	s.press("button", "Technical details")
	s.sees("203.0.113.1:4500")
	s.picture("technical")

	s.turn("Connect office", false)
	s.sees("Turn the switch on to connect")
	if page, err := s.Client.Fetch(s.ctx, intranetPage); err == nil {
		t.Fatalf("the intranet still answers: %q", page.Body)
	}
	s.turn("Connect office", true)
	s.sees("since ")
	s.intranetOpens()

	s.choose("Disconnect office")
	s.sees("Turn the switch on to connect")
	s.quits("Quit")
	if kept := s.ctl("", "profiles"); !strings.Contains(kept.Stdout, "office") {
		t.Errorf("homewardctl knows %q", kept.Stdout)
	}
}

// TestDesktopTray lives in the panel: connected and disconnected by its menu, told of what
// a person must know, and of nothing else.
func TestDesktopTray(t *testing.T) {
	s := sit(t, lab.Options{}, lab.ScreenOptions{})
	s.native(lab.Native{Name: guardedProfile, CA: [][]byte{s.PKI.CA.DER()}, Fields: map[string]any{"session.liveness": "1s"}})
	s.connect(guardedProfile)
	s.must("", "disconnect")
	s.open("--hidden")
	s.choose("Connect " + guardedProfile)
	s.until("connected")
	if ids, err := s.Windows(s.ctx, "Homeward"); err != nil || len(ids) > 0 {
		t.Errorf("there is a window: %v, %v", ids, err)
	}
	s.intranetOpens()

	if err := s.Gateway.Kill(); err != nil {
		t.Fatal(err)
	}
	s.told("Connection lost")
	s.choose("Open Homeward")
	s.sees("Reconnecting")
	s.picture("lost")
	if err := s.Gateway.Restart(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.sees("since ")
	s.intranetOpens()

	s.choose("Disconnect " + guardedProfile)
	s.until("disconnected")
	s.sees("Turn the switch on to connect")
	for _, n := range s.notices.All() {
		if n.Title != "Connection lost" && n.Title != "Connected again" {
			t.Errorf("a person was told %+v", n)
		}
	}
	s.quits("Quit")
}

// TestDesktopServiceRestarts takes the service away below the window, which says so, says
// nothing else, and goes on when it is back.
func TestDesktopServiceRestarts(t *testing.T) {
	s := sit(t, lab.Options{}, lab.ScreenOptions{})
	s.must("", "import", s.files[lab.OfficeProfile], "--yes")
	s.connect(lab.OfficeProfile)
	s.open()
	s.sees("since ")
	if err := s.Homeward.Kill(); err != nil {
		t.Fatal(err)
	}
	s.sees("Reconnecting to the service.")
	s.picture("service-lost")
	if err := s.Homeward.Start(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.sees("Turn the switch on to connect")
	s.turn("Connect office", true)
	s.sees("since ")
	s.intranetOpens()
	s.choose("Disconnect office")
	s.until("disconnected")
	s.quits("Quit")
}

// TestDesktopSecondStart hands a file to the program that runs already.
func TestDesktopSecondStart(t *testing.T) {
	s := sit(t, lab.Options{NoGateway: true}, lab.ScreenOptions{})
	s.open()
	s.sees("Open the profile that your IT sent you")
	s.picture("first-run")
	first := s.desktop
	second, err := s.StartDesktop(s.files[lab.SplitProfile])
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(s.ctx); err != nil {
		t.Errorf("the second start ended with %v: %s", err, second.Said())
	}
	s.desktop = first
	s.sees("Example Corp wants to set up a connection")
	s.key("Escape")
	s.sees("Open the profile that your IT sent you")

	// What only looks like a profile is told as what it is.
	zip := filepath.Join(s.Dir, "office.mobileconfig")
	if err := os.WriteFile(zip, []byte("PK\x03\x04"+strings.Repeat("\x00", 60)), 0o600); err != nil {
		t.Fatal(err)
	}
	if second, err = s.StartDesktop(zip); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(s.ctx); err != nil {
		t.Errorf("the third start ended with %v: %s", err, second.Said())
	}
	s.sees("office.mobileconfig was not added")
	s.picture("not-a-profile")
	s.key("Escape")
	s.quits("Quit")
}

// TestDesktopWithoutTray stays in its window and says so.
func TestDesktopWithoutTray(t *testing.T) {
	s := sit(t, lab.Options{NoGateway: true}, lab.ScreenOptions{NoTray: true})
	s.open()
	s.sees("This desktop shows no icons in its panel")
	s.picture("no-tray")
	window, err := s.Window(s.ctx, "Homeward")
	if err != nil {
		t.Fatal(err)
	}
	// The window is all there is of it, so closing it is the end.
	if err := s.CloseWindow(s.ctx, window); err != nil {
		t.Fatal(err)
	}
	if err := s.desktop.Wait(s.ctx); err != nil {
		t.Errorf("it ended with %v: %s", err, s.desktop.Said())
	}
}

// TestDesktopWithoutScreen says where else everything can be done.
func TestDesktopWithoutScreen(t *testing.T) {
	s := sit(t, lab.Options{NoGateway: true}, lab.ScreenOptions{NoTray: true})
	d, err := s.rig.StartDesktop([]string{"DISPLAY=", "WAYLAND_DISPLAY="})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(s.ctx); err == nil || !strings.Contains(d.Said(), "homewardctl") || strings.Count(d.Said(), "\n") != 1 {
		t.Errorf("it ended with %v and said %q", err, d.Said())
	}
}
