//go:build !linux

package lab

import "runtime"

// fetchAll has nobody to fetch for.
func fetchAll([]Wanted) {}

// Enter says that only Linux has what a lab is made of.
func Enter() error {
	return &NotPermittedError{Detail: runtime.GOOS + " has no network namespaces", Advice: "run it on Linux"}
}
