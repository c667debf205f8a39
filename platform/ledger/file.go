package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// disk is the little of a file system that a ledger needs; tests put a disk
// there that dies at a chosen write.
type Disk interface {
	ReadFile(path string) ([]byte, error)
	OpenFile(path string) (File, error) // read-write, made 0600 where missing
	Rename(from, to string) error
	SyncDir(dir string) error
}

// File is an open file of a Disk.
type File interface {
	WriteAt(b []byte, at int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// append writes one line behind the last whole one and waits for the disk. A
// failed write is not part of the ledger: the next one overwrites it.
func (l *Ledger) append(n line) error {
	if l.file == nil {
		return ErrClosed
	}
	if err := l.named(); err != nil {
		return err
	}
	b, err := n.encode()
	if err != nil {
		return err
	}
	if _, err := l.file.WriteAt(b, l.size); err != nil {
		return l.cut(err)
	}
	if err := l.file.Sync(); err != nil {
		return l.cut(err)
	}
	l.size += int64(len(b))
	return nil
}

// cut takes a line that could not be written whole off the end again.
func (l *Ledger) cut(cause error) error {
	if err := l.file.Truncate(l.size); err != nil {
		return fmt.Errorf("%w (and its remains could not be cut off: %v)", cause, err)
	}
	return cause
}

// empty makes the file say that nothing is recorded.
func (l *Ledger) empty() error {
	if l.file == nil {
		return ErrClosed
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	l.size, l.dead = 0, 0
	return l.file.Sync()
}

// compact rewrites the file with the live records alone: a new file, made
// durable, then renamed over the old one, so that a crash leaves one or the other.
func (l *Ledger) compact() error {
	if l.file == nil {
		return ErrClosed
	}
	var all []byte
	for _, r := range l.live {
		b, err := line{ID: r.ID, Kind: r.Kind, Data: r.Data}.encode()
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	temp := filepath.Join(l.dir, tempName)
	f, err := l.disk.OpenFile(temp)
	if err != nil {
		return fmt.Errorf("compacting the ledger: %w", err)
	}
	if err = l.write(f, all); err == nil {
		err = l.disk.Rename(temp, filepath.Join(l.dir, fileName))
	}
	if err != nil {
		if closeErr := f.Close(); closeErr != nil {
			return fmt.Errorf("compacting the ledger: %w (closing: %v)", err, closeErr)
		}
		return fmt.Errorf("compacting the ledger: %w", err)
	}
	// From the rename on the new file is the ledger, durable or not yet: the old
	// one has no name any more.
	old := l.file
	l.file, l.size, l.dead, l.renamed = f, int64(len(all)), 0, true
	return errors.Join(old.Close(), l.named())
}

// named makes the file's name durable, where it is not yet.
func (l *Ledger) named() error {
	if !l.renamed {
		return nil
	}
	if err := l.disk.SyncDir(l.dir); err != nil {
		return fmt.Errorf("making the ledger's name durable: %w", err)
	}
	l.renamed = false
	return nil
}

func (l *Ledger) write(f File, all []byte) error {
	if err := f.Truncate(0); err != nil { // a crash may have left an old one
		return err
	}
	if _, err := f.WriteAt(all, 0); err != nil {
		return err
	}
	return f.Sync()
}

// OSDisk is the real one.
func OSDisk() Disk { return osDisk{} }

type osDisk struct{}

func (osDisk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }
func (osDisk) Rename(from, to string) error         { return os.Rename(from, to) }
func (osDisk) SyncDir(dir string) error             { return syncDir(dir) }

func (osDisk) OpenFile(path string) (File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
