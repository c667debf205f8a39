//go:build !linux

package canary

import (
	"context"
	"errors"
	"io"
)

// Windows: the same attempts from sockets bound to an interface's address, the wire
// watched through a WFP layer of discards (FWPM_LAYER_OUTBOUND_*_DISCARD); the other
// user by a restricted token. macOS: IP_BOUND_IF, and BPF on the interface.

func prove(context.Context, Config) ([]Probe, error) { return nil, errors.ErrUnsupported }

// Child does what the parent wants tried. See canary_linux.go.
func Child(io.Reader, io.Writer) error { return errors.ErrUnsupported }
