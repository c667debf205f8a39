//go:build cgo

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// screen is a private display, session bus and home, with a service that says what the
// test wants. The program is the real one.
type screen struct {
	t       *testing.T
	dir     string
	display string
	bus     string
	program string
	service *stage
}

// built builds the program once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "homeward-program-")
	if err != nil {
		return "", err
	}
	programDir = dir
	path := filepath.Join(dir, "homeward")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// programDir is where built has made it; empty: it was not wanted.
var programDir string

// TestMain removes what built has made.
func TestMain(m *testing.M) {
	code := m.Run()
	if programDir != "" {
		if err := os.RemoveAll(programDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// newScreen starts what a desktop is made of, or skips the test where that is not there.
func newScreen(t *testing.T) *screen {
	t.Helper()
	for _, tool := range []string{"Xvfb", "dbus-daemon", "xdotool", "wmctrl", "openbox"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("a window wants %s, which is not installed", tool)
		}
	}
	dir, err := os.MkdirTemp("", "hw")
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, dir: dir}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if s.program, err = built(); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp")
	x.ExtraFiles = []*os.File{w}
	s.start(x)
	s.display = ":" + firstLine(t, r)
	if err := errors.Join(w.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	bus := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address=1", "--address=unix:path="+filepath.Join(dir, "bus"))
	out, err := bus.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.start(bus)
	s.bus = firstLine(t, out)
	s.start(s.command("openbox"))
	s.service = newStage(t, filepath.Join(dir, "service"))
	return s
}

func firstLine(t *testing.T, r io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// command is a program of the session's.
func (s *screen) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	for _, e := range os.Environ() {
		switch name, _, _ := strings.Cut(e, "="); {
		case strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "LC_"), strings.HasPrefix(name, "DBUS_"),
			name == "HOME", name == "LANG", name == "LANGUAGE", name == "DISPLAY", name == "WAYLAND_DISPLAY":
		default:
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+s.dir, "XDG_RUNTIME_DIR="+s.dir, "LANG=en_US.UTF-8", "DISPLAY="+s.display, "DBUS_SESSION_BUS_ADDRESS="+s.bus,
		control.SocketVariable+"="+filepath.Join(s.dir, "service"), "LIBGL_ALWAYS_SOFTWARE=1")
	return cmd
}

// start runs something until the test ends.
func (s *screen) start(cmd *exec.Cmd) *exec.Cmd {
	s.t.Helper()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		// How a program ends that the test ends says nothing.
		_ = cmd.Wait()
		close(ended)
	}()
	s.t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			s.t.Error(err)
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			s.t.Errorf("%s does not end", cmd.Path)
			if err := cmd.Process.Kill(); err != nil {
				s.t.Error(err)
			}
			<-ended
		}
	})
	return cmd
}

// window waits for a window that can be seen, and gives its number.
func (s *screen) window(ctx context.Context) string {
	s.t.Helper()
	tool := s.command("xdotool", "search", "--sync", "--onlyvisible", "--name", "^Homeward$")
	cmd := exec.CommandContext(ctx, tool.Path, tool.Args[1:]...)
	cmd.Env = tool.Env
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("no window: %v", err)
	}
	return strings.Fields(string(out))[0]
}

// windows counts the windows that can be seen.
func (s *screen) windows() int {
	out, err := s.command("xdotool", "search", "--onlyvisible", "--name", ".").Output()
	if err != nil {
		return 0 // xdotool fails where it finds none
	}
	return len(strings.Fields(string(out)))
}

// panel is a desktop's panel, as far as programs see it: it takes the tray and reads it.
type panel struct {
	t     *testing.T
	conn  *dbus.Conn
	items chan string // the names of programs on the bus that have a tray
}

// RegisterStatusNotifierItem is called by a program with a tray.
func (p *panel) RegisterStatusNotifierItem(_ string, sender dbus.Sender) *dbus.Error {
	p.items <- string(sender)
	return nil
}

// panel puts a panel on the screen.
func (s *screen) panel() *panel {
	s.t.Helper()
	conn, err := dbus.Connect(s.bus)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			s.t.Error(err)
		}
	})
	p := &panel{t: s.t, conn: conn, items: make(chan string, 8)}
	if err := conn.Export(p, watcherPath, watcherName); err != nil {
		s.t.Fatal(err)
	}
	_, err = prop.Export(conn, watcherPath, prop.Map{watcherName: {"IsStatusNotifierHostRegistered": {Value: true}}})
	if err != nil {
		s.t.Fatal(err)
	}
	if reply, err := conn.RequestName(watcherName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		s.t.Fatalf("%v, %v", reply, err)
	}
	return p
}

