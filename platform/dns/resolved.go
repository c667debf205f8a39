package dns

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
type resolvedBackend struct{ held[linkEntry] }

func newResolved(env Environment, l *ledger.Ledger) *resolvedBackend {
	return &resolvedBackend{held[linkEntry]{env: env, ledger: l, kind: resolvedKind, undo: undoResolved}}
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
		if d := (LinkDomain{Name: s}); !slices.Contains(ds, d) {
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
