// Package dns makes the system ask the company's resolvers while the tunnel is up.
//
// Set says how it should be; it looks at the system each time, chooses who keeps
// the system's resolver configuration there (decide.go), and tells that one:
//
//	systemd-resolved   over D-Bus, per link; the only one with real split DNS
//	openresolv         by resolvconf; split where it feeds a local resolver
//	resolvconf         Debian's
//	file               resolv.conf itself, where nobody keeps it
//
// Clear takes everything back, and caches are flushed both ways.
//
// Watch tells when somebody has changed that, and Set should be called again;
// Underlay tells what the physical network has, whether or not ours stands.
//
// It owns what it has written and nothing else: what somebody else writes into
// resolv.conf after us is kept (merge.go). Everything is in the ledger before it
// is done. It never resolves a name and never chooses a resolver. client/service
// calls it through app/homewardd.
package dns

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// The modes that Mode tells.
const (
	ModeNone       = ""
	ModeResolved   = "systemd-resolved"
	ModeOpenresolv = "openresolv"
	ModeResolvconf = "resolvconf"
	ModeFile       = "file"
)

// Config is how it should be.
type Config struct {
	Interface string       // the tunnel device
	Servers   []netip.Addr // the company's resolvers, preferred first; none: as Clear
	// Domains go to Servers, and other names do not (split DNS). Empty: every name.
	Domains []string
	Search  []string // appended to names without a dot
}

// SplitUnsupportedError is a warning: Set has done its work, but the system
// cannot ask different resolvers for different names, so every name goes to
// the company's resolvers first. Find it with errors.As.
type SplitUnsupportedError struct{ Mode string }

// Error implements error.
func (e *SplitUnsupportedError) Error() string {
	return fmt.Sprintf("the system's resolver configuration (%s) cannot treat names differently: "+
		"every name is asked at the company's resolvers first", e.Mode)
}

// Configurator sets and clears the resolver configuration. It is safe for
// concurrent use.
type Configurator struct {
	ledger *ledger.Ledger
	logger *slog.Logger
	env    Environment

	mu      sync.Mutex
	applied backend // who holds our settings, nil: nobody
	last    Config
	split   bool
	contest contest
	again   *time.Timer // the end of a contest's rest
	left    FileState   // resolv.conf as we have left, or last seen, it
	rested  chan struct{}
}

// backend is one way of telling the system.
type backend interface {
	mode() string
	// set applies c, whatever stood before; split: names outside c.Domains
	// must go elsewhere.
	set(c Config, split bool) error
	// holds tells whether what set did last still stands.
	holds() bool
	// limited is the warning that belongs to what set did last, nil: none.
	limited() error
	clear() error
}

// New returns a configurator that has set nothing yet. ledger may be nil
// (nothing is recorded), logger too. env is System() but in tests.
func New(l *ledger.Ledger, logger *slog.Logger, env Environment) (*Configurator, error) {
	if env.Files == nil {
		return nil, fmt.Errorf("preparing DNS: %w", errors.ErrUnsupported)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Configurator{ledger: l, logger: logger, env: env, rested: make(chan struct{}, 1)}, nil
}

// Set makes the system follow c. The same c again changes nothing, unless the
// system's way of keeping its resolvers has changed meanwhile, or somebody has
// overwritten ours: then it is set anew, with what they wrote kept for the time
// after (merge.go). A *SplitUnsupportedError and a *TooManyDomainsError are
// warnings; a *ContestedError says that c does not stand for a while, any other
// error that it does not stand.
func (d *Configurator) Set(c Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.leave()
	if len(c.Servers) == 0 {
		return d.clear()
	}
	c, err := c.normal()
	if err != nil {
		return err
	}
	choice := choose(d.look())
	split := len(c.Domains) > 0 && choice.split
	if d.applied != nil && d.applied.mode() != choice.mode {
		d.logger.Info("DNS is kept by someone else now", "before", d.applied.mode(), "now", choice.mode)
		if err := d.clear(); err != nil {
			return err
		}
	}
	fresh := d.applied == nil || split != d.split || !c.equal(d.last)
	if fresh {
		d.peace()
	} else if err := d.contested(); err != nil {
		return err
	}
	if fresh || !d.applied.holds() {
		if err := d.apply(c, choice, split); err != nil {
			return fmt.Errorf("setting DNS by %s: %w", choice.mode, err)
		}
	}
	if len(c.Domains) > 0 && !split {
		return &SplitUnsupportedError{Mode: choice.mode}
	}
	return d.applied.limited()
}

// look gathers the facts; the choice must not turn on our own writing.
func (d *Configurator) look() facts {
	f := look(d.env)
	b, ok := d.applied.(*fileBackend)
	switch {
	case !ok || b.last() == nil:
	case b.holds():
		f.conf = b.last().Before
	case b.last().Path == d.env.ResolvConf:
		f.conf, _ = b.last().without(f.conf, b.last().whole)
	}
	return f
}

// contested tells whether the file that was overwritten again is to be left alone.
func (d *Configurator) contested() error {
	b, ok := d.applied.(*fileBackend)
	if !ok || b.holds() {
		return nil
	}
	now := time.Now
	if d.env.Now != nil {
		now = d.env.Now
	}
	resting := !d.contest.until.IsZero()
	if d.contest.lose(now()) {
		return nil
	}
	if !resting {
		d.logger.Warn("another program keeps writing the resolver configuration; it is left alone for a while",
			"path", b.last().Path, "until", d.contest.until)
		d.again = time.AfterFunc(contestRest, d.rest)
	}
	return &ContestedError{Path: b.last().Path, Until: d.contest.until}
}

func (d *Configurator) apply(c Config, choice decision, split bool) error {
	if d.applied == nil {
		d.applied = newBackend(choice.mode, d.env, d.ledger)
	}
	if err := d.applied.set(c, split); err != nil {
		return err
	}
	d.last, d.split = c, split
	d.logger.Info("DNS is set", "mode", choice.mode, "reason", choice.reason, "split", split)
	d.flush()
	return nil
}

// rest tells Watch that a contest's rest is over.
func (d *Configurator) rest() {
	select {
	case d.rested <- struct{}{}:
	default: // it has not been taken yet, and stands for this too
	}
}

// peace forgets a contest.
func (d *Configurator) peace() {
	d.contest = contest{}
	if d.again != nil {
		d.again.Stop()
	}
}

// Clear takes back whatever Set has done. Clearing twice does nothing.
func (d *Configurator) Clear() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.leave()
	return d.clear()
}

