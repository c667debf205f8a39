package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

// maxPerUser bounds the connections that one ordinary user may hold open, so
// that nobody can keep the others out.
const maxPerUser = 64

// vouched is a connection whose other end is known.
type vouched struct {
	net.Conn
	caller Caller
	once   sync.Once
	done   func()
}

func (c *vouched) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

// CloseWrite lets the HTTP server finish an answer before it hangs up on a
// request that it did not read to the end.
func (c *vouched) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// doorman accepts connections from known users only.
type doorman struct {
	net.Listener
	identify func(net.Conn) (Caller, error)
	logger   *slog.Logger

	mu   sync.Mutex
	open map[uint32]int
}

func newDoorman(l net.Listener, identify func(net.Conn) (Caller, error), logger *slog.Logger) *doorman {
	return &doorman{Listener: l, identify: identify, logger: logger, open: map[uint32]int{}}
}

// identify asks the operating system who is calling.
func identify(c net.Conn) (Caller, error) {
	who, err := localsock.Peer(c)
	if err != nil {
		return Caller{}, err
	}
	return caller(who)
}

var errNobody = errors.New("the system does not tell its users apart by numbers, and they must not pass for one another")

// caller is who is at the other end. Where the system gives no number, everybody
// would be the owner of everything.
func caller(who localsock.Credentials) (Caller, error) {
	if who.UID == localsock.UnknownID {
		return Caller{}, errNobody
	}
	return Caller{UID: who.UID, PID: who.PID, Admin: who.UID == 0}, nil
}

// Accept implements net.Listener.
func (d *doorman) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		caller, err := d.identify(c)
		if err == nil && !d.enter(caller) {
			err = errTooMany
		}
		if err == nil {
			return &vouched{Conn: c, caller: caller, done: func() { d.leave(caller) }}, nil
		}
		d.logger.Warn("caller turned away", "error", errors.Join(err, c.Close()))
	}
}

var errTooMany = errors.New("the user holds too many connections")

func (d *doorman) enter(c Caller) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !c.Admin && d.open[c.UID] >= maxPerUser {
		return false
	}
	d.open[c.UID]++
	return true
}

func (d *doorman) leave(c Caller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[c.UID]--; d.open[c.UID] == 0 {
		delete(d.open, c.UID)
	}
}

type callerKey struct{}

// withCaller is the server's ConnContext.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	if v, ok := c.(*vouched); ok {
		return context.WithValue(ctx, callerKey{}, v.caller)
	}
	return ctx
}

func callerOf(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}
