package lab

import "fmt"

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

// A Runner is a *testing.M.
type Runner interface{ Run() int }

// Main runs a test binary's tests inside the lab's namespaces and returns the
// exit code: `os.Exit(lab.Main(m))` is all that a TestMain needs. Where no
// namespaces can be made the tests run outside and Start returns the reason.
func Main(m Runner) int {
	enterErr = Enter()
	return m.Run()
}

// enterErr is why Main is outside; Start returns it.
var enterErr error
