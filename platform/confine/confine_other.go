//go:build !linux

package confine

import (
	"context"
	"errors"
)

func newGroup(string) (*Group, error) {
	return nil, errors.Join(ErrNoGroups, errors.ErrUnsupported)
}

func endFormer(string) error { return nil } // there was none

func (*Group) admit(int, uint32) error     { return errors.ErrUnsupported }
func (*Group) ended(context.Context) error { return errors.ErrUnsupported }
func (*Group) remove() error               { return errors.ErrUnsupported }
