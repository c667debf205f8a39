package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// busSocket is where the system bus listens.
const busSocket = "/run/dbus/system_bus_socket"

// changes watches the files that files names, and systemd-resolved on the bus.
func changes(ctx context.Context, files func() []string) (<-chan Event, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	w := &watcher{
		files: files, notify: os.NewFile(uintptr(fd), "inotify"), names: map[int32][]string{},
		out: make(chan Event), socket: make(chan struct{}, 1),
	}
	if err := w.cover(); err != nil {
		return nil, errors.Join(err, w.notify.Close())
	}
	end := sync.OnceFunc(func() {
		if err := w.notify.Close(); err != nil {
			slog.Warn("closing the watch over resolv.conf", "error", err)
		}
	})
	stop := context.AfterFunc(ctx, end)
	var running sync.WaitGroup
	running.Go(func() {
		w.readFiles(ctx)
		stop()
		end()
	})
	running.Go(func() { w.followBus(ctx) })
	go func() {
		running.Wait()
		close(w.out)
	}()
	return w.out, nil
}

// watcher is one watch over files and bus.
type watcher struct {
	files  func() []string
	notify *os.File
	names  map[int32][]string // by watch descriptor, what is of interest in that folder; nil: the file itself
	out    chan Event
	socket chan struct{} // the bus's socket may have come
}

const (
	folderEvents = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE | unix.IN_DELETE | unix.IN_ONLYDIR
	// fileEvents also reach the file of a bind mount, which its folder does not.
	fileEvents = unix.IN_CLOSE_WRITE | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ATTRIB | unix.IN_DONT_FOLLOW
)

// cover watches what is of interest now. What cannot be watched, for it is not
// there, is covered by the folder above it.
func (w *watcher) cover() error {
	w.names = map[int32][]string{}
	for _, path := range append(w.files(), busSocket) {
		for dir, name := filepath.Dir(path), filepath.Base(path); ; dir, name = filepath.Dir(dir), filepath.Base(dir) {
			wd, err := w.add(dir, folderEvents)
			if err == nil {
				w.names[wd] = append(w.names[wd], name)
				break
			}
			if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) || dir == filepath.Dir(dir) {
				return fmt.Errorf("watching %s: %w", dir, err)
			}
		}
		if path == busSocket {
			continue
		}
		if wd, err := w.add(path, fileEvents); err == nil {
			if _, folder := w.names[wd]; !folder {
				w.names[wd] = nil
			}
		} else if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			return fmt.Errorf("watching %s: %w", path, err)
		}
	}
	return nil
}

func (w *watcher) add(path string, mask uint32) (wd int32, err error) {
	raw, err := w.notify.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var aerr error
	if err := raw.Control(func(fd uintptr) { n, aerr = unix.InotifyAddWatch(int(fd), path, mask) }); err != nil {
		return 0, err
	}
	return int32(n), aerr
}

// readFiles reads the kernel's word until the descriptor is closed.
func (w *watcher) readFiles(ctx context.Context) {
	buf := make([]byte, 16<<10)
	for {
		n, err := w.notify.Read(buf)
		if err != nil {
			if ctx.Err() == nil {
				slog.Warn("changes of resolv.conf are not told any more", "error", err)
			}
			return
		}
		edited, bus := w.interesting(buf[:n])
		if bus {
			select {
			case w.socket <- struct{}{}:
			default:
			}
		}
		if edited || bus {
			if err := w.cover(); err != nil && ctx.Err() == nil {
				slog.Warn("resolv.conf cannot be watched where it is now", "error", err)
			}
		}
		if edited && !w.tell(ctx, Edited) {
			return
		}
	}
}

// interesting reads inotify_event structures: descriptor, mask, cookie, length
// of the name, name.
func (w *watcher) interesting(b []byte) (edited, bus bool) {
	order := binary.NativeEndian
	for len(b) >= unix.SizeofInotifyEvent {
		wd, mask, length := int32(order.Uint32(b)), order.Uint32(b[4:]), int(order.Uint32(b[12:]))
		end := min(len(b), unix.SizeofInotifyEvent+length)
		name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00")
		b = b[end:]
		names, known := w.names[wd]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			edited, bus = true, true
		case !known || mask&unix.IN_IGNORED != 0:
		case name == "":
			edited = true
		case strings.Contains(busSocket, "/"+name) && slices.Contains(names, name):
			bus = true
		case slices.Contains(names, name):
			edited = true
		}
	}
	return edited, bus
}

// tell passes an event on; false: the watch is over.
func (w *watcher) tell(ctx context.Context, e Event) bool {
	select {
	case w.out <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// busTries are the waits before each try to reach a bus that has just shown up:
// its socket is there a moment before anybody listens.
var busTries = []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond, time.Second, 5 * time.Second}

// followBus keeps to the system bus, as often as it comes, until ctx ends.
func (w *watcher) followBus(ctx context.Context) {
	for again := false; ; again = true {
		if conn := w.reach(ctx); conn != nil {
			if !w.listen(ctx, conn, again) {
				return
			}
		}
		select {
		case <-w.socket:
		case <-ctx.Done():
			return
		}
	}
}

// reach connects, nil: nobody is there.
func (w *watcher) reach(ctx context.Context) *dbus.Conn {
	for _, wait := range busTries {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx)); err == nil {
			return conn
		}
		if _, err := os.Stat(busSocket); err != nil {
			return nil // its coming is told
		}
	}
	return nil
}

// listen tells when systemd-resolved takes or leaves its name, until the bus
// ends; false: the watch is over.
func (w *watcher) listen(ctx context.Context, conn *dbus.Conn, again bool) bool {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals) // closed with the connection
	defer func() {
		if err := conn.Close(); err != nil && ctx.Err() == nil {
			slog.Warn("closing the system bus", "error", err)
		}
	}()
	err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, resolveName))
	if err != nil {
		if ctx.Err() == nil {
			slog.Warn("restarts of systemd-resolved are not told", "error", err)
		}
		return ctx.Err() == nil
	}
	if again && !w.tell(ctx, Started) {
		return false
	}
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return w.tell(ctx, Stopped) // the bus has gone, and everybody with it
			}
			if len(s.Body) != 3 || s.Body[0] != resolveName {
				continue
			}
			e := Started
			if s.Body[2] == "" {
				e = Stopped
			}
			if !w.tell(ctx, e) {
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}
