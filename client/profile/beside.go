package profile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MaxBeside bounds a file that a profile names, in bytes.
const MaxBeside = 1 << 20

// ErrElsewhere says that a profile names a file that does not lie beside it.
var ErrElsewhere = errors.New("it does not lie beside the profile")

// FilesBeside gives an ImportOptions.ReadFile that reads what lies in that folder
// or below it. A path that leads out of it, by its words or by a link, is refused,
// and so is all that is not a plain file.
func FilesBeside(dir string) func(path string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		path = filepath.FromSlash(path)
		if !filepath.IsLocal(path) {
			return nil, fmt.Errorf("profile: read a file that a profile names: %w", ErrElsewhere)
		}
		data, err := readBeside(dir, path)
		if err != nil {
			return nil, fmt.Errorf("profile: read a file that a profile names: %w", err)
		}
		return data, nil
	}
}

// readBeside opens by way of the folder, so that no link leads out of it (os.Root).
func readBeside(dir, path string) (data []byte, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// What is no plain file is not opened at all: a pipe would wait for its writer.
	info, err := root.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrInvalid
	}
	if info.Size() > MaxBeside {
		return nil, errors.New("it is larger than any file of a certificate")
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, MaxBeside))
}
