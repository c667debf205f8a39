//go:build !linux

package confine

import (
	"context"
	"errors"
)

func newGroup(string) (*Group, error) {
	return nil, errors.Join(ErrNoGroups, errors.ErrUnsupported)
}

func (*Group) admit(int) error             { return errors.ErrUnsupported }
func (*Group) ended(context.Context) error { return errors.ErrUnsupported }
func (*Group) remove() error               { return errors.ErrUnsupported }
