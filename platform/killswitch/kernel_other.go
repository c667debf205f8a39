//go:build !linux

package killswitch

import "errors"

func newKernel() (kernel, error) { return nil, errors.ErrUnsupported }
