package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// syncBuffer keeps the last part of what a program writes. Safe for
// concurrent use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// keepOutput is how much of a program's output is kept.
const keepOutput = 4 << 20

// Write implements io.Writer; it never fails.
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Write(p)
	if s.b.Len() > keepOutput {
		s.b.Next(s.b.Len() - keepOutput/2)
	}
	return len(p), nil
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// stopWait is how long Close gives a program to end by itself.
const stopWait = 5 * time.Second

// Until calls condition, at once and then every few milliseconds, until it
// says true or fails, or ctx ends; what names the condition in the error.
func Until(ctx context.Context, what string, condition func() (bool, error)) error {
	return until(ctx, 5*time.Millisecond, what, condition)
}

func until(ctx context.Context, every time.Duration, what string, condition func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := condition()
		if err != nil {
			return fmt.Errorf("lab: waiting until %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lab: waiting until %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// waitForSocket waits until somebody accepts on a Unix socket, or the process
// that should has ended.
func waitForSocket(ctx context.Context, path string, p *Process) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return Until(ctx, p.Name+" answers", func() (bool, error) {
		select {
		case <-p.Done():
			said := ""
			if p.said != nil {
				said = ": " + p.said.String()
			}
			return false, fmt.Errorf("%s has ended: %v%s", p.Name, p.err, said)
		default:
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			return false, nil // not yet
		}
		return true, conn.Close()
	})
}
