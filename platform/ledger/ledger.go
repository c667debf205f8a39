// Package ledger is the service's memory of what it has changed in the system,
// kept so that a crash or a power cut never leaves a change behind.
//
// The flow: a platform package calls Record with whatever it will need to take
// a change back, and only then makes the change; after it has taken the change
// back in an orderly way it calls Forget. Whatever is still recorded at
// start-up (or when `homewardd cleanup` runs) is what a crashed run left:
// Replay hands each record to its undo function, newest first.
//
// It owns one file of JSON lines in the service's state directory and the lock
// beside it. It never interprets a record and never changes the system itself.
// The platform packages and app/homewardd call it.
//
// Undo functions must be idempotent and must accept that the change was never
// made: a record is written before its change, and a crash during Replay makes
// the next Replay run the same record again.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// File names inside the state directory.
const (
	fileName = "ledger.jsonl"
	tempName = "ledger.jsonl.new"
	lockName = "ledger.lock"
)

// compactAfter is how many lines that no longer say anything are carried along
// before the file is rewritten.
const compactAfter = 256

// ID names a record for as long as the ledger file lives.
type ID uint64

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("ledger is closed")

// LockedError says that another process has this ledger open: a service that
// is running. Its changes are live and must not be undone from outside.
type LockedError struct{ Path string }

// Error implements error.
func (e *LockedError) Error() string {
	return fmt.Sprintf("ledger %s is in use by another process", e.Path)
}

// UnknownKindError says that no undo function knows a record. The record
// stays, so that a version that knows it can undo it.
type UnknownKindError struct{ Kind string }

// Error implements error.
func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("no undo function for ledger record of kind %q", e.Kind)
}

// UntrustedError says that somebody else could write into the ledger's
// directory, and so have anything done in the name of taking a change back.
type UntrustedError struct{ Dir, Reason string }

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("the state directory %s %s", e.Dir, e.Reason)
}

// DamagedError says that the file is damaged before its end, which no crash
// does. What it says behind the damage cannot be told from what it forgets.
type DamagedError struct {
	Path string
	Line int
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("ledger %s: line %d is damaged: %v", e.Path, e.Line, e.Err)
}

// Unwrap gives the technical reason.
func (e *DamagedError) Unwrap() error { return e.Err }

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	dir  string
	disk Disk
	lock *os.File

	mu   sync.Mutex // guards all below
	file File
	size int64 // end of the last whole line; everything behind it is torn
	next ID
	live []record // in the order of writing
	dead int      // lines in the file that no longer matter
	// renamed: the file's name is not durable yet. Until it is, a crash may
	// bring the file before it back, without what is recorded now.
	renamed bool
}

// Open opens the ledger in dir, making dir (0700) and the file (0600) where
// they are missing. A torn last line, as a crash leaves it, is cut off: the
// change that it announced had not begun. It fails with *LockedError while
// another process has the ledger open, with *UntrustedError where others may
// write, and with *DamagedError.
func Open(dir string) (*Ledger, error) {
	return OpenOn(dir, OSDisk())
}

// OpenOn is Open on another disk.
func OpenOn(dir string, d Disk) (*Ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making ledger directory: %w", err)
	}
	if err := trusted(dir); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	l := &Ledger{dir: dir, disk: d, lock: lock, next: 1}
	if err := l.load(); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

// load reads the file and opens it for appending behind its last whole line.
func (l *Ledger) load() error {
	path := filepath.Join(l.dir, fileName)
	raw, err := l.disk.ReadFile(path)
	created := errors.Is(err, fs.ErrNotExist)
	if err != nil && !created {
		return fmt.Errorf("reading ledger: %w", err)
	}
	state, err := parse(raw)
	var damage *DamagedError
	if errors.As(err, &damage) {
		damage.Path = path
		return damage
	}
	if err != nil {
		return fmt.Errorf("reading ledger %s: %w", path, err)
	}
	l.live, l.next, l.dead, l.size = state.live, state.next, state.dead, state.size
	if l.file, err = l.disk.OpenFile(path); err != nil {
		return fmt.Errorf("opening ledger: %w", err)
	}
	if int64(len(raw)) > l.size {
		if err := l.file.Truncate(l.size); err != nil {
			return fmt.Errorf("cutting the torn end of the ledger: %w", err)
		}
	}
	if created {
		if err := l.disk.SyncDir(l.dir); err != nil {
			return fmt.Errorf("making the ledger durable: %w", err)
		}
	}
	return nil
}

// Record writes one record and returns when it is on the disk. Call it BEFORE
// the change that it describes. data is marshalled to JSON; kind selects the
// undo function.
func (l *Ledger) Record(kind string, data any) (ID, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return 0, fmt.Errorf("encoding ledger record %q: %w", kind, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := record{ID: l.next, Kind: kind, Data: raw}
	if err := l.append(line{ID: r.ID, Kind: kind, Data: raw}); err != nil {
		return 0, fmt.Errorf("recording %q: %w", kind, err)
	}
	l.next++
	l.live = append(l.live, r)
	return r.ID, nil
}

// Forget strikes a record out: its change has been taken back. Forgetting what
// is not recorded does nothing.
func (l *Ledger) Forget(id ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forget(id)
}

func (l *Ledger) forget(id ID) error {
	at := slices.IndexFunc(l.live, func(r record) bool { return r.ID == id })
	if at < 0 {
		return nil
	}
	if len(l.live) == 1 {
		// The last one: an empty file says the same in fewer bytes.
		if err := l.empty(); err != nil {
			return fmt.Errorf("emptying the ledger: %w", err)
		}
		l.live = nil
		return nil
	}
	if err := l.append(line{Forget: id}); err != nil {
		return fmt.Errorf("forgetting a record: %w", err)
	}
	l.live = slices.Delete(l.live, at, at+1)
	l.dead += 2
	if l.dead >= compactAfter {
		return l.compact()
	}
	return nil
}

// Replay undoes everything that is recorded, newest first. undo maps a kind to
// the function that takes such a change back. A record whose undo succeeds is
// forgotten; one whose undo fails, or that nobody knows, stays, and the
// rest is undone all the same. The errors are joined.
func (l *Ledger) Replay(undo map[string]func(json.RawMessage) error) error {
	var errs []error
	for _, r := range l.newestFirst() {
		do, known := undo[r.Kind]
		if !known {
			errs = append(errs, &UnknownKindError{Kind: r.Kind})
			continue
		}
		if err := do(r.Data); err != nil {
			errs = append(errs, fmt.Errorf("undoing %q: %w", r.Kind, err))
			continue
		}
		if err := l.Forget(r.ID); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// newestFirst copies the live records, so that undo functions may use the ledger.
func (l *Ledger) newestFirst() []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	rs := slices.Clone(l.live)
	slices.Reverse(rs)
	return rs
}

// Len returns how many records are live.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.live)
}

// Close releases the file and the lock. Records stay.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.release()
}

func (l *Ledger) release() error {
	var errs []error
	if l.file != nil {
		errs = append(errs, l.file.Close())
		l.file = nil
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
		l.lock = nil
	}
	return errors.Join(errs...)
}
