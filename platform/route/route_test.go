package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// memory is a kernel in memory. It can fail at a chosen change.
type memory struct {
	routes  map[netip.Prefix]routeEntry
	rules   []rule
	filters map[string]int
	local   []netip.Prefix
	own     []netip.Prefix // the device's addresses
	down    bool
	changes int
	failAt  int // this change fails, 0: none
	boot    string
}

var errKernel = errors.New("the kernel says no")

func newMemory() *memory {
	return &memory{
		routes:  map[netip.Prefix]routeEntry{},
		filters: map[string]int{"all": 0, "eth0": filterStrict, "wlan0": 0},
		local:   prefixes("192.168.77.2/24"),
	}
}

func (m *memory) change() error {
	m.changes++
	if m.changes == m.failAt {
		return errKernel
	}
	return nil
}

func (m *memory) World(tunnel string) (world, error) {
	if tunnel == "absent" {
		return world{}, errors.New("no such device")
	}
	w := world{link: 5, ipv6: true, local: m.local, own: slices.Clone(m.own), down: m.down, have: maps.Clone(m.routes), rules: slices.Clone(m.rules)}
	for _, name := range []string{"eth0", "wlan0"} {
		w.filters = append(w.filters, filterState{name, m.filters[name], max(m.filters[name], m.filters["all"])})
	}
	return w, nil
}

func (m *memory) AddRoutes(es []routeEntry) error {
	for _, e := range es {
		if err := m.change(); err != nil {
			return err
		}
		m.routes[e.prefix] = e
	}
	return nil
}

func (m *memory) DelRoutes(es []routeEntry) error {
	for _, e := range es {
		if err := m.change(); err != nil {
			return err
		}
		delete(m.routes, e.prefix)
	}
	return nil
}

func (m *memory) Restore(_ string, addresses []netip.Prefix) error {
	if err := m.change(); err != nil {
		return err
	}
	m.own, m.down = append(m.own, addresses...), false
	return nil
}

func (m *memory) AddRule(r rule) error {
	if err := m.change(); err != nil {
		return err
	}
	m.rules = append(m.rules, r)
	return nil
}

func (m *memory) DelRule(r rule) error {
	if err := m.change(); err != nil {
		return err
	}
	if i := slices.Index(m.rules, r); i >= 0 {
		m.rules = slices.Delete(m.rules, i, i+1)
	}
	return nil
}

func (m *memory) Own(policyEntry) ([]routeEntry, []rule, error) {
	return slices.Collect(maps.Values(m.routes)), slices.Clone(m.rules), nil
}

func (m *memory) Filter(name string) (int, bool, error) {
	v, ok := m.filters[name]
	return v, ok, nil
}

func (m *memory) SetFilter(name string, value int) error {
	if err := m.change(); err != nil {
		return err
	}
	m.filters[name] = value
	return nil
}

func (m *memory) Boot() string { return m.boot }

// clean tells what is left of us, nil: nothing.
func (m *memory) clean() error {
	fresh := newMemory()
	if len(m.routes) > 0 || len(m.rules) > 0 || !reflect.DeepEqual(m.filters, fresh.filters) {
		return fmt.Errorf("left behind: routes %v, rules %v, filters %v", m.routes, m.rules, m.filters)
	}
	return nil
}

// undo is Undo on this kernel.
func (m *memory) undo() map[string]func(json.RawMessage) error {
	return map[string]func(json.RawMessage) error{
		policyKind: func(raw json.RawMessage) error {
			var e policyEntry
			return errors.Join(json.Unmarshal(raw, &e), undoPolicy(m, e))
		},
		filterKind: func(raw json.RawMessage) error {
			var e filterEntry
			return errors.Join(json.Unmarshal(raw, &e), undoFilter(m, e))
		},
	}
}

var configs = []Config{
	{Interface: "homeward0", Routes: prefixes("0.0.0.0/0 ::/0"), Full: true},
	{Interface: "homeward0", Routes: prefixes("10.99.0.0/24 fd00:99::/64")},
	{Interface: "homeward0", Routes: prefixes("0.0.0.0/0"), Exclude: prefixes("203.0.113.0/24 192.168.0.0/16"), Full: true},
	{Interface: "homeward0", Routes: prefixes("::/0"), Mark: 0x99, Full: true},
	{Interface: "homeward0"},
}

