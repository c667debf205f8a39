package dns

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// What the physical network says of names, whether or not ours is set: found
// where Set's choice says that it is kept, with what Set itself has put there
// left out.
//
//	systemd-resolved   what it knows of every link but the tunnel's
//	openresolv, Debian the entries that resolvconf keeps, but ours
//	file               what stood before ours, and what was added since
//
// A resolver on this machine (127.0.0.53, a dnsmasq) is never an answer, for its
// own questions carry no mark. Where nothing but such is named, whoever feeds it
// is asked: NetworkManager, then systemd-resolved's list of uplinks.

// Underlay is what the physical network, without the tunnel, uses for names.
type Underlay struct {
	Servers []netip.AddrPort // in the system's order; a link-local one has its zone
	Domains []string         // searched or routed there, lower case
}

// dnsPort is where a resolver listens that names no port.
const dnsPort = 53

// Underlay tells the resolvers and domains of the physical network. One that
// names none gives none: that is no error.
func (d *Configurator) Underlay() (Underlay, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := look(d.env)
	before, err := d.before(f.conf)
	if err != nil {
		return Underlay{}, err
	}
	if strings.HasPrefix(string(before), marker) {
		before = nil // of a run that is over: nobody else's word
	}
	f.conf.Content = before
	if b, ok := d.applied.(*fileBackend); ok && b.holds() {
		f.conf.Kind, f.conf.Target = b.last().Before.Kind, b.last().Before.Target
	}
	var u Underlay
	switch choose(f).mode {
	case ModeResolved:
		u, err = d.fromResolved()
	case ModeOpenresolv, ModeResolvconf:
		u, err = d.fromResolvconf()
	default:
		u = fromText(before)
	}
	if err != nil {
		return Underlay{}, err
	}
	if len(u.Servers) == 0 {
		u = d.behindLocal(u)
	}
	return u, nil
}

// before is what resolv.conf would say without us.
func (d *Configurator) before(now FileState) ([]byte, error) {
	b, ok := d.applied.(*fileBackend)
	if !ok || b.last() == nil || now.Kind != Regular {
		return now.Content, nil
	}
	entry := b.last().fileEntry
	if entry.Before.Kind == Symlink {
		// The file that the link leads to is kept up to date by its owner.
		target := entry.Before.Target
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(entry.Path), target)
		}
		s, err := d.env.Files.State(target)
		if err != nil {
			return nil, err
		}
		if s.Kind != Absent {
			entry.Before.Content = s.Content
		}
	}
	rest, _ := entry.without(now, b.last().whole)
	return rest.Content, nil
}

// fromText reads a resolv.conf, or an entry of resolvconf.
func fromText(conf []byte) Underlay {
	var u Underlay
	t := parseText(conf)
	for _, s := range t.servers {
		if a, err := netip.ParseAddr(s); err == nil {
			u.server(netip.AddrPortFrom(a, dnsPort))
		}
	}
	for _, s := range t.search {
		u.domain(s)
	}
	return u
}

// server adds a resolver, unless it is one of this machine's.
func (u *Underlay) server(a netip.AddrPort) {
	if a.Port() == 0 {
		a = netip.AddrPortFrom(a.Addr(), dnsPort)
	}
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	if ip := a.Addr(); ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() {
		return
	}
	u.Servers = appendNew(u.Servers, a)
}

func (u *Underlay) domain(name string) {
	if clean, err := domain(strings.TrimPrefix(name, "~")); err == nil {
		u.Domains = appendNew(u.Domains, clean)
	}
}

// fromResolved asks systemd-resolved, whose link of ours is left out.
func (d *Configurator) fromResolved() (Underlay, error) {
	ours := d.ourLink()
	var known Known
	err := d.env.withResolved(func(ctx context.Context, r Resolved) (err error) {
		known, err = r.Known(ctx)
		return err
	})
	if err != nil {
		return Underlay{}, err
	}
	var u Underlay
	servers := known.Servers
	if !slices.ContainsFunc(servers, func(s LinkServer) bool { return ours == 0 || s.Index != ours }) {
		servers = known.Fallback // it asks these where no link has its own
	}
	for _, s := range servers {
		if ours == 0 || s.Index != ours {
			u.server(d.zoned(s))
		}
	}
	for _, k := range known.Domains {
		if ours == 0 || k.Index != ours {
			u.domain(k.Name)
		}
	}
	return u, nil
}

// ourLink is the index of the tunnel's device, 0: there is none.
func (d *Configurator) ourLink() int {
	if b, ok := d.applied.(*resolvedBackend); ok && b.entry != nil {
		return b.entry.Index
	}
	if d.last.Interface == "" || d.env.InterfaceIndex == nil {
		return 0
	}
	index, err := d.env.InterfaceIndex(d.last.Interface)
	if err != nil {
		return 0 // gone, and its settings with it
	}
	return index
}

// zoned gives a link-local resolver the link that it is on.
func (d *Configurator) zoned(s LinkServer) netip.AddrPort {
	a := s.Server
	if !a.Addr().Is6() || !a.Addr().IsLinkLocalUnicast() || a.Addr().Zone() != "" || d.env.InterfaceName == nil {
		return a
	}
	name, err := d.env.InterfaceName(s.Index)
	if err != nil {
		return a
	}
	return netip.AddrPortFrom(a.Addr().WithZone(name), a.Port())
}

// fromResolvconf reads the entries that both kinds of resolvconf keep as files.
// Their program could list them, but not beside one that asks to be the only.
func (d *Configurator) fromResolvconf() (Underlay, error) {
	var u Underlay
	for _, dir := range d.env.ResolvconfEntries {
		names, err := d.env.Files.List(dir)
		if err != nil {
			return Underlay{}, err
		}
		for _, name := range names {
			if strings.HasSuffix(name, ourEntry) {
				continue
			}
			s, err := d.env.Files.State(filepath.Join(dir, name))
			if err != nil {
				return Underlay{}, err
			}
			one := fromText(s.Content)
			for _, a := range one.Servers {
				u.server(a)
			}
			for _, n := range one.Domains {
				u.domain(n)
			}
		}
	}
	return u, nil
}

// behindLocal looks behind a resolver on this machine. What cannot be asked
// counts as knowing nothing.
func (d *Configurator) behindLocal(u Underlay) Underlay {
	if d.env.NetworkManager != nil {
		err := within(func(ctx context.Context) error {
			entries, err := d.env.NetworkManager(ctx)
			for _, e := range entries {
				if e.VPN || e.Interface != "" && e.Interface == d.last.Interface {
					continue
				}
				for _, a := range e.Servers {
					u.server(netip.AddrPortFrom(a, dnsPort))
				}
				for _, n := range e.Domains {
					u.domain(n)
				}
			}
			return err
		})
		if err != nil && !errors.Is(err, errNoNetworkManager) {
			d.logger.Debug("NetworkManager does not tell its name servers", "error", err)
		}
	}
	if len(u.Servers) > 0 || d.env.Uplinks == "" {
		return u
	}
	s, err := d.env.Files.State(d.env.Uplinks)
	if err != nil {
		d.logger.Debug("the list of uplink resolvers cannot be read", "error", err)
		return u
	}
	for _, a := range fromText(s.Content).Servers {
		if !slices.Contains(d.last.Servers, a.Addr()) {
			u.server(a)
		}
	}
	return u
}
