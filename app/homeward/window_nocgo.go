//go:build !cgo

package main

import (
	"errors"
	"log/slog"

	"github.com/homeward-vpn/homeward/app/instance"
)

// openWindow cannot: this build of the program was made without a C compiler, which
// windows need.
func openWindow(options, <-chan instance.Request, func(), *slog.Logger) error {
	return errors.New("this build of Homeward has no windows, because it was made without a C compiler; use homewardctl, or install a build for this system")
}
