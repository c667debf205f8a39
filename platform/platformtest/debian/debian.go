// Package debian fetches Debian packages for tests that want a system service
// which must not be installed on the machine itself.
//
// It owns the downloaded files, in .cache/apt of the checkout. It installs
// nothing, and needs no root: apt-get(8) downloads, dpkg-deb(1) unpacks. The
// tests of the platform packages and client/lab call it; programs that a user
// installs never do.
package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// downloadTime bounds one download.
const downloadTime = time.Minute

// Fetch returns the file of a package, downloading it unless it is there
// already. It needs the network for that, once.
func Fetch(ctx context.Context, name string) (file string, err error) {
	if file, err := Cached(name); err == nil {
		return file, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", fmt.Errorf("fetching the package %s: this is no Debian: %w", name, err)
	}
	dir, err := cache()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("fetching the package %s: %w", name, err)
	}
	// It arrives in a folder of its own and is renamed, for tests run side by side.
	temp, err := os.MkdirTemp(dir, "download")
	if err != nil {
		return "", fmt.Errorf("fetching the package %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", "-q", "-o", "Acquire::Retries=0", "download", name)
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetching the package %s: %w: %s", name, err, complaint(string(out)))
	}
	found, err := filepath.Glob(filepath.Join(temp, "*.deb"))
	if err != nil || len(found) != 1 {
		return "", errors.Join(fmt.Errorf("fetching the package %s: apt-get downloaded %d files", name, len(found)), err)
	}
	file = filepath.Join(dir, filepath.Base(found[0]))
	return file, os.Rename(found[0], file)
}

// complaint is the first line of apt-get's that says what went wrong.
func complaint(output string) string {
	for line := range strings.Lines(output) {
		if reason, ok := strings.CutPrefix(line, "E: "); ok {
			return strings.TrimSpace(reason)
		}
	}
	return strings.TrimSpace(output)
}

// Cached returns the file of a package that has been fetched. Where there is
// none the error is fs.ErrNotExist.
func Cached(name string) (string, error) {
	dir, err := cache()
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", &fs.PathError{Op: "find the package", Path: filepath.Join(dir, name), Err: fs.ErrNotExist}
	}
	return found[len(found)-1], nil
}

// Unpack lays a package's files out under dir, as they would lie under the root
// of a system whose /bin, /sbin and /lib lead into /usr. No script of the
// package runs.
func Unpack(ctx context.Context, file, dir string) (err error) {
	if err := os.MkdirAll(filepath.Join(dir, "usr"), 0o755); err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	temp, err := os.MkdirTemp(dir, "unpack")
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", file, temp).CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking %s: %w: %s", file, err, strings.TrimSpace(string(out)))
	}
	for _, top := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := merge(filepath.Join(temp, top), filepath.Join(dir, "usr", top)); err != nil {
			return fmt.Errorf("unpacking %s: %w", file, err)
		}
	}
	if err := merge(temp, dir); err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	return nil
}

// merge moves what is in one folder into another. Folders that both have are
// merged, and a file takes the place of one of its name.
func merge(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			err = merge(source, target)
		} else {
			err = os.Rename(source, target)
		}
		if err != nil {
			return err
		}
	}
	return os.Remove(from)
}

// cache is where downloaded packages stay.
func cache() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".cache", "apt"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above this folder: packages are kept in the checkout")
		}
		dir = up
	}
}
