// Package confine keeps one program of the user's apart from all others, so that
// the kill switch can tell it from them: a control group of its own (Linux,
// cgroups(7), version 2), whose sockets the kernel's packet filter knows.
//
//	New -> Admit(the program, before it opens a socket) -> Ended -> Close
//
// A socket belongs to the group in which it was made, and what a member starts is a
// member, too: so a program is let in first and starts its browser then. What it had
// open before stays outside. Nobody but root gets in or out by himself, for the group
// is root's. A member can hand a socket to another program, which can use it as long
// as the group is there: a group that is made later is another one to the kernel, also
// where it has the same name.
//
// It owns the group and ends what is in it at Close, for a sign-in has an end. It
// never starts a program and knows nothing of packets. app/homewardd joins it with
// platform/killswitch and client/service.
package confine

import (
	"context"
	"errors"
	"sync"
)

// ErrNoGroups says that this system has no control groups of version 2, or does not
// let this process make one.
var ErrNoGroups = errors.New("confine: this system keeps no program apart from the others (no control groups of version 2)")

// Group is one group. It is safe for concurrent use.
type Group struct {
	path string // below the mount
	dir  string
	once sync.Once
	err  error
	// over ends with Close: the kernel tells late that a group is empty, and not at all
	// of one that is gone by then.
	over context.Context
	end  context.CancelFunc
}

// Path is the group's, below the mount of cgroup2: "system.slice/x/portal".
func (g *Group) Path() string { return g.path }

// New makes an empty group below the one of this process. One of the same name that a
// former run has left is ended first. ErrNoGroups where there can be none.
func New(name string) (*Group, error) { return newGroup(name) }

// Admit takes a process of the user uid in, by its number. It must not have begun yet
// what it is to do inside. Numbers are given out anew: one that by now is another
// user's, or a program that has taken another's rights, is refused, for it would be
// let out, and ended, at a stranger's wish.
func (g *Group) Admit(pid int, uid uint32) error { return g.admit(pid, uid) }

// EndFormer ends what a former run that was killed has left in the group of this name,
// and takes the group away. Nothing to do is no error.
func EndFormer(name string) error { return endFormer(name) }

// Ended waits until no process is left in the group, or ctx ends. A group that nobody
// was let into has ended.
func (g *Group) Ended(ctx context.Context) error { return g.ended(ctx) }

// Close ends what is still in the group, by force, and takes the group away. A second
// call gives the result of the first.
func (g *Group) Close() error {
	g.once.Do(func() {
		g.err = g.remove()
		g.end()
	})
	return g.err
}