func openLedger(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestSetTwiceChangesNothing, and Clear takes all back, twice.
func TestSetTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	l := openLedger(t, t.TempDir())
	m := newMemory()
	r := newRouter(l, nil, m)
	for i, c := range configs {
		if err := r.Set(c); err != nil {
			t.Fatal(err)
		}
		before := m.changes
		if err := r.Set(c); err != nil {
			t.Fatal(err)
		}
		if m.changes != before {
			t.Errorf("configuration %d set again makes %d changes", i, m.changes-before)
		}
	}
	for range 2 {
		if err := r.Clear(); err != nil {
			t.Fatal(err)
		}
		if err := m.clean(); err != nil {
			t.Fatal(err)
		}
		if l.Len() != 0 {
			t.Fatalf("%d records stay in the ledger", l.Len())
		}
	}
}

// TestFailureAnywhere lets every single change fail, in random walks over the
// configurations: the error is told, Clear and, had the process died there
// instead, Replay take everything back.
func TestFailureAnywhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		for failAt := 1; ; failAt++ {
			dir := t.TempDir()
			l := openLedger(t, dir)
			m := newMemory()
			m.failAt = failAt
			r := newRouter(l, nil, m)
			random := rand.New(rand.NewPCG(seed, 0))
			var err error
			for i := 0; i < 6 && err == nil; i++ {
				if n := random.IntN(len(configs) + 1); n < len(configs) {
					err = r.Set(configs[n])
				} else {
					err = r.Clear()
				}
			}
			failed := m.changes >= failAt
			if failed != errors.Is(err, errKernel) {
				t.Fatalf("seed %d, change %d: error is %v", seed, failAt, err)
			}
			m.failAt = 0
			if seed%2 == 0 {
				err = r.Clear()
			} else {
				err = l.Replay(m.undo())
			}
			if err := errors.Join(err, m.clean()); err != nil {
				t.Fatalf("seed %d, change %d: %v", seed, failAt, err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if !failed {
				break
			}
		}
	}
}

// TestForeignFilterIsKept: who sets the filter after us has the last word.
func TestForeignFilterIsKept(t *testing.T) {
	t.Parallel()
	m := newMemory()
	r := newRouter(nil, nil, m)
	if err := r.Set(configs[0]); err != nil {
		t.Fatal(err)
	}
	m.filters["eth0"] = 0
	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
	if m.filters["eth0"] != 0 || m.filters["wlan0"] != 0 {
		t.Fatalf("filters %v", m.filters)
	}
	delete(m.filters, "eth0") // unplugged: nothing to put back
	if err := undoFilter(m, filterEntry{Interface: "eth0", Before: 1}); err != nil {
		t.Fatal(err)
	}
}

// TestUnknownRecord: a record of other numbers is not guessed at.
func TestUnknownRecord(t *testing.T) {
	t.Parallel()
	m := newMemory()
	if err := undoPolicy(m, policyEntry{Table: 254, Priority: 1, Protocol: 2}); err == nil {
		t.Fatal("the main table would have been emptied")
	}
	if m.changes != 0 {
		t.Fatal("something was changed")
	}
}

func TestUndoCoversEveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{policyKind, filterKind} {
		if Undo()[kind] == nil {
			t.Errorf("no undo for %q", kind)
		}
		if err := Undo()[kind](json.RawMessage("{")); err == nil {
			t.Errorf("%q: a broken record is accepted", kind)
		}
	}
}

// TestPowerCut: a machine that was started anew has set its filters itself, as
// its administrator wants them by now.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	for boot, want := range map[string]int{"first": filterStrict, "second": filterLoose} {
		m, dir := newMemory(), t.TempDir()
		m.boot = "first"
		l, err := ledger.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := newRouter(l, nil, m).Set(configs[0]); err != nil {
			t.Fatal(err)
		}
		if m.filters["eth0"] != filterLoose {
			t.Fatal("the filter was not loosened: this test shows nothing")
		}
		m.boot = boot
		if err := errors.Join(l.Replay(m.undo()), l.Close()); err != nil {
			t.Fatal(err)
		}
		if m.filters["eth0"] != want {
			t.Errorf("boot %s: the filter is %d, want %d", boot, m.filters["eth0"], want)
		}
	}
}