// item is one row of a tray's menu.
type item struct {
	id      int32
	label   string
	enabled bool
	checked bool
}

// menu reads the menu of a program's tray.
func (p *panel) menu(program string) []item {
	p.t.Helper()
	type node struct {
		ID    int32
		Props map[string]dbus.Variant
		Under []dbus.Variant
	}
	var revision uint32
	var root node
	err := p.conn.Object(program, "/StatusNotifierItem/menu").Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root)
	if err != nil {
		p.t.Fatal(err)
	}
	var items []item
	for _, v := range root.Under {
		var n node
		if err := dbus.Store([]any{v.Value()}, &n); err != nil {
			p.t.Fatal(err)
		}
		i := item{id: n.ID, enabled: true}
		if label, ok := n.Props["label"]; ok {
			i.label, _ = label.Value().(string)
		}
		if enabled, ok := n.Props["enabled"]; ok {
			i.enabled, _ = enabled.Value().(bool)
		}
		if state, ok := n.Props["toggle-state"]; ok {
			on, _ := state.Value().(int32)
			i.checked = on == 1
		}
		items = append(items, i)
	}
	return items
}

// await waits until the menu has a row.
func (p *panel) await(program, label string) item {
	p.t.Helper()
	limit := time.Now().Add(20 * time.Second)
	for time.Now().Before(limit) {
		for _, i := range p.menu(program) {
			if strings.Contains(i.label, label) {
				return i
			}
		}
		<-time.After(20 * time.Millisecond)
	}
	p.t.Fatalf("the menu has no %q: %+v", label, p.menu(program))
	panic("unreachable")
}

// click chooses a row of the menu.
func (p *panel) click(program, label string) {
	p.t.Helper()
	i := p.await(program, label)
	for same := 0; same < 10; same++ { // a menu that is drawn anew has other rows
		<-time.After(50 * time.Millisecond)
		if now := p.await(program, label); now != i {
			i, same = now, 0
		}
	}
	err := p.conn.Object(program, "/StatusNotifierItem/menu").Call("com.canonical.dbusmenu.Event", 0, i.id, "clicked", dbus.MakeVariant(""), uint32(0)).Err
	if err != nil {
		p.t.Fatal(err)
	}
}

// spent is what a process has used.
type spent struct {
	resident int // MB
	cpu      time.Duration
}

func used(t *testing.T, pid int) spent {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// proc(5): behind the name in brackets, utime and stime are the 12th and 13th, in
	// hundredths of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kb int
	for line := range strings.Lines(string(status)) {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			if kb, err = strconv.Atoi(strings.Fields(rest)[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return spent{resident: kb >> 10, cpu: time.Duration(ticks) * 10 * time.Millisecond}
}

// stage is a service that shows what the test wants.
type stage struct {
	mu       sync.Mutex
	status   control.Status
	changed  chan struct{}
	profiles []control.ProfileInfo
	wishes   chan string
	asked    int // for a status
}

func newStage(t *testing.T, path string) *stage {
	t.Helper()
	s := &stage{changed: make(chan struct{}), wishes: make(chan string, 16)}
	s.status = control.Status{Revision: 1, State: control.StateDisconnected, Since: time.Now()}
	l, err := localsock.Listen(path, localsock.DefaultMode)
	if err != nil {
		t.Fatal(err)
	}
	server := control.NewServer(s, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(context.Background()), <-served); err != nil {
			t.Error(err)
		}
	})
	return s
}

// furnish makes profiles.
func (s *stage) furnish(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		s.profiles = append(s.profiles, control.ProfileInfo{
			ID: profile.NewID(), Name: fmt.Sprintf("Harbour Office %d", i+1), Owner: uint32(os.Getuid()), Gateway: fmt.Sprintf("vpn%d.harbour.example", i+1),
			Auth: profile.ClientMSCHAPv2, SignIn: "user name and password", Username: "alice", Format: "mobileconfig",
		})
	}
}

// connect shows a line by the first profile.
func (s *stage) connect() {
	s.show(func(st *control.Status) {
		st.State, st.Since = control.StateConnected, time.Now()
		st.Profile, st.ProfileID = s.profiles[0].Name, s.profiles[0].ID
		st.Gateway = &control.Gateway{Address: netip.MustParseAddr("203.0.113.1"), Port: 4500, Identity: "vpn1.harbour.example"}
		st.Addresses = []netip.Prefix{netip.MustParsePrefix("10.98.0.2/32")}
		st.Routes = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		st.IKE = &control.IKE{Suite: "AES-256-GCM", Established: time.Now(), RekeyAt: time.Now().Add(3 * time.Hour)}
		st.ESP = &control.ESP{Suite: "AES-256-GCM", TxBytes: 1 << 20, RxBytes: 8 << 20}
	})
}

