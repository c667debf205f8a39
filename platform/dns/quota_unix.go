//go:build unix

package dns

import "syscall"

// errQuota says that the owner's share of the disk is full.
var errQuota error = syscall.EDQUOT
