package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// CommandError is a command that failed, with what it said.
type CommandError struct {
	Command string
	Output  string // both streams
	Err     error
}

// Error implements error.
func (e *CommandError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.Command, e.Err, strings.TrimSpace(e.Output))
}

// Unwrap gives the *exec.ExitError.
func (e *CommandError) Unwrap() error { return e.Err }

// output runs a prepared command and returns what it wrote to both streams.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), &CommandError{Command: strings.Join(cmd.Args, " "), Output: string(out), Err: err}
	}
	return string(out), nil
}

// ipBatch runs lines of ip(8) in a namespace; nil: in the current one.
func ipBatch(n *Namespace, lines ...string) error {
	cmd := n.command(context.Background(), "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	_, err := output(cmd)
	return err
}

// Process is a program that was started in a namespace and goes on by itself.
type Process struct {
	Name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and err is set
	err  error
	said *syncBuffer // what it wrote; nil: kept by whoever started it
}

// startProcess starts cmd, whose streams are already set.
func startProcess(name string, cmd *exec.Cmd) (*Process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: starting %s: %w", name, err)
	}
	p := &Process{Name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID of the process itself.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end and returns how it ended (nil: exit code 0).
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("lab: waiting for %s to end: %w", p.Name, ctx.Err())
	}
}

// Signal sends a signal; one to a process that has ended is not an error.
func (p *Process) Signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the process to end (SIGTERM) and waits; when ctx ends first it is
// killed, and that is an error.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("lab: stopping %s: %w", p.Name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("lab: %s did not end on SIGTERM: %w", p.Name, ctx.Err()), p.Kill())
	}
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("lab: killing %s: %w", p.Name, err)
	}
	<-p.done
	return nil
}
