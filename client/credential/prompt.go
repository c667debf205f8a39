package credential

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// MaxPassword bounds a password, in bytes: EAP-MSCHAPv2 takes 256 characters
// (RFC 2759 4), a shared key may be longer.
const MaxPassword = 4096

// The refusals of the functions that read a password.
var (
	ErrNoTerminal    = errors.New("there is no terminal to ask for the password on; use --password-stdin")
	ErrNoPassword    = errors.New("no password was given")
	ErrPasswordLong  = fmt.Errorf("the password is longer than %d bytes", MaxPassword)
	ErrPasswordBytes = errors.New("the password has a zero byte in it, so it did not come from a keyboard")
)

// ReadPassword reads one line without its line ending, from a pipe for
// example. It reads no byte behind the line. The caller clears the result.
func ReadPassword(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, MaxPassword+2) // one allocation, so that no copy of a part stays behind
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		if n == 1 {
			if b[0] == '\n' {
				break
			}
			if len(line) == cap(line) {
				clear(line)
				return nil, ErrPasswordLong
			}
			line = append(line, b[0])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			clear(line)
			return nil, fmt.Errorf("read the password: %w", err)
		}
	}
	return checkPassword(bytes.TrimSuffix(line, []byte("\r")))
}

// AskPassword writes the prompt to the terminal and reads a line from it
// without echo. in is usually os.Stdin, out os.Stderr, so that a program's
// output can go elsewhere. The caller clears the result.
func AskPassword(in *os.File, out io.Writer, prompt string) ([]byte, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil, ErrNoTerminal
	}
	if _, err := fmt.Fprint(out, prompt); err != nil {
		return nil, fmt.Errorf("ask for the password: %w", err)
	}
	line, err := term.ReadPassword(fd)
	// The person's own line ending was not echoed.
	if _, werr := fmt.Fprintln(out); err == nil {
		err = werr
	}
	if err != nil {
		clear(line)
		return nil, fmt.Errorf("ask for the password: %w", err)
	}
	return checkPassword(line)
}

func checkPassword(line []byte) ([]byte, error) {
	var err error
	switch {
	case len(line) == 0:
		err = ErrNoPassword
	case len(line) > MaxPassword:
		err = ErrPasswordLong
	case bytes.IndexByte(line, 0) >= 0:
		err = ErrPasswordBytes
	default:
		return line, nil
	}
	clear(line)
	return nil, err
}
