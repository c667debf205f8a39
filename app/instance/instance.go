// Package instance keeps the desktop program single: a second start in the same session
// hands what it was started with to the first, and ends.
//
//	Claim(path) -> the lock is free: the program is the one, and hears Requests
//	            -> ErrRunning: HandOver(path, Request) -> the other one's window comes
//
// It owns a lock and a socket of the user's own, and talks with programs of the same
// user only. Neither is in the way of the next start when the program was ended by
// force: the system takes the lock back, and a socket without a lock is replaced. It
// opens no window. app/homeward calls it.
package instance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

// ErrRunning says that the program runs already.
var ErrRunning = errors.New("homeward runs already in this session")

// Request is what a second start wants of the first.
type Request struct {
	// File is the absolute path of a profile to be taken over; empty: none.
	File string `json:"file,omitempty"`
	// Hidden: no window is wanted, as at login.
	Hidden bool `json:"hidden,omitempty"`
}

const (
	maxRequest = 64 << 10        // of a request and its answer, in bytes
	patience   = 3 * time.Second // for the other program
	waiting    = 16              // requests that may wait
)

// Instance is the claim to be the one. Close gives it up.
type Instance struct {
	door     net.Listener
	lock     io.Closer
	requests chan Request
	logger   *slog.Logger
}

// Path is where the programs of a session meet. env is os.Getenv; fallback is a folder
// of the user's own where the session has none.
func Path(env func(string) string, fallback string) string {
	name := "desktop"
	for _, variable := range []string{"WAYLAND_DISPLAY", "DISPLAY"} {
		if display := plainName(env(variable)); display != "" {
			name += "-" + display
			break
		}
	}
	if path := systemPath(name); path != "" {
		return path
	}
	dir := env("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		dir = fallback
	}
	return filepath.Join(dir, "homeward", name)
}

// plainName makes a part of a file's name of a display's.
func plainName(display string) string {
	display = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, display)
	const most = 32
	return display[max(0, len(display)-most):]
}

// Claim makes the program the one of its session, or is ErrRunning.
func Claim(path string, logger *slog.Logger) (*Instance, error) {
	lock, err := hold(path)
	if err != nil {
		return nil, err
	}
	door, err := localsock.Listen(path, 0o600)
	if err != nil {
		var used *localsock.InUseError
		if errors.As(err, &used) {
			err = ErrRunning
		}
		return nil, errors.Join(err, lock.Close())
	}
	i := &Instance{door: door, lock: lock, requests: make(chan Request, waiting), logger: logger}
	go i.serve()
	return i, nil
}

// Requests are what other starts want, until Close.
func (i *Instance) Requests() <-chan Request { return i.requests }

// Close gives the claim up.
func (i *Instance) Close() error { return errors.Join(i.door.Close(), i.lock.Close()) }

func (i *Instance) serve() {
	defer close(i.requests)
	for {
		c, err := i.door.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			i.logger.Warn("another start could not be heard", "error", err)
			return
		}
		if err := i.hear(c); err != nil {
			i.logger.Warn("another start was not understood", "error", err)
		}
	}
}

// hear takes one request of the same user's.
func (i *Instance) hear(c net.Conn) (err error) {
	defer func() { err = errors.Join(err, c.Close()) }()
	who, err := localsock.Peer(c)
	if err != nil {
		return err
	}
	if !self(who) {
		return fmt.Errorf("it is another user's: %+v", who)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var r Request
	line, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err == nil && r.File != "" && !filepath.IsAbs(r.File) {
		err = errors.New("the file's path begins nowhere")
	}
	if err != nil {
		return err
	}
	select {
	case i.requests <- r:
	default:
		return errors.New("too many wait already")
	}
	_, err = io.WriteString(c, "ok\n")
	return err
}

// HandOver gives a request to the program that runs, and returns when that has it.
func HandOver(ctx context.Context, path string, r Request) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := localsock.Dial(ctx, path)
	if err != nil {
		return &SilentError{Err: err}
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := c.Write(append(data, '\n')); err != nil {
		return &SilentError{Err: err}
	}
	answer, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadString('\n')
	if err != nil || answer != "ok\n" {
		return &SilentError{Err: err}
	}
	return nil
}

// ForeignFolderError says that the session's folder belongs to somebody else.
type ForeignFolderError struct{ Dir string }

// Error implements error.
func (e *ForeignFolderError) Error() string {
	return "the folder " + e.Dir + " belongs to another user, so Homeward is not started; set XDG_RUNTIME_DIR to a folder of your own"
}

// SilentError says that the program that runs does not answer.
type SilentError struct{ Err error }

// Error implements error.
func (e *SilentError) Error() string {
	return "Homeward runs already and does not answer; end it, and start it again"
}

// Unwrap gives the technical reason.
func (e *SilentError) Unwrap() error { return e.Err }