func (s *stage) show(change func(st *control.Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
	s.status.Revision++
	close(s.changed)
	s.changed = make(chan struct{})
}

// Status implements control.Backend: each time there is more traffic.
func (s *stage) Status(control.Caller) control.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.status.ESP != nil {
		esp := *s.status.ESP
		esp.RxBytes += uint64(1+s.asked%7) << 18
		esp.TxBytes += uint64(1+s.asked%5) << 14
		s.status.ESP = &esp
	}
	return s.status
}

// Wait implements control.Backend.
func (s *stage) Wait(ctx context.Context, _ control.Caller, after uint64) (control.Status, error) {
	for {
		s.mu.Lock()
		st, changed := s.status, s.changed
		s.mu.Unlock()
		if st.Revision > after {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return control.Status{}, ctx.Err()
		}
	}
}

func (s *stage) wish(what string) (control.Accepted, error) {
	s.wishes <- what
	s.mu.Lock()
	defer s.mu.Unlock()
	return control.Accepted{Revision: s.status.Revision}, nil
}

// Profiles implements control.Backend.
func (s *stage) Profiles(control.Caller) []control.ProfileInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.profiles
}

// Profile implements control.Backend.
func (s *stage) Profile(_ control.Caller, name string) (*profile.Profile, error) {
	for _, info := range s.Profiles(control.Caller{}) {
		if info.ID == name {
			return &profile.Profile{Version: profile.Version, ID: info.ID, Name: info.Name, Gateway: profile.Gateway{Address: info.Gateway, Auth: profile.GatewayCertificate}, Client: profile.Client{Auth: info.Auth, Username: info.Username}}, nil
		}
	}
	return nil, control.Refuse(control.CodeNotFound, "there is no profile %q", name)
}

// Connect implements control.Backend.
func (s *stage) Connect(_ context.Context, _ control.Caller, r control.ConnectRequest) (control.Accepted, error) {
	return s.wish("connect " + r.Profile)
}

// Disconnect implements control.Backend.
func (s *stage) Disconnect(context.Context, control.Caller) (control.Accepted, error) {
	return s.wish("disconnect")
}

// ChangeSettings implements control.Backend.
func (s *stage) ChangeSettings(_ context.Context, _ control.Caller, c control.SettingsChange) (control.Settings, error) {
	_, err := s.wish("kill switch " + *c.KillSwitch)
	s.show(func(st *control.Status) { st.KillSwitch.Mode = *c.KillSwitch })
	return control.Settings{KillSwitch: *c.KillSwitch}, err
}

// Attend implements control.Backend.
func (s *stage) Attend(control.Caller) func() { return func() {} }

// Settings implements control.Backend.
func (s *stage) Settings(control.Caller) control.Settings { return control.Settings{} }

var errNotStaged = control.Refuse(control.CodeUnavailable, "this is not part of the play")

// The rest of control.Backend is not part of the play.

func (s *stage) Renew(context.Context, control.Caller) (control.Accepted, error) {
	return control.Accepted{}, errNotStaged
}
func (s *stage) Answer(context.Context, control.Caller, control.Answer) error { return errNotStaged }
func (s *stage) LookPortal(context.Context, control.Caller) (control.Portal, error) {
	return control.Portal{}, errNotStaged
}
func (s *stage) SignInPortal(context.Context, control.Caller, func(control.PortalSignIn) error) error {
	return errNotStaged
}
func (s *stage) EnterPortal(context.Context, control.Caller, uint64) error   { return errNotStaged }
func (s *stage) AddProfile(control.Caller, *profile.Profile) error           { return errNotStaged }
func (s *stage) DeleteProfile(control.Caller, string) error                  { return errNotStaged }
func (s *stage) RemoveMachine(context.Context, control.Caller, string) error { return errNotStaged }
func (s *stage) Machines(control.Caller) ([]control.MachineInfo, error)      { return nil, errNotStaged }
func (s *stage) SetMachine(context.Context, control.Caller, control.MachineCredential) error {
	return errNotStaged
}
func (s *stage) Logs(context.Context, control.Caller, bool, func([]control.LogEntry) error) error {
	return errNotStaged
}
