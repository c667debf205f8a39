//go:build !windows

package main

const defaultStateDir = "/var/lib/homeward"
