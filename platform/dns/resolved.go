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
	env    Environment
	ledger *ledger.Ledger
	entry  *linkEntry
	record ledger.ID
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
	next := linkEntry{Interface: c.Interface, Index: index}
	if b.entry != nil && *b.entry != next {
		if err := b.clear(); err != nil {
			return err
		}
	}
	if b.entry == nil {
		if b.ledger != nil {
			if b.record, err = b.ledger.Record(resolvedKind, next); err != nil {
				return err
			}
		}
		b.entry = &next
	}
	return b.env.withResolved(func(ctx context.Context, r Resolved) error {
		if err := r.SetLinkQuiet(ctx, index); err != nil {
			return err
		}
		if err := r.SetLinkDomains(ctx, index, linkDomains(c, split)); err != nil {
			return err
		}
		if err := r.SetLinkDefaultRoute(ctx, index, !split); err != nil {
			return err
		}
		return r.SetLinkDNS(ctx, index, c.Servers)
	})
}

// linkDomains: every name ("~."), or the company's alone; and the names to search.
func linkDomains(c Config, split bool) []LinkDomain {
	var ds []LinkDomain
	for _, s := range c.Search {
		ds = append(ds, LinkDomain{Name: s})
	}
	if !split {
		return append(ds, LinkDomain{Name: ".", RoutingOnly: true})
	}
	for _, s := range c.Domains {
		if d := (LinkDomain{Name: s}); !contains(ds, d) {
			ds = append(ds, LinkDomain{Name: s, RoutingOnly: true})
		}
	}
	return ds
}

func contains(ds []LinkDomain, d LinkDomain) bool {
	for _, e := range ds {
		if e == d {
			return true
		}
	}
	return false
}

func (b *resolvedBackend) clear() error {
	if b.entry == nil {
		return nil
	}
	if err := undoResolved(b.env, *b.entry); err != nil {
		return err
	}
	if b.ledger != nil && b.record != 0 {
		if err := b.ledger.Forget(b.record); err != nil {
			return err
		}
	}
	b.entry, b.record = nil, 0
	return nil
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
