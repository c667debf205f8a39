package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Binaries are Homeward's programs.
type Binaries struct {
	Service string // homewardd
	Control string // homewardctl
	Desktop string // homeward; see Homeward.StartDesktop
}

// Programs gives Homeward's programs, built once per process from the source
// tree that the process was started in.
var Programs = sync.OnceValues(func() (Binaries, error) {
	if err := requireInside(); err != nil {
		return Binaries{}, err
	}
	if dir := os.Getenv(BinariesVariable); dir != "" {
		dir, err := filepath.Abs(dir)
		return binariesIn(dir), err
	}
	root, err := sourceRoot()
	if err != nil {
		return Binaries{}, err
	}
	dir := filepath.Join(runDir, "bin")
	// As the Makefile builds them: the user's program speaks to smart cards by cgo.
	cgo := "0"
	if _, err := exec.LookPath("cc"); err == nil {
		cgo = "1"
	}
	for program, enabled := range map[string]string{"./app/homewardd": "0", "./app/homewardctl": cgo} {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", program)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+enabled, "GOFLAGS=-mod=readonly")
		if _, err := output(cmd); err != nil {
			return Binaries{}, fmt.Errorf("lab: building Homeward: %w", err)
		}
	}
	return binariesIn(dir), nil
})

func binariesIn(dir string) Binaries {
	return Binaries{Service: filepath.Join(dir, "homewardd"), Control: filepath.Join(dir, "homewardctl"), Desktop: filepath.Join(dir, "homeward")}
}

// sourceRoot is the folder of go.mod.
func sourceRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("lab: finding the source tree: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("lab: not inside Homeward's source tree")
		}
	}
}

// Homeward is an installation on the client's machine: its folders, and the
// service while it runs.
type Homeward struct {
	Socket   string
	StateDir string
	Home     string // of the person who uses homewardctl
	Binaries Binaries
	LogLevel string // of the service, from its next start on; empty: its own choice
	// Arguments are more of the service's, from its next start on.
	Arguments []string

	machine *Namespace
	group   string // of control groups, which the service starts in; empty: the lab's own
	mu      sync.Mutex
	service *Process
	output  *syncBuffer
	env     []string // more environment for both programs
}

// InstallHomeward prepares folders for the service and a home for the person.
// Nothing runs yet.
func (l *Lab) InstallHomeward() (*Homeward, error) {
	programs, err := Programs()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(l.Dir, "homeward")
	h := &Homeward{
		Socket: filepath.Join(dir, "run", "homewardd.sock"), StateDir: filepath.Join(dir, "state"), Home: filepath.Join(dir, "home"),
		Binaries: programs, machine: l.Client, output: &syncBuffer{},
	}
	// Other users go through it to the socket.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: installing Homeward: %w", err)
	}
	for d, mode := range map[string]os.FileMode{h.StateDir: 0o700, h.Home: 0o700, filepath.Dir(h.Socket): 0o755} {
		if err := os.MkdirAll(d, mode); err != nil {
			return nil, fmt.Errorf("lab: installing Homeward: %w", err)
		}
	}
	l.onClose(h.close)
	return h, nil
}

// OwnGroup gives the service, from its next start on, a control group of its own, as its
// unit would: labs beside each other share the machine's. The error is a *CommandError
// where none can be had.
func (h *Homeward) OwnGroup(ctx context.Context) error {
	// The machine's own groups, where the lab sees them; else others are mounted.
	out, err := h.machine.Run(ctx, "sh", "-ec", `
		at=/sys/fs/cgroup
		test -e $at/unified/cgroup.controllers && at=$at/unified
		test -e $at/cgroup.controllers || mount -t cgroup2 none $at
		mktemp -d $at/homeward-lab-XXXXXX`)
	if err == nil {
		h.group = strings.TrimSpace(out)
	}
	return err
}

// Setenv adds to the environment of both programs from their next start on.
func (h *Homeward) Setenv(key, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.env = append(h.env, key+"="+value)
}

