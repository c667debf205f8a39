//go:build !windows

package main

import "runtime"

const defaultStateDir = "/var/lib/homeward"

// hostsFile is the system's own list of names.
const hostsFile = "/etc/hosts"

// defaultConfigDir is where the administrator lays things down.
func defaultConfigDir() string {
	if runtime.GOOS == "darwin" {
		return "/Library/Application Support/Homeward"
	}
	return "/etc/homeward"
}
