package credential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Programs of one user that change the store, or the certificates beside it, at the
// same moment do it one after the other: else a switch of modes would bring back what another has just forgotten, or
// leave behind what it has just kept, and two that make the first key would seal with
// one key each. Nobody is asked anything meanwhile; who reads does not wait.

// lockPatience is how long another program may take: its keychain may be slow.
const lockPatience = DefaultDeadline + 5*time.Second

// lockPause is between two looks at a lock that is held.
const lockPause = 20 * time.Millisecond

// ErrBusy says that another program did not finish.
var ErrBusy = errors.New("another program of yours is changing what is kept and does not finish; end it and try again")

// errHeld says that somebody holds the lock now.
var errHeld = errors.New("credential: the lock is held")

// locked does what changes the files in dir, while no other program does.
func locked(ctx context.Context, dir string, change func() error) (err error) {
	held, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	if held != nil { // nil: this file system knows no locks
		defer func() { err = errors.Join(err, held.Close()) }()
	}
	return change()
}

// lock waits for the lock, which ends with the file, and with the program.
func lock(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockPatience, ErrBusy)
	defer cancel()
	again := time.NewTicker(lockPause)
	defer again.Stop()
	for {
		held, err := lockDir(dir)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, nil
		}
		if err == nil {
			return held, nil
		}
		if !errors.Is(err, errHeld) {
			return nil, fmt.Errorf("credential: %w", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
