//go:build !linux

package tun

import (
	"errors"
	"syscall"
)

func through(string, syscall.RawConn) error { return errors.ErrUnsupported }
