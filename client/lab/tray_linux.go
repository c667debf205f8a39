package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Tray is the icon of the desktop program in the panel, as the panel itself sees
// it: a StatusNotifierItem, with a menu by com.canonical.dbusmenu.
type Tray struct {
	bus  *dbus.Conn
	item dbus.BusObject
	menu dbus.BusObject
}

// The names of both protocols.
const (
	watcherName = "org.kde.StatusNotifierWatcher"
	itemName    = "org.kde.StatusNotifierItem"
	menuName    = "com.canonical.dbusmenu"
)

// MenuItem is one line of the tray's menu.
type MenuItem struct {
	ID        int32
	Label     string
	Disabled  bool
	Checked   bool
	Separator bool
	Children  []MenuItem
}

// sessionBus connects with the session's bus as the panel does.
func (s *Screen) sessionBus(ctx context.Context) (*dbus.Conn, error) {
	address := ""
	for _, kv := range s.h.Environment() {
		if value, ok := strings.CutPrefix(kv, "DBUS_SESSION_BUS_ADDRESS="); ok {
			address = value
		}
	}
	bus, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("lab: reaching the session bus: %w", err)
	}
	return bus, nil
}

// Tray waits until the panel shows an icon and gives it. Close it.
func (s *Screen) Tray(ctx context.Context) (*Tray, error) {
	bus, err := s.sessionBus(ctx)
	if err != nil {
		return nil, err
	}
	t := &Tray{bus: bus}
	err = Until(ctx, "an icon is in the tray", func() (bool, error) {
		items, err := bus.Object(watcherName, "/StatusNotifierWatcher").GetProperty(watcherName + ".RegisteredStatusNotifierItems")
		if err != nil {
			return false, err
		}
		all, _ := items.Value().([]string)
		if len(all) == 0 {
			return false, nil
		}
		owner, path, ok := strings.Cut(all[0], "/")
		if !ok {
			path = strings.TrimPrefix(dbusItemPath, "/")
		}
		t.item = bus.Object(owner, dbus.ObjectPath("/"+path))
		return true, nil
	})
	if err == nil {
		var menu dbus.Variant
		if menu, err = t.item.GetProperty(itemName + ".Menu"); err == nil {
			path, _ := menu.Value().(dbus.ObjectPath)
			t.menu = bus.Object(t.item.Destination(), path)
			return t, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("lab: finding the tray's icon: %w", err), bus.Close())
}

// dbusItemPath is where an item is that says its name alone.
const dbusItemPath = "/StatusNotifierItem"

// Close lets the bus go; the icon stays.
func (t *Tray) Close() error { return t.bus.Close() }

// Menu reads the menu.
func (t *Tray) Menu(ctx context.Context) ([]MenuItem, error) {
	var revision uint32
	var root menuNode
	call := t.menu.CallWithContext(ctx, menuName+".GetLayout", 0, int32(0), int32(-1), []string{})
	if err := call.Store(&revision, &root); err != nil {
		return nil, fmt.Errorf("lab: reading the tray's menu: %w", err)
	}
	item, err := root.item()
	return item.Children, err
}

// menuNode is (ia{sv}av), as GetLayout nests it.
type menuNode struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

func (n menuNode) item() (MenuItem, error) {
	m := MenuItem{ID: n.ID}
	if v, ok := n.Properties["label"]; ok {
		m.Label, _ = v.Value().(string)
	}
	if v, ok := n.Properties["enabled"]; ok {
		enabled, _ := v.Value().(bool)
		m.Disabled = !enabled
	}
	if v, ok := n.Properties["toggle-state"]; ok {
		state, _ := v.Value().(int32)
		m.Checked = state == 1
	}
	if v, ok := n.Properties["type"]; ok {
		m.Separator = v.Value() == "separator"
	}
	for _, child := range n.Children {
		var node menuNode
		if err := dbus.Store([]any{child.Value()}, &node); err != nil {
			return m, fmt.Errorf("lab: reading the tray's menu: %w", err)
		}
		c, err := node.item()
		if err != nil {
			return m, err
		}
		m.Children = append(m.Children, c)
	}
	return m, nil
}

// Find gives the first line, at any depth, that fits.
func Find(items []MenuItem, fits func(MenuItem) bool) (MenuItem, bool) {
	for _, m := range items {
		if fits(m) {
			return m, true
		}
		if c, ok := Find(m.Children, fits); ok {
			return c, true
		}
	}
	return MenuItem{}, false
}

// Choose waits for a line of the menu with this label that can be chosen, and
// chooses it as the panel does when a person clicks there.
func (t *Tray) Choose(ctx context.Context, label string) error {
	var last []MenuItem
	err := Until(ctx, fmt.Sprintf("the tray's menu has %q", label), func() (bool, error) {
		items, err := t.Menu(ctx)
		if err != nil {
			return false, err
		}
		last = items
		m, ok := Find(items, func(m MenuItem) bool { return m.Label == label && !m.Disabled })
		if !ok {
			return false, nil
		}
		call := t.menu.CallWithContext(ctx, menuName+".Event", 0, m.ID, "clicked", dbus.MakeVariant(int32(0)), uint32(time.Now().Unix()))
		return true, call.Err
	})
	if err != nil {
		return fmt.Errorf("%w; it has %+v", err, last)
	}
	return nil
}
