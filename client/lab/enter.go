package lab

import (
	"errors"
	"fmt"
)

// BinariesVariable is the environment variable that names a folder with
// homewardd and homewardctl; where it is empty they are built from source.
const BinariesVariable = "HOMEWARD_LAB_BIN"

// NotPermittedError says that this machine does not let the caller make
// namespaces, and what to do about it.
type NotPermittedError struct {
	Detail string // what was tried and what the system answered
	Advice string // what the person can do
}

// Error implements error.
func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("the lab cannot make its own namespaces here (%s): %s", e.Detail, e.Advice)
}

// ErrNotInstalled says that programs which a lab is made of are missing.
var ErrNotInstalled = errors.New("something that the lab needs is not installed: run packaging/setup.sh")

// A Runner is a *testing.M.
type Runner interface{ Run() int }

// NameService says who keeps resolv.conf on a client's machine.
type NameService string

// The name services. All but the first need to be named to Main.
const (
	ResolvConf NameService = ""                 // nobody: the home router's DHCP has left a file
	Resolved   NameService = "systemd-resolved" // with a system bus, as on most desktops
	Openresolv NameService = "openresolv"       // without a local resolver
)

// Wanted is what is fetched for a test before it goes where there is no network: a
// NameService or a Program.
type Wanted interface{ what() string }

func (s NameService) what() string { return string(s) }

// Program is one that runs on machines of a lab and is never installed on this one.
type Program string

// The programs.
const (
	Tayga   Program = "tayga"   // translates between IPv6 and IPv4
	BusyBox Program = "busybox" // has a DHCP client
)

func (p Program) what() string { return string(p) }

// Main runs a test binary's tests inside the lab's namespaces and returns the
// exit code: `os.Exit(lab.Main(m))` is all that a TestMain needs. Where no
// namespaces can be made the tests run outside and Start returns the reason.
//
// The name services and programs that the tests want are fetched first, as Debian packages,
// once, into .cache/apt of the checkout: inside there is no network. Nothing
// is installed. Where they cannot be had, Start returns the reason.
func Main(m Runner, wanted ...Wanted) int {
	fetchAll(wanted)
	enterErr = Enter()
	return m.Run()
}

// enterErr is why Main is outside; Start returns it.
var enterErr error
