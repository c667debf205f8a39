package dns

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is the real file system.
type disk struct{}

func (disk) State(path string) (FileState, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return FileState{Kind: Absent}, nil
	}
	if err != nil {
		return FileState{}, err
	}
	s := FileState{Kind: Regular, Mode: info.Mode().Perm()}
	s.UID, s.GID = owner(info)
	if info.Mode().Type() == fs.ModeSymlink {
		s.Kind = Symlink
		if s.Target, err = os.Readlink(path); err != nil {
			return FileState{}, err
		}
	} else if !info.Mode().IsRegular() {
		return s, nil // a socket, say: it is there, and has no content
	}
	s.Content, err = os.ReadFile(path)
	if s.Kind == Symlink && err != nil {
		return s, nil // it leads nowhere
	}
	return s, err
}

func (disk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (disk) Resolve(path string) (string, error) { return filepath.EvalSymlinks(path) }

func (disk) Write(path string, s FileState) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, s.Mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(s.Content); err != nil {
		return err
	}
	if err := f.Chmod(s.Mode); err != nil { // O_CREATE obeys the umask
		return err
	}
	if err := chown(f, s.UID, s.GID); err != nil {
		return err
	}
	return f.Sync()
}

func (disk) Symlink(target, path string) error { return os.Symlink(target, path) }
func (disk) Rename(from, to string) error      { return os.Rename(from, to) }

func (disk) WriteAt(path string, b []byte) error {
	return change(path, func(f *os.File) error {
		_, err := f.WriteAt(b, 0)
		return err
	})
}

func (disk) Truncate(path string, size int64) error {
	return change(path, func(f *os.File) error { return f.Truncate(size) })
}

// change does something to an existing file and waits for the disk.
func change(path string, do func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = do(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (disk) Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
