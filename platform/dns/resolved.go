package dns

import (
	"context"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// resolvedKind is the ledger's name for a link configured in systemd-resolved.
const resolvedKind = "dns-resolved"

// linkEntry is the record. The name tells whether the index has been reused.
type linkEntry struct {
	Interface string `json:"interface"`
	Index     int    `json:"index"`
}

// resolvedBackend gives the tunnel's link its own servers and domains.
// systemd-resolved forgets them by itself when the link goes.
type resolvedBackend struct {
	held[linkEntry]
	widened error // *TooManyDomainsError: set did not tell all domains as they are
}

func (b *resolvedBackend) limited() error { return b.widened }

func newResolved(env Environment, l *ledger.Ledger) *resolvedBackend {
	return &resolvedBackend{held: held[linkEntry]{env: env, ledger: l, kind: resolvedKind, undo: undoResolved}}
}

func (*resolvedBackend) mode() string { return ModeResolved }

// holds is never sure, for systemd-resolved may have been restarted: setting
// the same again costs one conversation.
func (*resolvedBackend) holds() bool { return false }

func (b *resolvedBackend) set(c Config, split bool) error {
	if b.env.InterfaceIndex == nil {
		return errors.ErrUnsupported
	}
	index, err := b.env.InterfaceIndex(c.Interface)
	if err != nil {
		return fmt.Errorf("finding %s: %w", c.Interface, err)
	}
	if err := b.take(linkEntry{Interface: c.Interface, Index: index}); err != nil {
		return err
	}
	return b.env.withResolved(func(ctx context.Context, r Resolved) error {
		if err := r.SetLinkQuiet(ctx, index); err != nil {
			return err
		}
		everything, err := b.setDomains(ctx, r, index, c, split)
		if err != nil {
			return err
		}
		if err := r.SetLinkDefaultRoute(ctx, index, everything); err != nil {
			return err
		}
		return r.SetLinkDNS(ctx, index, c.Servers)
	})
}

// setDomains tells the domains, as few as say the same. Where the link takes
// fewer still, they are widened until it does. everything: every name goes there.
func (b *resolvedBackend) setDomains(ctx context.Context, r Resolved, index int, c Config, split bool) (everything bool, err error) {
	b.widened = nil
	if !split {
		return true, r.SetLinkDomains(ctx, index, linkDomains(c.Search, nil, true))
	}
	all := narrow(c.Domains)
	err = r.SetLinkDomains(ctx, index, linkDomains(c.Search, all, false))
	for _, most := range linkLimits {
		if !errors.Is(err, errTooManyDomains) || most >= len(all) {
			continue
		}
		search := c.Search[:min(len(c.Search), most/2)]
		fewer := widen(all, most-len(search)-1)
		b.widened = &TooManyDomainsError{Mode: ModeResolved, Wanted: len(all), Told: len(fewer)}
		if err = r.SetLinkDomains(ctx, index, linkDomains(search, fewer, len(fewer) == 0)); err == nil {
			return len(fewer) == 0, nil
		}
	}
	return false, err
}

// linkLimits are how many domains a link takes, by release of systemd-resolved.
var linkLimits = []int{1024, 256}

// linkDomains: the names to search, and every name ("~.") or those of domains alone.
func linkDomains(search, domains []string, everything bool) []LinkDomain {
	ds := make([]LinkDomain, 0, len(search)+len(domains)+1)
	searched := make(map[string]bool, len(search))
	for _, s := range search {
		ds = append(ds, LinkDomain{Name: s})
		searched[s] = true
	}
	if everything {
		return append(ds, LinkDomain{Name: ".", RoutingOnly: true})
	}
	for _, s := range domains {
		if !searched[s] {
			ds = append(ds, LinkDomain{Name: s, RoutingOnly: true})
		}
	}
	return ds
}

// undoResolved reverts the link, if it is still the one that was set. Without
// systemd-resolved there is nothing to revert.
func undoResolved(env Environment, e linkEntry) error {
	if env.InterfaceIndex == nil {
		return nil
	}
	if index, err := env.InterfaceIndex(e.Interface); err != nil || index != e.Index {
		return nil // gone, and its settings with it
	}
	err := env.withResolved(func(ctx context.Context, r Resolved) error { return r.RevertLink(ctx, e.Index) })
	if errors.Is(err, errNoResolved) {
		return nil
	}
	return err
}
