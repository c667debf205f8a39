package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// hideInput turns the echo of a console off until show is called.
func hideInput(in *os.File) (show func() error, err error) {
	h := windows.Handle(in.Fd())
	var before uint32
	if err := windows.GetConsoleMode(h, &before); err != nil {
		return nil, err
	}
	hidden := before&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	if err := windows.SetConsoleMode(h, hidden); err != nil {
		return nil, err
	}
	return func() error { return windows.SetConsoleMode(h, before) }, nil
}

// dropInput throws away what was typed and not read yet.
func dropInput(in *os.File) error { return windows.FlushConsoleInputBuffer(windows.Handle(in.Fd())) }
