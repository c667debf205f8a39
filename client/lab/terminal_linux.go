package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// CtlTyped runs homewardctl at a terminal and types the next answer whenever it
// waits for one; where none is left, Ctrl-D. Result.Stdout is what stood on the
// screen, with what was typed where it was shown.
func (h *Homeward) CtlTyped(ctx context.Context, answers []string, args ...string) (result Result, err error) {
	keyboard, screen, err := terminal()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, keyboard.Close()) }()
	cmd := h.CtlCommand(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	err = cmd.Start()
	if cerr := screen.Close(); err != nil || cerr != nil { // its end is the program's
		return Result{}, fmt.Errorf("lab: running homewardctl %s: %w", strings.Join(args, " "), errors.Join(err, cerr))
	}
	shown, typing := typeAnswers(keyboard, answers)
	err = cmd.Wait()
	result = Result{Code: cmd.ProcessState.ExitCode(), Stdout: shown}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		err = nil
	}
	if err = errors.Join(err, typing); err != nil {
		return result, fmt.Errorf("lab: running homewardctl %s: %w: %s", strings.Join(args, " "), err, shown)
	}
	return result, nil
}

// typeAnswers reads the screen until the program has ended.
func typeAnswers(keyboard *os.File, answers []string) (shown string, err error) {
	const noMore = "\x04"
	var text strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := keyboard.Read(buf)
		text.Write(buf[:n])
		if err != nil { // the last one to write to the screen has closed it
			if errors.Is(err, unix.EIO) || errors.Is(err, io.EOF) {
				err = nil
			}
			return text.String(), err
		}
		if s := text.String(); !strings.HasSuffix(s, ": ") && !strings.HasSuffix(s, "] ") {
			continue
		}
		next := noMore
		if len(answers) > 0 {
			next, answers = answers[0]+"\n", answers[1:]
		}
		if _, err := keyboard.WriteString(next); err != nil {
			return text.String(), fmt.Errorf("typing: %w", err)
		}
	}
}

// terminal opens a pseudo terminal: what is written to the first end is typed at
// the second.
func terminal() (keyboard, screen *os.File, err error) {
	keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("lab: %w: %w", ErrNotInstalled, err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("lab: opening a terminal: %w", err), keyboard.Close())
	}
	return keyboard, screen, nil
}
