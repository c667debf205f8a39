//go:build !linux

package lab

import "runtime"

// fetchServices has nobody to fetch for.
func fetchServices([]NameService) {}

// Enter says that only Linux has what a lab is made of.
func Enter() error {
	return &NotPermittedError{Detail: runtime.GOOS + " has no network namespaces", Advice: "run it on Linux"}
}
