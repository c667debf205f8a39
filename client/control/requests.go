package control

import (
	"log/slog"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// ConnectRequest asks for a line.
type ConnectRequest struct {
	Profile  string `json:"profile"` // a name, or an ID
	Username string `json:"username,omitempty"`
}

// Accepted says that a wish was taken. Snapshots from Revision on show it.
type Accepted struct {
	Revision uint64 `json:"revision"`
}

// Secret is a byte string that does not show itself in logs or texts.
type Secret []byte

// String hides the secret.
func (Secret) String() string { return "redacted" }

// GoString hides the secret from %#v too.
func (Secret) GoString() string { return "redacted" }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("redacted") }

// ProfileInfo is one line of the list of profiles.
type ProfileInfo struct {
	ID           string             `json:"id"`
	Name         string             `json:"name"`
	Owner        uint32             `json:"owner"`
	Gateway      string             `json:"gateway"`
	Auth         profile.ClientAuth `json:"auth"`
	SignIn       string             `json:"sign_in"` // with what, for a person
	Username     string             `json:"username,omitempty"`
	Organization string             `json:"organization,omitempty"`
	Format       string             `json:"format"`
	Identifier   string             `json:"identifier,omitempty"`
	// Managed: an administrator has laid the profile down for everybody who uses this
	// computer. Nobody removes it by a call, and each has their own values for the
	// fields that Locked does not name.
	Managed bool `json:"managed,omitempty"`
	// Locked are the fields that the caller cannot change, as profile.Paths names
	// them, or a whole part (gateway). Of a profile of one's own there are none.
	Locked []string `json:"locked,omitempty"`
}

// LogEntry is one line of the service's log, redacted.
type LogEntry struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Attrs   string    `json:"attrs,omitempty"` // key=value, separated by spaces
}

// Info tells about the service.
type Info struct {
	Version string `json:"version"`
	API     int    `json:"api"`
}
