//go:build !linux

package route

import "errors"

func newKernel() (kernel, error) { return nil, errors.ErrUnsupported }
