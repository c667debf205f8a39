//go:build !linux

package main

import "errors"

func demo() error  { return errors.ErrUnsupported }
func shell() error { return errors.ErrUnsupported }

func screenshots(string) error { return errors.ErrUnsupported }
