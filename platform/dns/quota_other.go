//go:build !unix

package dns

import "errors"

// errQuota says that the owner's share of the disk is full.
var errQuota = errors.ErrUnsupported