func (d *Configurator) clear() error {
	if d.applied == nil {
		return nil
	}
	if err := d.applied.clear(); err != nil {
		return fmt.Errorf("clearing DNS by %s: %w", d.applied.mode(), err)
	}
	d.applied, d.last, d.split = nil, Config{}, false
	d.peace()
	d.flush()
	return nil
}

// Mode names who holds our settings, ModeNone where nothing is set.
func (d *Configurator) Mode() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.applied == nil {
		return ModeNone
	}
	return d.applied.mode()
}

// SupportsSplit tells whether Set could treat names differently just now.
func (d *Configurator) SupportsSplit() bool { return choose(look(d.env)).split }

func (d *Configurator) flush() {
	if err := flushCaches(d.env); err != nil {
		d.logger.Warn("a DNS cache could not be flushed", "error", err)
	}
}

func newBackend(mode string, env Environment, l *ledger.Ledger) backend {
	switch mode {
	case ModeResolved:
		return newResolved(env, l)
	case ModeOpenresolv, ModeResolvconf:
		return newResolvconf(env, l, mode)
	default:
		return &fileBackend{env: env, ledger: l}
	}
}

// normal checks c and brings names and addresses into one form.
func (c Config) normal() (Config, error) {
	if c.Interface == "" {
		return c, errors.New("setting DNS: no interface is named")
	}
	n := Config{Interface: c.Interface}
	for _, a := range c.Servers {
		if !a.IsValid() {
			return c, errors.New("setting DNS: a server has no address")
		}
		n.Servers = appendNew(n.Servers, a.Unmap())
	}
	for _, list := range []struct{ from, to *[]string }{{&c.Domains, &n.Domains}, {&c.Search, &n.Search}} {
		seen := make(map[string]bool, len(*list.from)) // there may be ten thousand
		for _, name := range *list.from {
			clean, err := domain(name)
			if err != nil {
				return c, fmt.Errorf("setting DNS: %w", err)
			}
			if !seen[clean] {
				*list.to, seen[clean] = append(*list.to, clean), true
			}
		}
	}
	return n, nil
}

func appendNew[E comparable](list []E, e E) []E {
	if slices.Contains(list, e) {
		return list
	}
	return append(list, e)
}

func (c Config) equal(o Config) bool {
	return c.Interface == o.Interface && slices.Equal(c.Servers, o.Servers) &&
		slices.Equal(c.Domains, o.Domains) && slices.Equal(c.Search, o.Search)
}

// Undo returns what the ledger needs to take this package's changes back.
func Undo() map[string]func(json.RawMessage) error { return undoWith(System()) }

func undoWith(env Environment) map[string]func(json.RawMessage) error {
	return map[string]func(json.RawMessage) error{
		fileKind:       func(raw json.RawMessage) error { return replay(raw, env, undoFile) },
		resolvedKind:   func(raw json.RawMessage) error { return replay(raw, env, undoResolved) },
		resolvconfKind: func(raw json.RawMessage) error { return replay(raw, env, undoResolvconf) },
	}
}

// replay reads a record, undoes it and flushes caches. A cache that cannot
// be flushed is no reason to keep the record.
func replay[E any](raw json.RawMessage, env Environment, undo func(Environment, E) error) error {
	var e E
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("reading a record of DNS: %w", err)
	}
	if env.Files == nil {
		return errors.ErrUnsupported
	}
	if err := undo(env, e); err != nil {
		return err
	}
	if err := flushCaches(env); err != nil {
		slog.Warn("a DNS cache could not be flushed", "error", err)
	}
	return nil
}
