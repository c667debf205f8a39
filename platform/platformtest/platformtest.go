// Package platformtest has stand-ins for the platform packages: they record
// what they are told, and fail when a test wants them to.
//
// It owns no part of the system. Tests of client/tunnel, client/service and
// app/homewardd use it in place of route.Router, dns.Configurator, tun.Device
// and transport.UDP, whose methods it has. All of it is safe for concurrent use.
// Package namespace, below, is for tests that want the real ones.
package platformtest

import (
	"sync"

	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/route"
)

// Failures lets calls fail by name. The zero value lets none.
type Failures struct {
	mu   sync.Mutex
	errs map[string][]error
}

// Fail makes the next call of the named method return err. Several calls of
// Fail queue up; nil lets one call pass.
func (f *Failures) Fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.errs == nil {
		f.errs = map[string][]error{}
	}
	f.errs[method] = append(f.errs[method], err)
}

// next takes the next failure of a method.
func (f *Failures) next(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := f.errs[method]
	if len(queue) == 0 {
		return nil
	}
	f.errs[method] = queue[1:]
	return queue[0]
}

// Router stands for route.Router.
type Router struct {
	Failures // "Set", "Clear"

	mu      sync.Mutex
	sets    []route.Config
	current *route.Config
	clears  int
}

// Set records c. On an injected failure it stays as it was.
func (r *Router) Set(c route.Config) error {
	if err := r.next("Set"); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets = append(r.sets, c)
	r.current = &c
	return nil
}

// Clear records that it was called.
func (r *Router) Clear() error {
	if err := r.next("Clear"); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clears++
	r.current = nil
	return nil
}

// Sets returns every configuration that was set, oldest first.
func (r *Router) Sets() []route.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]route.Config(nil), r.sets...)
}

// Current returns what stands, false after Clear and before the first Set.
func (r *Router) Current() (route.Config, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		return route.Config{}, false
	}
	return *r.current, true
}

// Clears returns how often Clear succeeded.
func (r *Router) Clears() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clears
}

// DNS stands for dns.Configurator. The zero value supports split DNS.
type DNS struct {
	Failures // "Set", "Clear"
	// NoSplit makes it a system that cannot treat names differently.
	NoSplit bool

	mu      sync.Mutex
	sets    []dns.Config
	current *dns.Config
	clears  int
}

// Set records c. Like the real one it warns with *dns.SplitUnsupportedError.
func (d *DNS) Set(c dns.Config) error {
	if err := d.next("Set"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sets = append(d.sets, c)
	d.current = &c
	if len(c.Servers) == 0 {
		d.current = nil
	}
	if d.NoSplit && len(c.Domains) > 0 {
		return &dns.SplitUnsupportedError{Mode: dns.ModeFile}
	}
	return nil
}

// Clear records that it was called.
func (d *DNS) Clear() error {
	if err := d.next("Clear"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clears++
	d.current = nil
	return nil
}

// Mode is dns.ModeResolved or, with NoSplit, dns.ModeFile, while something is set.
func (d *DNS) Mode() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.current == nil:
		return dns.ModeNone
	case d.NoSplit:
		return dns.ModeFile
	}
	return dns.ModeResolved
}

// SupportsSplit is the opposite of NoSplit.
func (d *DNS) SupportsSplit() bool { return !d.NoSplit }

// Sets returns every configuration that was set, oldest first.
func (d *DNS) Sets() []dns.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]dns.Config(nil), d.sets...)
}

// Current returns what stands, false after Clear and before the first Set.
func (d *DNS) Current() (dns.Config, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == nil {
		return dns.Config{}, false
	}
	return *d.current, true
}

// Clears returns how often Clear succeeded.
func (d *DNS) Clears() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clears
}
