package netmon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// The system's bus carries two words that are wanted here: systemd-logind says that
// the machine has woken up (PrepareForSleep with false), and the bus itself that
// systemd-resolved has come or gone. A machine without a bus has neither. A bus that
// ends is not looked for again: it outlives every service of a machine.

// What is listened to.
const (
	loginManager = "org.freedesktop.login1.Manager"
	resolveName  = "org.freedesktop.resolve1"
	sleepMember  = "PrepareForSleep"
	ownerMember  = "NameOwnerChanged"
	busInterface = "org.freedesktop.DBus"
)

// busTime bounds the handshake with the bus.
const busTime = 3 * time.Second

// bus is the connection.
type bus struct {
	config  Config
	conn    *dbus.Conn
	signals chan *dbus.Signal
	end     chan struct{}
	once    sync.Once
	cancel  func()
	asleep  clocks // since logind said that the machine is about to sleep
	sleeps  bool
}

// openBus connects to the system's bus; nil without an error: there is none.
func openBus(c Config) (*bus, error) {
	address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS")
	if address == "" {
		address = "unix:path=/run/dbus/system_bus_socket"
		if _, err := os.Stat("/run/dbus/system_bus_socket"); err != nil {
			return nil, nil
		}
	}
	return dialBus(address, c)
}

func dialBus(address string, c Config) (*bus, error) {
	b := &bus{config: c, signals: make(chan *dbus.Signal, 16), end: make(chan struct{})}
	life, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	conn, err := dbus.Dial(address, dbus.WithContext(life))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("netmon: connecting to the system's bus: %w", err)
	}
	b.conn = conn
	late := time.AfterFunc(busTime, cancel)
	err = b.join(life)
	if !late.Stop() {
		err = errors.Join(err, fmt.Errorf("no answer within %v", busTime))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netmon: listening to the system's bus: %w", err), b.close())
	}
	conn.Signal(b.signals)
	return b, nil
}

// join says who we are and what is to be sent to us.
func (b *bus) join(ctx context.Context) error {
	if err := b.conn.Auth(nil); err != nil {
		return err
	}
	if err := b.conn.Hello(); err != nil {
		return err
	}
	if err := b.conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(loginManager), dbus.WithMatchMember(sleepMember)); err != nil {
		return err
	}
	return b.conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(busInterface), dbus.WithMatchMember(ownerMember), dbus.WithMatchArg(0, resolveName))
}

func (b *bus) next() (news, error) {
	select {
	case s, ok := <-b.signals:
		if !ok {
			return news{}, fmt.Errorf("netmon: the system's bus: %w", unix.ECONNRESET)
		}
		return b.take(s), nil
	case <-b.end:
		return news{}, errClosed
	}
}

// take reads one signal. The bus vouches for what it says itself; that a word comes
// from logind its rules for the system's bus see to, and a false one costs no more
// than a question to the gateway.
func (b *bus) take(s *dbus.Signal) news {
	switch s.Name {
	case loginManager + "." + sleepMember:
		if len(s.Body) != 1 {
			return news{}
		}
		falls, ok := s.Body[0].(bool)
		if !ok {
			return news{}
		}
		now, err := readClocks()
		if falls {
			b.asleep, b.sleeps = now, err == nil
			return news{}
		}
		n := news{kinds: Resumed}
		if b.sleeps && err == nil {
			n.slept = slept(b.asleep, now)
		}
		b.sleeps = false
		return n
	case busInterface + "." + ownerMember:
		return askNames(b.config.Names, b.config.Logger)
	}
	return news{}
}

func (b *bus) close() (err error) {
	b.once.Do(func() {
		close(b.end)
		err = b.conn.Close()
		b.cancel()
	})
	return err
}
