//go:build !linux

package route

import (
	"context"
	"errors"
)

func changes(context.Context) (<-chan struct{}, error) { return nil, errors.ErrUnsupported }
