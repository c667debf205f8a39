package diagnose

import (
	"errors"
	"syscall"
)

// disk speaks of a disk that takes nothing more. What Homeward changes in the
// system it writes down first, so that a crash leaves nothing behind; what it
// cannot write down it does not change. "": the disk is not why.
func (f *Failure) disk() string {
	switch f.Cause {
	case CauseTUNFailed, CauseRoutesFailed, CauseDNSFailed:
	default:
		return ""
	}
	switch {
	case errors.Is(f.Err, syscall.ENOSPC), errors.Is(f.Err, syscall.EDQUOT):
		return "The disk is full, so the network settings of the tunnel could not be made; free some space, then connect again."
	case errors.Is(f.Err, syscall.EROFS):
		return "A disk that Homeward has to write to is read-only, so the network settings of the tunnel could not be made; restart this computer, and if it stays so, have the disk checked."
	default:
		return ""
	}
}
