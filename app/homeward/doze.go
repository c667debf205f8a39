//go:build cgo

package main

import (
	"context"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/systray"
	"github.com/go-gl/glfw/v3.4/glfw"
)

// Fyne looks for events of the display sixty times a second, also where there are none:
// that alone is more than a program may cost that only waits. While nothing happens its
// loop is made to wait inside the display's own library instead. An event of the display
// ends that at once, and so does wake; what Fyne itself wants done meanwhile, such as a
// click in the tray's menu, waits no longer than this.
const (
	nap     = 400 * time.Millisecond
	longNap = 800 * time.Millisecond // while no window is shown

	// lively is how long Fyne's own pace lasts after something has happened: what that
	// moves is drawn smoothly.
	lively = 250 * time.Millisecond
	// drawing is how long it lasts after the program itself has changed something.
	drawing = 50 * time.Millisecond
	// menuOpen is how long it lasts after the tray's menu was opened.
	menuOpen = 10 * time.Second
)

// doze keeps Fyne's loop waiting, until ctx ends.
type doze struct {
	awake  atomic.Int64 // until when it is not, in Unix nanoseconds
	hidden atomic.Bool
	woken  chan struct{}
}

// stir lets the loop go at Fyne's pace for some time.
func (z *doze) stir(d time.Duration) {
	until := time.Now().Add(d).UnixNano()
	for {
		before := z.awake.Load()
		if before >= until || z.awake.CompareAndSwap(before, until) {
			return
		}
	}
}

// do runs something on Fyne's goroutine, at once.
func (z *doze) do(f func()) {
	z.wake(drawing)
	fyne.Do(f)
}

// wake ends a nap.
func (z *doze) wake(d time.Duration) {
	z.stir(d)
	select {
	case z.woken <- struct{}{}:
	default: // it is told already
	}
	// Before the program runs, and when it has ended, there is no display to be told.
	defer func() { _ = recover() }()
	glfw.PostEmptyEvent()
}

// run has the loop wait whenever nothing happens. A tray's menu that was opened is about
// to be used.
func (z *doze) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-systray.TrayOpenedCh:
			z.stir(menuOpen)
			continue
		case <-pause.C:
		}
		if left := time.Until(time.Unix(0, z.awake.Load())); left > 0 {
			pause.Reset(left)
			continue
		}
		napped := make(chan struct{})
		fyne.Do(func() {
			defer close(napped)
			z.nap()
		})
		for waits := true; waits; {
			select {
			case <-ctx.Done():
				return
			case <-systray.TrayOpenedCh:
				z.wake(menuOpen)
			case <-napped:
				waits = false
			}
		}
		pause.Reset(0)
	}
}

// nap waits for an event of the display, on Fyne's goroutine.
func (z *doze) nap() {
	// When the program has just ended, Fyne runs this elsewhere and without a display:
	// then there is nothing to wait for.
	defer func() {
		if recover() != nil {
			z.stir(time.Second)
		}
	}()
	if z.hidden.Load() {
		// No window is there that the display could have something for.
		select {
		case <-z.woken:
		case <-time.After(longNap):
		}
		return
	}
	begun := time.Now()
	glfw.WaitEventsTimeout(nap.Seconds())
	if time.Since(begun) < nap {
		z.stir(lively)
	}
}
