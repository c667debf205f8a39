//go:build !linux

package captive

// askers are none: this system keeps the link's messages to itself, and tells of
// portals by a service of its own.
func askers() []asker { return nil }
