package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/homeward-vpn/homeward/client/credential"
)

// asker asks the person at the terminal.
type asker interface {
	// Password asks without echo. The caller clears the result.
	Password(ctx context.Context, prompt string) ([]byte, error)
	// Line asks for a line of text.
	Line(ctx context.Context, prompt string) (string, error)
}

// errNoTerminal says that there is nobody to ask.
var errNoTerminal = errors.New("there is no terminal to ask on")

// terminal asks on a real one.
type terminal struct {
	in  *os.File
	out io.Writer
}

// Password implements asker.
func (t terminal) Password(ctx context.Context, prompt string) ([]byte, error) {
	return interruptible(ctx, t, func() ([]byte, error) { return credential.AskPassword(t.in, t.out, prompt+": ") })
}

// Line implements asker.
func (t terminal) Line(ctx context.Context, prompt string) (string, error) {
	if !term.IsTerminal(int(t.in.Fd())) {
		return "", errNoTerminal
	}
	return interruptible(ctx, t, func() (string, error) {
		if _, err := fmt.Fprint(t.out, prompt+" "); err != nil {
			return "", err
		}
		line, err := bufio.NewReader(t.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimSpace(line), nil
	})
}

// interruptible lets ctx end a question. Nothing can interrupt the read itself,
// so it is left behind on its goroutine, and the terminal is put back to what it
// was: the program is about to end or has moved on.
func interruptible[T any](ctx context.Context, t terminal, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	fd := int(t.in.Fd())
	before, stateErr := term.GetState(fd)
	c := make(chan answer, 1)
	go func() {
		v, err := read()
		c <- answer{v, err}
	}()
	select {
	case a := <-c:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		err := ctx.Err()
		if stateErr == nil {
			err = errors.Join(err, term.Restore(fd, before))
			fmt.Fprintln(t.out)
		}
		return none, err
	}
}
