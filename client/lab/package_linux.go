package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// debControl is what a Debian package says of itself.
const debControl = `Package: homeward
Version: %s
Architecture: %s
Maintainer: Homeward <packages@homeward-vpn.example>
Description: VPN client for the company network
`

// Package builds Homeward's Debian package, of what `make install` lays out and the
// scripts in packaging/scripts, and gives its file. The error wraps
// ErrNotInstalled where make or dpkg-deb is missing.
func (l *Lab) Package(ctx context.Context, version string) (string, error) {
	for _, program := range []string{"make", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("lab: building a package: %w: %w", ErrNotInstalled, err)
		}
	}
	programs, err := Programs()
	if err != nil {
		return "", err
	}
	source, err := sourceRoot()
	if err != nil {
		return "", err
	}
	root := filepath.Join(l.Dir, "package-"+version)
	layOut := exec.CommandContext(ctx, "make", "install", "BIN="+filepath.Dir(programs.Service), "DESTDIR="+root, "PREFIX=/usr")
	layOut.Dir = source
	if _, err := output(layOut); err != nil {
		return "", err
	}
	about := filepath.Join(root, "DEBIAN")
	err = os.Mkdir(about, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(about, "control"), fmt.Appendf(nil, debControl, version, runtime.GOARCH), 0o644)
	}
	for deb, ours := range map[string]string{"postinst": "postinstall.sh", "prerm": "preremove.sh", "postrm": "postremove.sh"} {
		script, rerr := os.ReadFile(filepath.Join(source, "packaging", "scripts", ours))
		err = errors.Join(err, rerr, os.WriteFile(filepath.Join(about, deb), script, 0o755))
	}
	if err != nil {
		return "", fmt.Errorf("lab: building a package: %w", err)
	}
	file := root + ".deb"
	_, err = output(exec.CommandContext(ctx, "dpkg-deb", "-Znone", "--root-owner-group", "-b", root, file))
	return file, err
}
