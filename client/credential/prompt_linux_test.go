package credential

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pty opens a pseudo terminal: what is written to the first end is typed at
// the second.
func pty(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", errors.Join(err, person.Close()))
	}
	t.Cleanup(func() {
		if err := errors.Join(terminal.Close(), person.Close()); err != nil {
			t.Error(err)
		}
	})
	return person, terminal
}

// typist answers as soon as it is prompted, and notes the prompt.
type typist struct {
	person io.Writer
	answer string
	prompt bytes.Buffer
}

func (ty *typist) Write(b []byte) (int, error) {
	if ty.prompt.Len() == 0 {
		if _, err := io.WriteString(ty.person, ty.answer); err != nil {
			return 0, err
		}
	}
	return ty.prompt.Write(b)
}

// TestAskPassword types a password at a terminal, which does not echo it.
func TestAskPassword(t *testing.T) {
	t.Parallel()
	person, terminal := pty(t)
	ty := &typist{person: person, answer: "pässword\n"}
	got, err := AskPassword(terminal, ty, "Password: ")
	if err != nil || string(got) != "pässword" {
		t.Errorf("%q, %v", got, err)
	}
	if ty.prompt.String() != "Password: \n" {
		t.Errorf("wrote %q", ty.prompt.String())
	}
	if _, err := AskPassword(terminal, &typist{person: person, answer: "\n"}, "Again: "); !errors.Is(err, ErrNoPassword) {
		t.Errorf("an empty line: %v", err)
	}
	// Echo is back afterwards.
	termios, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil || termios.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal was left without echo, %v", err)
	}
	if _, err := AskPassword(terminal, brokenWriter{}, strings.Repeat("x", 3)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a prompt that cannot be shown: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
