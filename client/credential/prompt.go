package credential

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxPassword bounds a password, in bytes: EAP-MSCHAPv2 takes 256 characters
// (RFC 2759 4), a shared key may be longer.
const MaxPassword = 4096

// The refusals of the functions that read a password.
var (
	ErrNoTerminal    = fmt.Errorf("%w: this is no terminal; answer at one, or use --password-stdin", ErrNobody)
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

// CheckPassword refuses what cannot be a password, and clears it.
func CheckPassword(typed []byte) error {
	_, err := checkPassword(typed)
	return err
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
