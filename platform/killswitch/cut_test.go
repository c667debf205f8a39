package killswitch

import (
	"log/slog"
	"testing"
)

// paper is a firewall that holds what it is told, and counts.
type paper struct {
	holds      *standing
	generation uint32
	cuts       int
}

func (p *paper) replace(t *table) (*standing, error) {
	p.generation++
	s := &standing{lines: []string{t.text()}}
	p.holds = &standing{lines: s.lines, note: s.fingerprint()}
	return s, nil
}

func (p *paper) remove() error {
	p.generation++
	p.holds = nil
	return nil
}

func (p *paper) read() (*standing, error) {
	if p.holds != nil {
		p.holds.generation = p.generation
	}
	return p.holds, nil
}

func (p *paper) cut(*table) (int, error) { p.cuts++; return 0, nil }

func (p *paper) dropWaiting() (int, error) { return 0, nil }

func (p *paper) watch() (watcher, error) { return nil, nil }

func (p *paper) close() error { return nil }

// TestFlowsAreLookedAtWhenSomethingCloses: the kernel's flows are gone through
// only where a policy closes something, or where somebody else had a hand in it.
func TestFlowsAreLookedAtWhenSomethingCloses(t *testing.T) {
	t.Parallel()
	firewall := &paper{}
	s := &Switch{log: slog.New(slog.DiscardHandler), kernel: firewall}
	set := func(state string, looked bool) {
		t.Helper()
		before := firewall.cuts
		if err := s.Set(states()[state]); err != nil {
			t.Fatal(err)
		}
		if got := firewall.cuts > before; got != looked {
			t.Errorf("%s: looked at the flows: %v", state, got)
		}
	}
	set("connecting", true) // nobody knows what there was before
	set("connecting", false)
	set("connected", false)
	set("connected, local network", false)
	set("connected", true)
	set("connecting", true)
	firewall.generation++ // somebody takes the table away and puts it back
	set("connected", true)
	set("connected", false)
	if err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	set("connected", true)
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	firewall.holds = nil
	if err := s.Check(); err == nil {
		t.Error("a policy that is gone is there")
	}
	firewall.generation++
	set("connected", true)
}
