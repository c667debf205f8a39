package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchSendsEveryStateThatLasts(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	var seen []State
	enough := errors.New("enough")
	script := []State{StateConnecting, StateConnected, StateDisconnected}
	err := c.Watch(t.Context(), func(st Status) error {
		seen = append(seen, st.State)
		if len(script) == 0 {
			return enough
		}
		b.publish(script[0])
		script = script[1:]
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	want := []State{StateDisconnected, StateConnecting, StateConnected, StateDisconnected}
	if len(seen) != len(want) {
		t.Fatalf("seen %v, want %v", seen, want)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Fatalf("seen %v, want %v", seen, want)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := serve(t, newFakeBackend())
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Watch(ctx, func(Status) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	c := serve(t, newFakeBackend())
	var seen []string
	if err := c.Logs(t.Context(), false, func(e LogEntry) error { seen = append(seen, e.Message); return nil }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(seen, " ") != "first second" {
		t.Errorf("seen %v", seen)
	}
	enough := errors.New("enough")
	err := c.Logs(t.Context(), true, func(e LogEntry) error {
		if e.Message == "second" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("following: %v", err)
	}
}

// pipes is a listener whose connections live in memory, so that its deadlines
// are in virtual time.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// inMemory runs a server and a client in one bubble of virtual time.
func inMemory(t *testing.T, b Backend) (*Client, func() net.Conn) {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
	dial := func() net.Conn {
		mine, yours := net.Pipe()
		l.conns <- yours
		return mine
	}
	serveOn(t, b, "", l, func(net.Conn) (Caller, error) { return Caller{UID: 1000}, nil })
	return newClient("pipe", func(context.Context, string, string) (net.Conn, error) { return dial(), nil }), dial
}

func TestQuietWatchLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newFakeBackend()
		c, _ := inMemory(t, b)
		enough := errors.New("enough")
		timer := time.AfterFunc(24*time.Hour, func() { b.publish(StateConnected) })
		defer timer.Stop()
		err := c.Watch(t.Context(), func(st Status) error {
			if st.State == StateConnected {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Errorf("a watch without news did not last a day: %v", err)
		}
	})
}

func TestSlowCallersAreCut(t *testing.T) {
	for name, sent := range map[string]string{
		"no request at all":  "",
		"half a header":      "GET /v1/status HTTP/1.1\r\nHost: homeward\r\n",
		"half a body":        "POST /v1/connect HTTP/1.1\r\nHost: homeward\r\nHomeward-API: 1\r\nContent-Length: 100\r\n\r\n{",
		"a watch never read": "GET /v1/watch HTTP/1.1\r\nHost: homeward\r\nHomeward-API: 1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newFakeBackend()
				_, dial := inMemory(t, b)
				conn := dial()
				start := time.Now()
				if sent != "" {
					if _, err := conn.Write([]byte(sent)); err != nil {
						t.Fatal(err)
					}
				}
				if name == "a watch never read" {
					<-time.After(sendTimeout + time.Second)
				}
				// The server hangs up; until then there may be an answer.
				buf := make([]byte, 4096)
				for {
					if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
						break // hung up already
					}
					if _, err := conn.Read(buf); err != nil {
						if errors.Is(err, os.ErrDeadlineExceeded) {
							t.Fatal("the server still waits")
						}
						break
					}
				}
				if waited := time.Since(start); waited > bodyTimeout+sendTimeout+idleTimeout {
					t.Errorf("cut after %v", waited)
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestShutdownCutsSilentCallers: whoever holds a connection and says nothing
// neither delays the end of the service nor makes a failure of it.
func TestShutdownCutsSilentCallers(t *testing.T) {
	for name, sent := range map[string]string{
		"no request at all": "",
		"half a request":    "POST /v1/connect HTTP/1.1\r\nHost: homeward\r\nHomeward-API: 1\r\nContent-Length: 100\r\n\r\n{",
		"a watch":           "GET /v1/watch HTTP/1.1\r\nHost: homeward\r\nHomeward-API: 1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
				s := NewServer(newFakeBackend(), slog.New(slog.DiscardHandler))
				s.identify = func(net.Conn) (Caller, error) { return Caller{UID: 1000}, nil }
				served := make(chan error, 1)
				go func() { served <- s.Serve(l) }()
				mine, yours := net.Pipe()
				l.conns <- yours
				if sent != "" {
					if _, err := mine.Write([]byte(sent)); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if err := s.Shutdown(ctx); err != nil {
					t.Errorf("shutdown: %v", err)
				}
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("it took %v", took)
				}
				if err := <-served; err != nil {
					t.Errorf("serve: %v", err)
				}
				if err := mine.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestSilentServiceIsLost: a service that takes connections and never answers
// does not hold its callers for ever.
func TestSilentServiceIsLost(t *testing.T) {
	calls := map[string]func(ctx context.Context, c *Client) error{
		"status": func(ctx context.Context, c *Client) error { _, err := c.Status(ctx); return err },
		"connect": func(ctx context.Context, c *Client) error {
			_, err := c.Connect(ctx, ConnectRequest{Profile: "office"})
			return err
		},
		"watch": func(ctx context.Context, c *Client) error { return c.Watch(ctx, func(Status) error { return nil }) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var held []net.Conn
				c := newClient("pipe", func(context.Context, string, string) (net.Conn, error) {
					mine, yours := net.Pipe()
					held = append(held, yours)
					return mine, nil
				})
				start := time.Now()
				var lost *LostError
				if err := call(t.Context(), c); !errors.As(err, &lost) || !errors.Is(lost.Err, errSilent) {
					t.Errorf("%v, want a LostError", err)
				}
				if took := time.Since(start); took != answerTime {
					t.Errorf("given up after %v, want %v", took, answerTime)
				}
				// The caller's own deadline stays the caller's.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := call(ctx, c); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &lost) {
					t.Errorf("%v, want the caller's deadline", err)
				}
				for _, h := range held {
					if err := h.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}
