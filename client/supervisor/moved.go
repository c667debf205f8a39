package supervisor

// networkChanged tries again what failed for want of a path. A change that comes while
// an attempt is under way, or is being taken down, is remembered: the attempt may have
// looked at the network before, and nobody tells of the change once more.
func networkChanged(s State) (State, []Effect) {
	if s.Failure != nil && s.Failure.Cause.OfPath() {
		if next, effects := resume(s); effects != nil {
			return next, effects
		}
	}
	s.moved = s.Phase != Disconnected && s.Phase != Connected
	return s, nil
}

// movedOn says that the last attempt has failed for want of a path in a network that is
// another since.
func (s State) movedOn() bool {
	return s.moved && s.Failure != nil && s.Failure.Cause.OfPath()
}
