//go:build !windows

package main

const defaultStateDir = "/var/lib/homeward"

// hostsFile is the system's own list of names.
const hostsFile = "/etc/hosts"
