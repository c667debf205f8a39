package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespace is one machine of the lab: a network namespace with its own mount
// namespace and /etc. A holder process keeps it alive. Safe for concurrent use.
type Namespace struct {
	Name   string
	holder *Process
	stdin  io.Closer // its end ends the holder
	net    *os.File
	looks  []string // commands that belong to a snapshot of this machine alone
}

// newNamespace makes a namespace whose /etc holds the given files instead of
// the machine's.
func newNamespace(name string, etc map[string]string) (*Namespace, error) {
	args := []string{name}
	for file, content := range etc {
		args = append(args, file, content)
	}
	cmd, err := stageCommand(stageHolder, args...)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("lab: making the machine %s: %w", name, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("lab: making the machine %s: %w", name, err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: making the machine %s: %w", name, err)
	}
	var ready [len(holderReady)]byte
	if _, err := io.ReadFull(stdout, ready[:]); err != nil {
		werr := cmd.Wait()
		return nil, fmt.Errorf("lab: making the machine %s: %w: %s", name, werr, strings.TrimSpace(stderr.String()))
	}
	n := &Namespace{Name: name, stdin: stdin}
	n.holder = &Process{Name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		n.holder.err = cmd.Wait()
		close(n.holder.done)
	}()
	n.net, err = os.Open(n.procPath("ns/net"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: making the machine %s: %w", name, err), n.close())
	}
	return n, nil
}

const holderReady = "ready\n"

// runHolder is the holder stage: it dresses its namespaces, says so, and lives
// until its input ends.
func runHolder(args []string) error {
	// Ctrl-C reaches every process at the terminal; the lab is taken down in its order.
	signal.Ignore(unix.SIGINT)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	// A sysfs of this network namespace. Where /sys is partly hidden (in a
	// container) the kernel refuses; then the old one stays, which only costs
	// the programs a look at /sys/class/net.
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY, ""); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("mounting sysfs: %w", err)
	}
	files := map[string]string{}
	for i := 1; i+1 < len(args); i += 2 {
		files[args[i]] = args[i+1]
	}
	if err := privateEtc(files); err != nil {
		return err
	}
	if err := ipBatch(nil, "link set lo up"); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString(holderReady); err != nil {
		return fmt.Errorf("telling that the machine is ready: %w", err)
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// stageCommand prepares a run of the current program in a stage.
func stageCommand(stage string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("lab: finding the own program: %w", err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), stageVariable+"="+stage)
	return cmd, nil
}

func (n *Namespace) procPath(name string) string {
	return filepath.Join("/proc", strconv.Itoa(n.holder.PID()), name)
}

// Path is where a file of this machine's own file system (its /etc, above
// all) is seen from the test.
func (n *Namespace) Path(name string) string { return filepath.Join(n.procPath("root"), name) }

// Command prepares a command that runs on this machine. The caller sets its
// streams and starts it; the process started is the command itself.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return n.command(ctx, name, args...)
}

func (n *Namespace) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if n == nil {
		return exec.CommandContext(ctx, name, args...)
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	// nsenter(1) ends in the other root's top folder; the shell goes back to
	// where the caller is. Both make way for the command, so its process ID is
	// the one that was started.
	enter := []string{"--net=" + n.procPath("ns/net"), "--mount=" + n.procPath("ns/mnt"), "--",
		"sh", "-c", `cd -- "$0" && exec "$@"`, dir, name}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// Run runs a command on this machine to its end and returns what it wrote to
// both streams. The error is a *CommandError.
func (n *Namespace) Run(ctx context.Context, name string, args ...string) (string, error) {
	return output(n.command(ctx, name, args...))
}

// Do runs f on a thread that is in this machine's network, so that sockets
// made by f, on its own goroutine, belong to it. They go on belonging to it.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- n.visit(f) }()
	return <-done
}

// visit is Do, on a goroutine that ends with it: so a thread that could not
// come home stays locked, and ends too.
func (n *Namespace) visit(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("lab: finding the own network: %w", err)
	}
	defer func() { err = errors.Join(err, home.Close()) }()
	if err := unix.Setns(int(n.net.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("lab: entering the network of %s: %w", n.Name, err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// close lets the machine go. Its devices vanish with the last process in it.
func (n *Namespace) close() error {
	var errs []error
	if n.net != nil {
		errs = append(errs, n.net.Close())
	}
	errs = append(errs, n.stdin.Close(), n.holder.Kill())
	return errors.Join(errs...)
}
