package main

import "golang.org/x/sys/windows"

// noCoreDump keeps a crash of the program, and what is in its memory then, out of the
// system's error reports: smart cards come with code that is not ours.
func noCoreDump() error {
	windows.SetErrorMode(windows.SEM_FAILCRITICALERRORS | windows.SEM_NOGPFAULTERRORBOX)
	return nil
}
