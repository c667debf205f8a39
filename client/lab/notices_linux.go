package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Notice is one notification that a program has shown the person.
type Notice struct {
	Title, Body string
}

// Notices is the desktop's notification service: it shows nothing and keeps
// everything. Safe for concurrent use.
type Notices struct {
	bus *dbus.Conn
	mu  sync.Mutex
	all []Notice
}

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = "/org/freedesktop/Notifications"
)

// KeepNotices takes the place of the desktop's notification service. Close it.
func (s *Screen) KeepNotices(ctx context.Context) (*Notices, error) {
	bus, err := s.sessionBus(ctx)
	if err != nil {
		return nil, err
	}
	n := &Notices{bus: bus}
	if err = bus.Export(n.methods(), notifyPath, notifyName); err == nil {
		var reply dbus.RequestNameReply
		reply, err = bus.RequestName(notifyName, dbus.NameFlagDoNotQueue)
		if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
			err = errors.New("somebody else shows them")
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: keeping notifications: %w", err), bus.Close())
	}
	return n, nil
}

// methods are those of the service as the bus calls them.
func (n *Notices) methods() any { return (*notifyMethods)(n) }

type notifyMethods Notices

// Notify keeps a notification and gives its number.
func (m *notifyMethods) Notify(_ string, _ uint32, _, title, body string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n := (*Notices)(m)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, Notice{Title: title, Body: body})
	return uint32(len(n.all)), nil
}

// GetCapabilities says what can be shown.
func (*notifyMethods) GetCapabilities() ([]string, *dbus.Error) { return []string{"body"}, nil }

// GetServerInformation says who this is.
func (*notifyMethods) GetServerInformation() (name, vendor, version, spec string, err *dbus.Error) {
	return "lab", "lab", "1", "1.2", nil
}

// All gives what was shown so far.
func (n *Notices) All() []Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]Notice(nil), n.all...)
}

// Await waits until a notification with this in its title or body was shown.
func (n *Notices) Await(ctx context.Context, text string) (Notice, error) {
	var found Notice
	err := Until(ctx, fmt.Sprintf("a notification says %q", text), func() (bool, error) {
		for _, one := range n.All() {
			if strings.Contains(one.Title, text) || strings.Contains(one.Body, text) {
				found = one
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		err = fmt.Errorf("%w; there were %+v", err, n.All())
	}
	return found, err
}

// Close gives the name back.
func (n *Notices) Close() error { return n.bus.Close() }
