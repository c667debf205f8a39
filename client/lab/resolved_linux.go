package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

// startOpenresolv tells openresolv, which runs only when it is called.
func (l *Lab) startOpenresolv(ctx context.Context) error {
	if err := l.Client.ownFolders(ctx, "/run/resolvconf"); err != nil {
		return err
	}
	tell := l.Client.Command(ctx, "resolvconf", "-a", "eth0.dhcp")
	tell.Stdin = strings.NewReader("nameserver " + RouterInside.String() + "\n")
	if _, err := output(tell); err != nil {
		return fmt.Errorf("lab: telling openresolv of the home router: %w", err)
	}
	l.Client.looks = []string{"resolvconf -l"}
	return nil
}

// ownFolders puts an empty folder of the machine's own over each of these, which
// all machines of a lab would share otherwise.
func (n *Namespace) ownFolders(ctx context.Context, paths ...string) error {
	for _, p := range paths {
		if _, err := n.Run(ctx, "sh", "-ec", `mkdir -p "$0" && mount -t tmpfs -o mode=0755 tmpfs "$0"`, p); err != nil {
			return fmt.Errorf("lab: making %s of %s: %w", p, n.Name, err)
		}
	}
	return nil
}

const (
	systemBus = "/run/dbus/system_bus_socket"

	// busConf is a system bus whose daemon stays who it is, with the rules that
	// systemd-resolved brings.
	busConf = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
	<type>system</type>
	<listen>unix:path=` + systemBus + `</listen>
	<auth>EXTERNAL</auth>
	<policy context="default">
		<allow user="*"/>
		<deny own="*"/>
		<deny send_type="method_call"/>
		<allow send_type="signal"/>
		<allow send_requested_reply="true" send_type="method_return"/>
		<allow send_requested_reply="true" send_type="error"/>
		<allow receive_type="*"/>
		<allow send_destination="org.freedesktop.DBus"/>
	</policy>
	<include>/usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf</include>
</busconfig>
`

	// resolvedConf switches off what would look for a world that the lab has
	// not, whatever the machine's own settings are.
	resolvedConf = "[Resolve]\nDNS=\nDomains=\nFallbackDNS=\nLLMNR=no\nMulticastDNS=no\nDNSSEC=no\nDNSOverTLS=no\n"
)

// resolvedLooks show what systemd-resolved has been told of each link.
var resolvedLooks = []string{
	"resolvectl dns", "resolvectl domain", "resolvectl default-route",
	"resolvectl llmnr", "resolvectl mdns", "resolvectl dnssec", "resolvectl dnsovertls",
}

// startResolved runs a system bus and systemd-resolved, as on a usual desktop:
// resolv.conf leads to the stub at 127.0.0.53, and eth0 has the home router.
func (l *Lab) startResolved(ctx context.Context) error {
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		return &NoNameServiceError{Service: Resolved, Err: fmt.Errorf("%w: %w", ErrNotInstalled, err)}
	}
	// A library that it wants and that no package here brought shows at once.
	if _, err := l.Client.Run(ctx, resolvedProgram, "--version"); err != nil {
		return &NoNameServiceError{Service: Resolved, Err: err}
	}
	if err := l.Client.ownFolders(ctx, "/run/dbus", "/run/systemd"); err != nil {
		return err
	}
	conf := filepath.Join(l.Dir, "system-bus.conf")
	dropIns := l.Client.Path("/run/systemd/resolved.conf.d")
	err := errors.Join(os.MkdirAll(dropIns, 0o755),
		os.WriteFile(filepath.Join(dropIns, "zz-lab.conf"), []byte(resolvedConf), 0o644),
		os.WriteFile(conf, []byte(busConf), 0o644))
	if err != nil {
		return fmt.Errorf("lab: preparing systemd-resolved: %w", err)
	}
	bus, err := l.daemon("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile")
	if err != nil {
		return err
	}
	if err := waitForSocket(ctx, l.Client.Path(systemBus), bus); err != nil {
		return err
	}
	if _, err := l.Client.Run(ctx, "ln", "-sfn", "../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf"); err != nil {
		return fmt.Errorf("lab: leading resolv.conf to systemd-resolved: %w", err)
	}
	if err := l.runResolved(ctx); err != nil {
		return err
	}
	for _, args := range [][]string{{"dns", "eth0", RouterInside.String()}, {"default-route", "eth0", "yes"}} {
		if _, err := l.Client.Run(ctx, "resolvectl", args...); err != nil {
			return fmt.Errorf("lab: telling systemd-resolved of the home router: %w", err)
		}
	}
	l.Client.looks = resolvedLooks
	return nil
}

// runResolved starts systemd-resolved, and returns when it can be asked.
func (l *Lab) runResolved(ctx context.Context) (err error) {
	if l.resolved, err = l.daemon(resolvedProgram); err != nil {
		return err
	}
	return waitForName(ctx, "unix:path="+l.Client.Path(systemBus), "org.freedesktop.resolve1", l.resolved)
}

// RestartResolved ends systemd-resolved and starts it again, as an upgrade of its
// package does: it knows of the home router still, for its own files tell it, and of nothing else.
// One caller at a time.
func (l *Lab) RestartResolved(ctx context.Context) error {
	if l.resolved == nil {
		return errors.New("lab: no systemd-resolved keeps the client's resolv.conf")
	}
	if err := l.resolved.Stop(ctx); err != nil {
		return err
	}
	return l.runResolved(ctx)
}

// daemon starts a program on the client's machine until the lab ends.
func (l *Lab) daemon(program string, args ...string) (*Process, error) {
	cmd := l.Client.Command(context.Background(), program, args...)
	said := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	p, err := startProcess(filepath.Base(program), cmd)
	if err != nil {
		return nil, err
	}
	p.said = said
	l.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopWait)
		defer cancel()
		return p.Stop(ctx)
	})
	return p, nil
}

// waitForName waits until somebody owns a name on a bus, or the process that
// should has ended.
func waitForName(ctx context.Context, bus, name string, p *Process) (err error) {
	conn, err := dbus.Connect(bus, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("lab: connecting to the bus: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return Until(ctx, p.Name+" has its name", func() (owned bool, err error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("%s has ended: %v: %s", p.Name, p.err, p.said)
		default:
		}
		err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned)
		return owned, err
	})
}
