package dns

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// The file backend: record what stands there -> write ours beside it and rename
// it into place, or, where a bind mount forbids that, write in place -> on the
// way back, the same with what stood there.
//
// A record names the bytes before and the bytes written, so that whatever a
// crash left can be told from what somebody else has put there since.

// fileKind is the ledger's name for a rewritten resolv.conf.
const fileKind = "dns-file"

// fileEntry is the record.
type fileEntry struct {
	Path string `json:"path"`
	Temp string `json:"temp"` // may be left beside it
	// Before is what has to come back.
	Before FileState `json:"before"`
	// Replaces is what stood there just before writing: Before, or what an
	// earlier Set of ours wrote.
	Replaces []byte `json:"replaces"`
	Written  []byte `json:"written"`
}

type fileBackend struct {
	env    Environment
	ledger *ledger.Ledger
	entry  *fileEntry // nil: nothing written
	record ledger.ID
}

func (*fileBackend) mode() string { return ModeFile }

// errLinkStays says that a link cannot be replaced by a file where it stands.
var errLinkStays = errors.New("the link cannot be replaced")

func (b *fileBackend) set(c Config, _ bool) error {
	if b.holds() {
		return b.setAt(b.entry.Path, c)
	}
	entry, record := b.entry, b.record
	err := b.setAt(b.env.ResolvConf, c)
	if !errors.Is(err, errLinkStays) {
		return err
	}
	// A read-only /etc whose resolv.conf leads to a writable place: the file
	// at the end of the link is rewritten in place. The attempt changed nothing.
	if err := b.forget(b.record); err != nil {
		return err
	}
	b.entry, b.record = entry, record
	target, err := b.env.Files.Resolve(b.env.ResolvConf)
	if err != nil {
		return err
	}
	return b.setAt(target, c)
}

func (b *fileBackend) setAt(path string, c Config) error {
	now, err := b.env.Files.State(path)
	if err != nil {
		return err
	}
	// What stands there is the file to come back, unless it is still ours.
	before := now
	if b.entry != nil && now.Kind == Regular && bytes.Equal(now.Content, b.entry.Written) {
		before = b.entry.Before
	}
	next := fileEntry{
		Path:     path,
		Temp:     filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".homeward"),
		Before:   before,
		Replaces: now.Content,
		Written:  compose(c, before.Content),
	}
	var id ledger.ID
	if b.ledger != nil {
		if id, err = b.ledger.Record(fileKind, next); err != nil {
			return err
		}
	}
	old := b.record
	b.entry, b.record = &next, id
	if err := b.env.put(next.Path, next.Temp, newFile(next)); err != nil {
		return err
	}
	return b.forget(old)
}

// newFile is ours as a file: owner and mode as before; where no file was, ours
// belongs to whoever makes it.
func newFile(e fileEntry) FileState {
	s := FileState{Kind: Regular, Content: e.Written, Mode: 0o644, UID: -1, GID: -1}
	if e.Before.Kind == Regular {
		s.Mode, s.UID, s.GID = e.Before.Mode, e.Before.UID, e.Before.GID
	}
	return s
}

func (b *fileBackend) holds() bool {
	if b.entry == nil {
		return false
	}
	now, err := b.env.Files.State(b.entry.Path)
	return err == nil && now.Kind == Regular && bytes.Equal(now.Content, b.entry.Written)
}

func (b *fileBackend) clear() error {
	if b.entry == nil {
		return nil
	}
	if err := undoFile(b.env, *b.entry); err != nil {
		return err
	}
	if err := b.forget(b.record); err != nil {
		return err
	}
	b.entry, b.record = nil, 0
	return nil
}

func (b *fileBackend) forget(id ledger.ID) error {
	if b.ledger == nil || id == 0 {
		return nil
	}
	return b.ledger.Forget(id)
}

// undoFile brings the file before back, if the present one is still ours.
func undoFile(env Environment, e fileEntry) error {
	if err := env.Files.Remove(e.Temp); err != nil {
		return err
	}
	now, err := env.Files.State(e.Path)
	if err != nil {
		return err
	}
	switch {
	case now.Kind != Regular:
		return nil // a link or nothing: somebody else's doing, or never changed
	case e.Before.Kind == Regular && bytes.Equal(now.Content, e.Before.Content):
		return nil
	case bytes.Equal(now.Content, e.Replaces) && !bytes.Equal(e.Replaces, e.Written):
		return nil // not written yet; what stands there has a record of its own, or none
	case isMix(now.Content, e.Replaces, e.Written), isMix(now.Content, e.Written, e.Before.Content):
		return env.put(e.Path, e.Temp, e.Before)
	}
	rest, ours := withoutOurs(now.Content, e.Written, e.Before.Content)
	if !ours {
		return nil
	}
	now.Content = rest
	return env.put(e.Path, e.Temp, now)
}

// put makes path what s says: by rename, so that no reader sees half of it, or
// in place where path is a mount point of its own.
func (env Environment) put(path, temp string, s FileState) error {
	switch s.Kind {
	case Absent:
		return env.Files.Remove(path)
	case Symlink:
		if err := env.Files.Remove(temp); err != nil {
			return err
		}
		if err := env.Files.Symlink(s.Target, temp); err != nil {
			return err
		}
		return env.Files.Rename(temp, path)
	}
	err := env.Files.Write(temp, s)
	if err == nil {
		err = env.Files.Rename(temp, path)
	}
	if err == nil {
		return nil
	}
	if !cannotReplace(err) {
		return errors.Join(err, env.Files.Remove(temp))
	}
	if err := env.Files.Remove(temp); err != nil && !cannotReplace(err) {
		return err
	}
	if now, err := env.Files.State(path); err != nil || now.Kind != Regular {
		return errors.Join(errLinkStays, err)
	}
	return env.overwrite(path, s.Content)
}

// cannotReplace: a bind mount (EBUSY, EXDEV), or a directory where nothing new
// may be made although the file itself may be written.
func cannotReplace(err error) bool {
	return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) ||
		errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

// overwrite writes in place: first the bytes, then the length, so that a crash
// leaves a mixture that isMix knows.
func (env Environment) overwrite(path string, content []byte) error {
	if err := env.Files.WriteAt(path, content); err != nil {
		return fmt.Errorf("writing %s in place: %w", path, err)
	}
	if err := env.Files.Truncate(path, int64(len(content))); err != nil {
		return fmt.Errorf("writing %s in place: %w", path, err)
	}
	return nil
}
