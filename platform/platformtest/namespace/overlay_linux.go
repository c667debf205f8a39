package namespace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rootVariable tells the inner run where its root file system is mounted.
const rootVariable = "HOMEWARD_TEST_ROOT"

// downloadTime bounds one download of a package.
const downloadTime = time.Minute

// EnterRoot is Enter for a test that installs the given Debian packages into a
// root file system of its own: an overlay of the machine's, on a tmpfs, which
// is gone with the test. Inside, it has changed root there and installed them.
//
// The packages are downloaded once, into .cache/apt of the checkout. It skips,
// with the reason, where they or an overlay cannot be had: without real root (the
// packages' daemons have users of their own), without apt, without the network.
func EnterRoot(t *testing.T, packages ...string) bool {
	t.Helper()
	if os.Getenv(variable) != t.Name() {
		if reason := noOverlay(); reason != "" {
			t.Skip(reason)
		}
		for _, p := range packages {
			if err := download(t.Context(), p); err != nil {
				t.Skipf("package %s cannot be had: %v", p, err)
			}
		}
		// Made, and removed, outside: inside, the path means another directory
		// once the root has changed.
		t.Setenv(rootVariable, t.TempDir())
	}
	if !Enter(t) {
		return false
	}
	debs, err := cached(packages)
	if err != nil {
		t.Fatal(err)
	}
	root := overlay(t)
	for _, deb := range debs {
		raw, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "tmp", filepath.Base(deb)), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Chroot(root), os.Chdir("/"), os.Unsetenv("TMPDIR")); err != nil {
		t.Fatal(err)
	}
	for _, deb := range debs {
		cmd := exec.Command("dpkg", "--no-triggers", "-i", "/tmp/"+filepath.Base(deb))
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%s cannot be installed here: %v\n%s", filepath.Base(deb), err, out)
		}
	}
	return true
}

func noOverlay() string {
	if os.Geteuid() != 0 {
		return "installing packages into an overlay needs root"
	}
	for _, program := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not here: not a Debian"
		}
	}
	return ""
}

// overlay mounts the machine's root, writable without consequence.
func overlay(t *testing.T) string {
	t.Helper()
	base := os.Getenv(rootVariable)
	Run(t, "mount", "-t", "tmpfs", "tmpfs", base)
	root := filepath.Join(base, "root")
	for _, dir := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := "lowerdir=/,upperdir=" + filepath.Join(base, "upper") + ",workdir=" + filepath.Join(base, "work")
	if out, err := exec.Command("mount", "-t", "overlay", "overlay", "-o", options, root).CombinedOutput(); err != nil {
		t.Skipf("this machine mounts no overlay: %v: %s", err, out)
	}
	Run(t, "mount", "--rbind", "/dev", filepath.Join(root, "dev"))
	Run(t, "mount", "-t", "proc", "proc", filepath.Join(root, "proc"))
	for _, dir := range []string{"run", "tmp"} {
		Run(t, "mount", "-t", "tmpfs", "tmpfs", filepath.Join(root, dir))
	}
	return root
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
			return "", errors.New("no go.mod above this directory")
		}
		dir = up
	}
}

// cached returns the file of each package.
func cached(packages []string) ([]string, error) {
	dir, err := cache()
	if err != nil {
		return nil, err
	}
	var debs []string
	for _, p := range packages {
		found, err := filepath.Glob(filepath.Join(dir, p+"_*.deb"))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, &fs.PathError{Op: "find", Path: filepath.Join(dir, p), Err: fs.ErrNotExist}
		}
		debs = append(debs, found[len(found)-1])
	}
	return debs, nil
}

// download fetches a package, unless it is there already. It arrives in a
// directory of its own and is renamed, for tests run side by side.
func download(ctx context.Context, name string) (err error) {
	if _, err := cached([]string{name}); err == nil {
		return nil
	}
	dir, err := cache()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, "download")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", "download", name)
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(strings.TrimSpace(string(out)) + ": " + err.Error())
	}
	found, err := filepath.Glob(filepath.Join(temp, "*.deb"))
	if err != nil || len(found) != 1 {
		return errors.Join(errors.New("apt-get downloaded no package"), err)
	}
	return os.Rename(found[0], filepath.Join(dir, filepath.Base(found[0])))
}
