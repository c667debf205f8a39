package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// appID names the program to the desktop: its desktop entry, preferences, notifications.
const appID = "com.homeward-vpn.Homeward"

const usage = `Homeward takes you to the company network.

Usage:
  homeward [FILE]    open the window, and FILE as a profile to be added
  homeward --hidden  start without a window, in the tray where there is one
  homeward --version print the version

At a terminal use homewardctl.
`

// options are the command line.
type options struct {
	file    string // an absolute path; empty: none
	hidden  bool
	version bool
	help    bool
}

// parse reads the command line.
func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("homeward", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.hidden, "hidden", false, "")
	flags.BoolVar(&o.version, "version", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.help = true
		return o, nil
	case err != nil:
		return o, fmt.Errorf("%w; see «homeward --help»", err)
	case flags.NArg() > 1:
		return o, fmt.Errorf("one profile file can be opened at a time, and these are %d; see «homeward --help»", flags.NArg())
	case flags.NArg() == 1:
		o.file, err = place(flags.Arg(0))
	}
	return o, err
}

// place makes an absolute path of a file that a person or a file manager has named.
func place(name string) (string, error) {
	if rest, is := strings.CutPrefix(name, "file:"); is {
		u, err := url.Parse("file:" + rest)
		if err != nil || u.Path == "" || u.Host != "" && u.Host != "localhost" {
			return "", fmt.Errorf("%s names no file of this computer; open the file by its path", name)
		}
		name = filepath.FromSlash(u.Path)
	}
	return filepath.Abs(name)
}

// sentence puts an error into one sentence.
func sentence(err error) string {
	s := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, err.Error()))
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
