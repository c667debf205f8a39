package netmon

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// That the machine has slept is read off its clocks, without ever asking them in
// vain: a timer of the wall clock, set for a day that never comes, is cancelled by
// the kernel when that clock is set, which it also is at every resume
// (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). Then the clocks are compared:
//
//	CLOCK_BOOTTIME against CLOCK_MONOTONIC   the machine slept, and for how long
//	CLOCK_REALTIME against CLOCK_BOOTTIME    the wall clock jumped: a virtual machine
//	                                         that was frozen with all its clocks, or
//	                                         somebody who sets the clock
//
// A process that is stopped (SIGSTOP) is told when it goes on. For how long it was
// no clock says.

const (
	// shortestSleep is the least that counts: clocks are read one after the other.
	shortestSleep = 100 * time.Millisecond
	// shortestJump is the least jump of the wall clock that counts as a machine that
	// did not run: time servers set clocks by less.
	shortestJump = 5 * time.Second
)

// clocks are the readings of one moment.
type clocks struct{ monotonic, boot, wall time.Duration }

func readClocks() (c clocks, err error) {
	for id, to := range map[int32]*time.Duration{
		unix.CLOCK_MONOTONIC: &c.monotonic, unix.CLOCK_BOOTTIME: &c.boot, unix.CLOCK_REALTIME: &c.wall,
	} {
		var t unix.Timespec
		if err := unix.ClockGettime(id, &t); err != nil {
			return c, fmt.Errorf("netmon: reading a clock: %w", err)
		}
		*to = time.Duration(t.Nano())
	}
	return c, nil
}

// slept is how long the machine did not run between two readings; 0: it ran.
func slept(before, after clocks) time.Duration {
	asleep := (after.boot - before.boot) - (after.monotonic - before.monotonic)
	frozen := (after.wall - before.wall) - (after.boot - before.boot)
	switch {
	case asleep >= shortestSleep:
		return asleep
	case frozen >= shortestJump:
		return frozen
	}
	return 0
}

// wallTimer is the timer that never fires.
type wallTimer struct {
	file *os.File
	last clocks
}

func openWallTimer() (*wallTimer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("netmon: a timer of the wall clock: %w", err)
	}
	w := &wallTimer{file: os.NewFile(uintptr(fd), "timerfd")}
	err = w.set()
	if err == nil {
		w.last, err = readClocks()
	}
	if err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return w, nil
}

// never is the day that never comes, in seconds of the wall clock: a signed 32-bit
// count would still hold it.
const never = 1<<31 - 1

// set arms the timer.
func (w *wallTimer) set() error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("netmon: %w", err)
	}
	spec := unix.ItimerSpec{Value: unix.Timespec{Sec: never}}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &spec, nil)
	})
	// What was cancelled already says so here too, and is armed all the same.
	if err = errors.Join(err, failed); err != nil && !errors.Is(err, unix.ECANCELED) {
		return fmt.Errorf("netmon: setting a timer of the wall clock: %w", err)
	}
	return nil
}

func (w *wallTimer) next() (news, error) {
	var expirations [8]byte
	if _, err := w.file.Read(expirations[:]); err != nil && !errors.Is(err, unix.ECANCELED) {
		return news{}, fmt.Errorf("netmon: waiting for the wall clock: %w", err)
	}
	if err := w.set(); err != nil {
		return news{}, err
	}
	now, err := readClocks()
	if err != nil {
		return news{}, err
	}
	gone := slept(w.last, now)
	w.last = now
	if gone == 0 {
		return news{}, nil
	}
	return news{kinds: Resumed, slept: gone}, nil
}

func (w *wallTimer) close() error { return w.file.Close() }

// continued tells that this process was stopped and goes on.
type continued struct {
	signals chan os.Signal
	end     chan struct{}
	once    sync.Once
}

func openContinued() *continued {
	c := &continued{signals: make(chan os.Signal, 1), end: make(chan struct{})}
	signal.Notify(c.signals, unix.SIGCONT)
	return c
}

var errClosed = errors.New("netmon: closed")

func (c *continued) next() (news, error) {
	select {
	case <-c.signals:
		return news{kinds: Resumed}, nil
	case <-c.end:
		return news{}, errClosed
	}
}

func (c *continued) close() error {
	c.once.Do(func() {
		signal.Stop(c.signals)
		close(c.end)
	})
	return nil
}
