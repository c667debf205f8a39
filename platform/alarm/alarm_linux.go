package alarm

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// timerFD is a timer that the kernel keeps. A goroutine waits in the runtime's
// poller for it to become readable.
type timerFD struct {
	file *os.File
	done sync.WaitGroup
}

func newTimer(fire func()) (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("alarm: making a timer: %w", err)
	}
	t := &timerFD{file: os.NewFile(uintptr(fd), "timerfd")}
	t.done.Go(func() {
		var expirations [8]byte
		for {
			if _, err := t.file.Read(expirations[:]); err != nil {
				return // closed
			}
			fire()
		}
	})
	return t, nil
}

// set arms the timer, and disarms it with 0.
func (t *timerFD) set(wait time.Duration) error {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("alarm: %w", err)
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &spec, nil) })
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("alarm: setting a timer: %w", err)
	}
	return nil
}

func (t *timerFD) close() error {
	err := t.file.Close()
	t.done.Wait()
	return err
}
