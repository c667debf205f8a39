//go:build linux

package route

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
	"github.com/homeward-vpn/homeward/platform/tun"
)

// recorder counts changes, and kills this process at a chosen one.
type recorder struct {
	kernel
	changes int
	dieAt   int // before the change, or after it: two moments for each
}

func (r *recorder) around(change func() error) error {
	r.moment()
	err := change()
	r.moment()
	return err
}

func (r *recorder) moment() {
	if r.changes++; r.changes == r.dieAt {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
	}
}

func (r *recorder) AddRoutes(es []routeEntry) error {
	if len(es) == 0 {
		return nil
	}
	return r.around(func() error { return r.kernel.AddRoutes(es) })
}

func (r *recorder) DelRoutes(es []routeEntry) error {
	if len(es) == 0 {
		return nil
	}
	return r.around(func() error { return r.kernel.DelRoutes(es) })
}
func (r *recorder) AddRule(e rule) error {
	return r.around(func() error { return r.kernel.AddRule(e) })
}
func (r *recorder) DelRule(e rule) error {
	return r.around(func() error { return r.kernel.DelRule(e) })
}
func (r *recorder) SetFilter(name string, value int) error {
	return r.around(func() error { return r.kernel.SetFilter(name, value) })
}

const (
	lifeVariable   = "HOMEWARD_TEST_LIFE" // the moment of death
	ledgerVariable = "HOMEWARD_TEST_LEDGER"
)

// TestMain turns this program into the one that dies, where the variable says so.
func TestMain(m *testing.M) {
	moment := os.Getenv(lifeVariable)
	if moment == "" {
		os.Exit(m.Run())
	}
	var dieAt int
	if _, err := fmt.Sscan(moment, &dieAt); err != nil {
		panic(err)
	}
	if err := life(os.Getenv(ledgerVariable), dieAt); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// life is a run of the service that dies by kill -9 at a chosen moment: a tunnel
// comes up, its routes change, and it goes down again.
func life(dir string, dieAt int) error {
	l, err := ledger.Open(dir)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	d, err := tun.Create(tun.Config{Addresses: prefixes("10.98.0.2/32 fd98::2/128"), Ledger: l, Logger: logger})
	if err != nil {
		return err
	}
	r := newRouter(l, logger, &recorder{kernel: linux{}, dieAt: dieAt})
	for _, c := range configs {
		c.Interface = d.Name()
		if err := r.Set(c); err != nil {
			return err
		}
	}
	return errors.Join(r.Clear(), d.Close(), l.Close())
}

// TestKilledAnywhere kills that life before and after each of its changes;
// replaying its ledger leaves the network exactly as it was.
func TestKilledAnywhere(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	before := namespace.Take(t)
	undo := Undo()
	maps.Copy(undo, tun.Undo())
	for dieAt := 1; ; dieAt++ {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), lifeVariable+"="+fmt.Sprint(dieAt), ledgerVariable+"="+dir)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if err != nil && !killed {
			t.Fatalf("moment %d: %v\n%s", dieAt, err, out)
		}
		l, err := ledger.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if killed && l.Len() == 0 {
			t.Fatalf("moment %d: the ledger is empty", dieAt)
		}
		if err := errors.Join(l.Replay(undo), l.Close()); err != nil {
			t.Fatalf("moment %d: %v", dieAt, err)
		}
		if got := namespace.Take(t); got != before {
			t.Fatalf("moment %d:\n%+v\nbefore:\n%+v", dieAt, got, before)
		}
		wantFilter(t, "1")
		if !killed {
			t.Logf("survived %d moments of death", dieAt-1)
			if dieAt < 20 {
				t.Error("a life of so few moments proves little")
			}
			return
		}
	}
}
