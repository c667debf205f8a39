//go:build !unix && !windows

package instance

import (
	"errors"
	"io"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

func systemPath(string) string { return "" }

func hold(string) (io.Closer, error) { return nil, errors.ErrUnsupported }

func self(localsock.Credentials) bool { return false }
