//go:build !cgo

// Command homeward is the desktop program; see main.go. This build of it was
// made without a C compiler, which windows need.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "This build of Homeward has no windows, because it was made without a C compiler; use homewardctl, or install a build for this system.")
	os.Exit(1)
}
