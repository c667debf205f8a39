//go:build !linux && !darwin && !windows

package localsock

import "errors"

// DefaultPath is where the service listens.
const DefaultPath = "/var/run/homeward/homewardd.sock"

func peerOf(int) (Credentials, error) { return Credentials{}, errors.ErrUnsupported }
