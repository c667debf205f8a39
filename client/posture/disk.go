package posture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// disk is the little of a file system that a posture needs; tests put a disk
// there that dies at a chosen operation.
type disk interface {
	Read(path string) ([]byte, error) // refuses what others could have written
	Exists(path string) (bool, error)
	Holds(dir, suffix string) (bool, error) // is there a file of that ending?
	Create(path string) (file, error)       // empty, 0600, an old one is emptied
	Rename(from, to string) error
	Remove(path string) (bool, error) // whether there was one
	SyncDir(dir string) error
}

type file interface {
	Write(b []byte) (int, error)
	Sync() error
	Close() error
}

// osDisk is the real one.
type osDisk struct{}

// Read reads a file that is regular, small, and nobody else's.
func (osDisk) Read(path string) (raw []byte, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(trusted(info), trusted(dir)); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

func (osDisk) Exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (osDisk) Holds(dir, suffix string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			return true, nil
		}
	}
	return false, err
}

func (osDisk) Create(path string) (file, error) {
	// A name that something else has, which a link could lead elsewhere, is given up.
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) SyncDir(dir string) error     { return syncDir(dir) }

func (osDisk) Remove(path string) (bool, error) {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
