package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tempPrefix marks files that a crash may have left behind.
const tempPrefix = ".new-"

// WriteFile replaces the file at path by data in one step: after a crash or a
// power cut either the old or the new content is there, whole. The file is
// readable by its owner only.
func WriteFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix+"*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeIfThere(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// abandoned is how old an unfinished file is that nobody is writing any more.
const abandoned = time.Minute

// PrivateDir makes dir, and those above it, for its owner only, and removes
// what an interrupted WriteFile left in it. What another program may be writing
// right now stays.
func PrivateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return RemoveUnfinished(dir, abandoned)
}

// RemoveUnfinished removes what an interrupted WriteFile left in dir, where it is as
// old as that. With 0 it is everything, and nobody may be writing there.
func RemoveUnfinished(dir string, age time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && time.Since(info.ModTime()).Abs() >= age { // of the future: the clock was set
			err = removeIfThere(filepath.Join(dir, e.Name()))
		}
		if err != nil {
			return fmt.Errorf("clean up %s: %w", dir, err)
		}
	}
	return nil
}
