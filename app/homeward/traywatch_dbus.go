//go:build cgo && (linux || freebsd || openbsd || netbsd)

package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/godbus/dbus/v5"
)

// Where a desktop shows programs in its panel, one program of it keeps the list
// (org.kde.StatusNotifierWatcher) and one or several show it (hosts). Neither need be
// there, nor stay.
const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

// watchTray tells whether somebody shows the tray, now and whenever that changes, until
// ctx ends.
func watchTray(ctx context.Context, logger *slog.Logger, is func(hosted bool)) {
	conn, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		logger.Info("there is no session bus, so nobody shows the tray", "error", err)
		is(false)
		return
	}
	defer func() {
		if err := conn.Close(); err != nil {
			logger.Debug("the session bus", "error", err)
		}
	}()
	news := make(chan *dbus.Signal, 16)
	conn.Signal(news)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)},
		{dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostRegistered")},
		{dbus.WithMatchInterface(watcherName), dbus.WithMatchMember("StatusNotifierHostUnregistered")},
	} {
		if err := conn.AddMatchSignalContext(ctx, match...); err != nil {
			logger.Warn("whether the tray is shown is not noticed when it changes", "error", err)
		}
	}
	told := false // of its absence, which is told late
	late := time.NewTimer(panelStarts)
	defer late.Stop()
	for {
		if trayHosted(ctx, conn) {
			is(true)
			told = false
			late.Stop()
		} else if !told {
			late.Reset(panelStarts)
		}
		select {
		case <-ctx.Done():
			return
		case <-late.C:
			is(false)
			told = true
		case _, more := <-news:
			if !more {
				is(false)
				return
			}
		}
	}
}

// panelStarts is how long a panel may take to come up with the session, or again.
const panelStarts = 5 * time.Second

// trayHosted says whether somebody shows the tray. A watcher that does not say counts as
// one that does.
func trayHosted(ctx context.Context, conn *dbus.Conn) bool {
	var owned bool
	call := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcherName)
	if err := call.Store(&owned); err != nil || !owned {
		return false
	}
	var known dbus.Variant
	call = conn.Object(watcherName, watcherPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, watcherName, "IsStatusNotifierHostRegistered")
	if err := call.Store(&known); err != nil {
		return true
	}
	hosted, says := known.Value().(bool)
	return hosted || !says
}
