package provision

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// trustedDir wants every folder on the way to dir to be nobody's but root's: whoever
// can put another one in its place lays down what they like.
func trustedDir(dir string) error {
	whole, err := filepath.EvalSymlinks(dir)
	if err == nil {
		whole, err = filepath.Abs(whole)
	}
	if err != nil {
		return err
	}
	for at := whole; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is no folder", at)
		}
		if err := trusted(info); err != nil {
			return fmt.Errorf("the folder %w", err)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// errTooLarge is for a file that is larger than it may be.
var errTooLarge = errors.New("it is larger than any such file may be")

// readTrusted reads a regular file that is nobody's but root's, of a folder that is so.
// The file's facts come along: how old it is.
func readTrusted(path string, most int) (data []byte, info fs.FileInfo, err error) {
	if info, err = os.Lstat(path); err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, info, errors.New("it is no regular file; put the file itself there, and no link")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, info, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = f.Stat(); err != nil { // of what is read, and not of what has taken its place
		return nil, info, err
	}
	if !info.Mode().IsRegular() {
		return nil, info, errors.New("it is no regular file")
	}
	if err := trusted(info); err != nil {
		return nil, info, err
	}
	data, err = io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(data) > most {
		err = errTooLarge
	}
	return data, info, err
}
