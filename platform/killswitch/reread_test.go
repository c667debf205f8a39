package killswitch

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// deceiver is a kernel that takes a table and holds another.
type deceiver struct {
	kernel       // what no test asks for
	makes, holds *standing
	cuts, drops  int
}

func (d *deceiver) replace(*table) (*standing, error) { return d.makes, nil }
func (d *deceiver) remove() error                     { return nil }
func (d *deceiver) read() (*standing, error)          { return d.holds, nil }
func (d *deceiver) cut(*table) (int, error)           { d.cuts++; return 0, nil }
func (d *deceiver) dropWaiting() (int, error)         { d.drops++; return 0, nil }

// noted is a table of these lines with the note that Set leaves in it.
func noted(lines ...string) *standing {
	s := &standing{lines: lines}
	s.note = s.fingerprint()
	return s
}

// TestReadAfterCommit: a policy counts as set when the kernel shows it as it was meant,
// and not when it only took the transaction; likewise that there is none.
func TestReadAfterCommit(t *testing.T) {
	t.Parallel()
	unnoted := noted("chain output drops", "output 0 accepts loopback")
	unnoted.note = ""
	for name, holds := range map[string]*standing{
		"nothing":     nil,
		"a rule less": noted("chain output drops"),
		"a rule more": noted("chain output drops", "output 0 accepts loopback", "output 1 accepts all"),
		"another":     noted("chain output accepts", "output 0 accepts loopback"),
		"no note":     unnoted,
	} {
		k := &deceiver{makes: noted("chain output drops", "output 0 accepts loopback"), holds: holds}
		s := &Switch{kernel: k, log: slog.New(slog.DiscardHandler)}
		var altered *AlteredError
		if err := s.Set(Policy{}); !errors.As(err, &altered) {
			t.Errorf("%s: Set says %v", name, err)
		}
		if err := s.Check(); !errors.As(err, &altered) {
			t.Errorf("%s: Check says %v", name, err)
		}
	}
	k := &deceiver{makes: noted("chain output drops"), holds: noted("chain output drops")}
	s := &Switch{kernel: k, log: slog.New(slog.DiscardHandler)}
	if err := s.Set(Policy{}); err != nil || k.cuts != 1 || k.drops != 1 {
		t.Errorf("what was meant: %v, flows cut %d times, waiting packets dropped %d times", err, k.cuts, k.drops)
	}
	if err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "taken away") {
		t.Errorf("what stands after Clear: %v", err)
	}
}
