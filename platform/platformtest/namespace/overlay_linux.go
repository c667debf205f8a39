package namespace

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/platform/platformtest/debian"
)

// rootVariable tells the inner run where its root file system is mounted.
const rootVariable = "HOMEWARD_TEST_ROOT"

// EnterRoot is Enter for a test that installs the given Debian packages into a
// root file system of its own: an overlay of the machine's, on a tmpfs, which
// is gone with the test. Inside, it has changed root there and installed them.
//
// The packages are downloaded once, into .cache/apt of the checkout. It skips,
// with the reason, where they or an overlay cannot be had: without real root (the
// packages' daemons have users of their own), without apt, without the network.
func EnterRoot(t *testing.T, packages ...string) bool {
	t.Helper()
	return enterRoot(t, install, packages)
}

// EnterUnpacked is EnterRoot for packages that would not be installed without what
// they depend on, or whose scripts want a running system: their files are laid
// out, and no script of theirs is run.
func EnterUnpacked(t *testing.T, packages ...string) bool {
	t.Helper()
	return enterRoot(t, unpack, packages)
}

// enterRoot enters an overlay in which put has laid out the packages' files.
func enterRoot(t *testing.T, put func(t *testing.T, root string, debs []string), packages []string) bool {
	t.Helper()
	if os.Getenv(variable) != t.Name() {
		if reason := noOverlay(); reason != "" {
			t.Skip(reason)
		}
		for _, p := range packages {
			if _, err := debian.Fetch(t.Context(), p); err != nil {
				t.Skip("this machine cannot have what the test wants: ", err)
			}
		}
		// Made, and removed, outside: inside, the path means another directory
		// once the root has changed.
		t.Setenv(rootVariable, t.TempDir())
	}
	if !Enter(t) {
		return false
	}
	var debs []string
	for _, p := range packages {
		deb, err := debian.Cached(p)
		if err != nil {
			t.Fatal(err)
		}
		debs = append(debs, deb)
	}
	put(t, overlay(t), debs)
	return true
}

// change makes root the root.
func change(t *testing.T, root string) {
	t.Helper()
	if err := errors.Join(syscall.Chroot(root), os.Chdir("/"), os.Unsetenv("TMPDIR")); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, root string, debs []string) {
	t.Helper()
	for _, deb := range debs {
		if err := debian.Unpack(t.Context(), deb, root); err != nil {
			t.Fatal(err)
		}
	}
	change(t, root)
}

func install(t *testing.T, root string, debs []string) {
	t.Helper()
	for _, deb := range debs {
		raw, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "tmp", filepath.Base(deb)), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change(t, root)
	for _, deb := range debs {
		cmd := exec.Command("dpkg", "--no-triggers", "-i", "/tmp/"+filepath.Base(deb))
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%s cannot be installed here: %v\n%s", filepath.Base(deb), err, out)
		}
	}
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
