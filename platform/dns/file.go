package dns

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
	// written are ours, each in place of the one before. Behind the last there
	// are others only while it could neither be made nor taken back whole.
	written []writing
}

// writing is one file of ours and its record.
type writing struct {
	fileEntry
	record ledger.ID
	whole  bool // it has been written to its end, and nothing has been tried since
}

func (*fileBackend) mode() string   { return ModeFile }
func (*fileBackend) limited() error { return nil }

// last is what was written last, nil: nothing.
func (b *fileBackend) last() *writing {
	if len(b.written) == 0 {
		return nil
	}
	return &b.written[len(b.written)-1]
}

// errLinkStays says that a link cannot be replaced by a file where it stands.
var errLinkStays = errors.New("the link cannot be replaced")

func (b *fileBackend) set(c Config, _ bool) error {
	if b.holds() {
		return b.setAt(b.last().Path, c)
	}
	err := b.setAt(b.env.ResolvConf, c)
	if !errors.Is(err, errLinkStays) {
		return err
	}
	// A read-only /etc whose resolv.conf leads to a writable place: the file
	// at the end of the link is rewritten in place.
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
	before := now
	if last := b.last(); last != nil && last.Path == path {
		before, _ = last.without(now, last.whole)
	}
	next := writing{fileEntry: fileEntry{
		Path:     path,
		Temp:     filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".homeward"),
		Before:   before,
		Replaces: now.Content,
		Written:  compose(c, before.Content),
	}}
	if b.ledger != nil {
		if next.record, err = b.ledger.Record(fileKind, next.fileEntry); err != nil {
			return err
		}
	}
	b.written = append(b.written, next)
	if err := b.env.put(path, next.Temp, newFile(next.fileEntry)); err != nil {
		return errors.Join(err, b.backOut(now))
	}
	b.last().whole = true
	for len(b.written) > 1 {
		if err := b.drop(0); err != nil {
			return err
		}
	}
	return nil
}

// backOut forgets a writing that failed, once what stood there stands again.
func (b *fileBackend) backOut(stood FileState) error {
	last := b.last()
	if err := b.env.discard(last.Temp); err != nil {
		return err
	}
	if now, err := b.env.Files.State(last.Path); err != nil || !now.equal(stood) {
		if err := errors.Join(err, b.env.put(last.Path, last.Temp, stood)); err != nil {
			return fmt.Errorf("taking back what was half written: %w", err)
		}
	}
	return b.drop(len(b.written) - 1)
}

// drop forgets one writing.
func (b *fileBackend) drop(i int) error {
	if record := b.written[i].record; b.ledger != nil && record != 0 {
		if err := b.ledger.Forget(record); err != nil {
			return err
		}
	}
	b.written = slices.Delete(b.written, i, i+1)
	return nil
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
	last := b.last()
	if last == nil {
		return false
	}
	now, err := b.env.Files.State(last.Path)
	return err == nil && now.Kind == Regular && bytes.Equal(now.Content, last.Written)
}

func (b *fileBackend) clear() error {
	for last := b.last(); last != nil; last = b.last() {
		whole := last.whole
		last.whole = false
		if err := undoWriting(b.env, last.fileEntry, whole); err != nil {
			return err
		}
		if err := b.drop(len(b.written) - 1); err != nil {
			return err
		}
	}
	return nil
}

// without is what has to stand in the place of now when ours goes: what stood
// there before us, with what somebody has changed since. whole: no writing was
// interrupted, so that what differs is somebody else's doing. ours tells
// whether anything of ours is in now.
func (e fileEntry) without(now FileState, whole bool) (s FileState, ours bool) {
	if now.Kind != Regular {
		return now, false // a link or nothing: somebody else's doing
	}
	torn := !whole && (isMix(now.Content, e.Replaces, e.Written) || isMix(now.Content, e.Written, e.Before.Content))
	if torn || bytes.Equal(now.Content, e.Written) {
		return e.Before, true
	}
	rest, ours := withoutOurs(now.Content, e.Written, e.Before.Content)
	if !ours {
		return now, false
	}
	if bytes.Equal(rest, e.Before.Content) {
		return e.Before, true // nothing of theirs: the link, or nothing, comes back
	}
	now.Content = rest
	return now, true
}

// undoFile undoes a record: whether its writing came to its end nobody knows.
func undoFile(env Environment, e fileEntry) error { return undoWriting(env, e, false) }

// undoWriting brings the file before back, if the present one is still ours.
func undoWriting(env Environment, e fileEntry, whole bool) error {
	if err := env.discard(e.Temp); err != nil {
		return err
	}
	now, err := env.Files.State(e.Path)
	if err != nil {
		return err
	}
	switch {
	case now.Kind != Regular:
		return nil // somebody else's doing, or never changed
	case e.Before.Kind == Regular && bytes.Equal(now.Content, e.Before.Content):
		return nil
	case bytes.Equal(now.Content, e.Replaces) && !bytes.Equal(e.Replaces, e.Written):
		return nil // not written yet; what stands there has a record of its own, or none
	}
	rest, ours := e.without(now, whole)
	if !ours {
		return nil
	}
	return env.put(e.Path, e.Temp, rest)
}

// put makes path what s says: by rename, so that no reader sees half of it, or
// in place where path is a mount point of its own.
func (env Environment) put(path, temp string, s FileState) error {
	switch s.Kind {
	case Absent:
		return env.Files.Remove(path)
	case Symlink:
		if err := env.discard(temp); err != nil {
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
		return errors.Join(err, env.discard(temp))
	}
	if err := env.discard(temp); err != nil {
		return err
	}
	if now, err := env.Files.State(path); err != nil || now.Kind != Regular {
		return errors.Join(errLinkStays, err)
	}
	return env.overwrite(path, s.Content)
}

// discard removes a file of ours that is not in place. A read-only directory
// refuses that even where there is none.
func (env Environment) discard(temp string) error {
	err := env.Files.Remove(temp)
	if err == nil {
		return nil
	}
	if s, serr := env.Files.State(temp); serr == nil && s.Kind == Absent {
		return nil
	}
	return err
}

// cannotReplace: a bind mount (EBUSY, EXDEV), or a directory where nothing new
// may be made, or finds room, although the file itself may be written.
func cannotReplace(err error) bool {
	return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota) ||
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
