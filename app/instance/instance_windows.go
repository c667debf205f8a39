package instance

import (
	"io"

	"golang.org/x/sys/windows"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

// systemPath is a named pipe of the user and their session.
func systemPath(name string) string {
	sid, err := own()
	if err != nil {
		sid = "unknown"
	}
	return `\\.\pipe\Homeward\` + sid + `\` + name
}

// hold takes no lock: of two programs only one can make the pipe.
func hold(string) (io.Closer, error) { return nothing{}, nil }

type nothing struct{}

// Close implements io.Closer.
func (nothing) Close() error { return nil }

func self(who localsock.Credentials) bool {
	sid, err := own()
	return err == nil && who.SID == sid
}

// own is the security identifier of the user who runs the program.
func own() (string, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", err
	}
	return user.User.Sid.String(), nil
}