// Environment is what the person's programs are started with: a home of their
// own, and no keychain unless the lab has one.
func (h *Homeward) Environment() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name == "HOME" || name == "HOMEWARD_SOCKET" || name == "DBUS_SESSION_BUS_ADDRESS" || name == "DBUS_SYSTEM_BUS_ADDRESS" || name == "DISPLAY" || name == "WAYLAND_DISPLAY" || strings.HasPrefix(name, "XDG_") {
			continue
		}
		env = append(env, kv)
	}
	env = append(env, "HOME="+h.Home, "HOMEWARD_SOCKET="+h.Socket)
	return append(env, h.env...)
}

// Start starts the service and returns when it answers.
func (h *Homeward) Start(ctx context.Context) error {
	args := []string{"run", "--state-dir", h.StateDir, "--socket", h.Socket}
	if h.LogLevel != "" {
		args = append(args, "--log-level", h.LogLevel)
	}
	args = append(args, h.Arguments...)
	cmd := h.machine.Command(context.Background(), h.Binaries.Service, args...)
	if h.group != "" {
		cmd = h.machine.Command(context.Background(), "sh", append([]string{"-c", `echo 0 > "$0/cgroup.procs" && exec "$@"`, h.group, h.Binaries.Service}, args...)...)
	}
	cmd.Env = h.Environment()
	cmd.Stdout, cmd.Stderr = h.output, h.output
	p, err := startProcess("homewardd", cmd)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.service = p
	h.mu.Unlock()
	if err := waitForSocket(ctx, h.Socket, p); err != nil {
		return fmt.Errorf("lab: the service does not come up: %w: %s", err, h.Log())
	}
	return nil
}

// Service is the process of the last Start; nil: there was none.
func (h *Homeward) Service() *Process {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.service
}

// Stop ends the service in an orderly way.
func (h *Homeward) Stop(ctx context.Context) error {
	if p := h.Service(); p != nil {
		return p.Stop(ctx)
	}
	return nil
}

// Kill ends the service with SIGKILL.
func (h *Homeward) Kill() error {
	if p := h.Service(); p != nil {
		return p.Kill()
	}
	return nil
}

func (h *Homeward) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	err := h.Stop(ctx)
	if h.group != "" {
		_, gerr := h.machine.Run(ctx, "find", h.group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+")
		err = errors.Join(err, gerr)
	}
	return err
}

// CleanUp runs `homewardd cleanup`, as an administrator does who wants the machine
// back as it was.
func (h *Homeward) CleanUp(ctx context.Context) (string, error) { return h.cleanUp(ctx) }

// StopHook runs what the service manager runs after every end of the service.
func (h *Homeward) StopHook(ctx context.Context) (string, error) {
	return h.cleanUp(ctx, "--keep-block")
}

func (h *Homeward) cleanUp(ctx context.Context, more ...string) (string, error) {
	cmd := h.machine.Command(ctx, h.Binaries.Service, append([]string{"cleanup", "--state-dir", h.StateDir}, more...)...)
	cmd.Env = h.Environment()
	return output(cmd)
}

// Log is what the service has written so far, over all its starts.
func (h *Homeward) Log() string { return h.output.String() }

// Result is how a run of homewardctl ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Ctl runs homewardctl on the client's machine with stdin as its input. An
// exit code is no error; not to have run is.
func (h *Homeward) Ctl(ctx context.Context, stdin string, args ...string) (Result, error) {
	cmd := h.CtlCommand(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	r := Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		err = nil
	}
	if err != nil {
		return r, fmt.Errorf("lab: running homewardctl %s: %w: %s", strings.Join(args, " "), err, r.Stderr)
	}
	return r, nil
}

// CtlCommand prepares a run of homewardctl on the client's machine; the
// caller sets its streams.
func (h *Homeward) CtlCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := h.machine.Command(ctx, h.Binaries.Control, args...)
	cmd.Env = h.Environment()
	return cmd
}
