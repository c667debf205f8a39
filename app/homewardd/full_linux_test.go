package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// tightDisk has no room from one of its operations on, or is read-only then.
type tightDisk struct {
	ledger.Disk
	from int
	err  error
	ops  *int
}

func (d tightDisk) tight() bool {
	*d.ops++
	return d.from > 0 && *d.ops >= d.from
}

func (d tightDisk) OpenFile(path string) (ledger.File, error) {
	if d.tight() {
		return nil, d.err
	}
	f, err := d.Disk.OpenFile(path)
	return tightFile{f, d}, err
}

func (d tightDisk) Rename(from, to string) error {
	if d.tight() {
		return d.err
	}
	return d.Disk.Rename(from, to)
}

type tightFile struct {
	ledger.File
	disk tightDisk
}

// WriteAt writes a part, as a disk does that gets full.
func (f tightFile) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.tight() {
		n, err := f.File.WriteAt(b[:len(b)/2], at)
		return n, errors.Join(f.disk.err, err)
	}
	return f.File.WriteAt(b, at)
}

func (f tightFile) Sync() error {
	if f.disk.tight() {
		return f.disk.err
	}
	return f.File.Sync()
}

// TestFullDiskUnderTheLedger: from each operation on the ledger can write no
// more. What cannot be recorded is not done; what was done before is taken back
// although the disk stays full; and with room again nothing is left to do.
func TestFullDiskUnderTheLedger(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	busyMachine(t)
	want := panorama(t)
	for _, errno := range []error{syscall.ENOSPC, syscall.EROFS} {
		ended := false
		for from := 1; !ended; from++ {
			dir, ops := filepath.Join(t.TempDir(), "state"), 0
			l, err := ledger.OpenOn(dir, tightDisk{ledger.OSDisk(), from, errno, &ops})
			if err != nil {
				if !errors.Is(err, errno) {
					t.Fatal(err)
				}
				continue
			}
			err = live(l, true)
			ended = ops < from
			if !ended && !errors.Is(err, errno) || ended && err != nil {
				t.Errorf("%v from operation %d on: %v", errno, from, err)
			}
			if got := panorama(t); got != want {
				t.Fatalf("%v from operation %d on leaves\n%s", errno, from, difference(got, want))
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if l, err = ledger.Open(dir); err != nil {
				t.Fatalf("%v from operation %d on: the next run: %v", errno, from, err)
			}
			if err := errors.Join(l.Replay(undo()), l.Close()); err != nil {
				t.Errorf("%v from operation %d on: %v", errno, from, err)
			}
			if got := panorama(t); got != want {
				t.Fatalf("%v from operation %d on, replayed:\n%s", errno, from, difference(got, want))
			}
		}
	}
}

// TestFullDiskIsASentence: why the line cannot be, and what to do.
func TestFullDiskIsASentence(t *testing.T) {
	t.Parallel()
	for errno, says := range map[error]string{syscall.ENOSPC: "The disk is full", syscall.EDQUOT: "The disk is full", syscall.EROFS: "read-only"} {
		for _, cause := range []diagnose.Cause{diagnose.CauseRoutesFailed, diagnose.CauseDNSFailed} {
			f := &diagnose.Failure{Cause: cause, Seen: errno.Error(), Err: &os.PathError{Op: "write", Path: "ledger", Err: errno}}
			if got := f.Sentence(); !strings.Contains(got, says) {
				t.Errorf("%v, %v: %q", cause, errno, got)
			}
		}
	}
}

// TestStateDirWithoutRoom: a service that cannot open its ledger does not start,
// and says what to do.
func TestStateDirWithoutRoom(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	dir := t.TempDir()
	namespace.Run(t, "mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "tmpfs", dir)
	defer namespace.Run(t, "umount", dir)
	for options, says := range map[string]string{"ro": "the disk is read-only", "rw,nr_inodes=1": "the disk is full"} {
		namespace.Run(t, "mount", "-o", "remount,"+options, dir)
		l, err := ledger.Open(filepath.Join(dir, "state"))
		if err == nil {
			t.Fatalf("%s: it opens (%v)", options, l.Close())
		}
		if got := sentence(err); !strings.HasPrefix(got, says) {
			t.Errorf("%s: %q", options, got)
		}
	}
}
