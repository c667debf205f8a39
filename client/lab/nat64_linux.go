package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A network of IPv6 alone, as many telephones and some offices have it: what has IPv4
// only is reached by the translator (NAT64, RFC 6146: Tayga, and the kernel's NAT behind
// it), and found by its resolver, which makes addresses for such names (DNS64, RFC 6147).
//
//	client nat0 ---- lan translator wan ---- internet (bridge)
//	2001:db8:64::2   ::1       203.0.113.7
//
// It leads to nothing of IPv6 outside.

// The addresses of that network.
var (
	NAT64Router  = netip.MustParseAddr("2001:db8:64::1")
	NAT64Outside = netip.MustParseAddr("203.0.113.7") // what the internet sees of the client
	nat64Client  = netip.MustParsePrefix("2001:db8:64::2/64")
)

// nat64Resolv is the client's /etc/resolv.conf: elsewhere the first server cannot be
// reached, which shows at once, and here the others cannot.
const nat64Resolv = "nameserver 2001:db8:64::1\nnameserver 203.0.113.53\noptions timeout:1 attempts:2\n"

func nat64Uplink(client *Namespace, prefix netip.Prefix) *Uplink {
	return &Uplink{machine: client, Device: "nat0", metric: 300, Translator: prefix, Routers: []netip.Addr{NAT64Router}, Addresses: []netip.Prefix{nat64Client}}
}

// addNAT64 builds the machine at the far end of this uplink, and its cables.
func (w *network) addNAT64(u *Uplink) error {
	var err error
	if w.translator, err = newNamespace("translator", nil); err != nil {
		return err
	}
	u.far, u.farDevice = w.translator, "lan"
	for _, step := range []func() error{
		func() error { return prepare(w.translator, true) },
		func() error { return cable(w.client, "nat0", w.translator, "lan") },
		func() error { return cable(w.translator, "wan", w.internet, "translator") },
		func() error {
			return ipText(w.translator, `
				addr add 2001:db8:64::1/64 dev lan nodad
				addr add 203.0.113.7/24 dev wan
				link set lan up
				link set wan up
				route add 10.99.0.0/24 via 203.0.113.1`)
		},
		func() error {
			return ipText(w.internet, `
				link set dev translator master br0
				link set dev translator up`)
		},
		func() error { return translate(w.translator, nat64Pool) },
		func() error { return nft(w.translator, `add rule inet filter forward iifname "nat64" accept`) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("lab: building the network of IPv6 alone: %w", err)
		}
	}
	return nil
}

// nat64Pool is what Tayga makes of the clients, before the kernel's NAT.
const nat64Pool = "192.168.255.0/24"

// startNAT64 starts the translator and its resolver.
func (l *Lab) startNAT64(ctx context.Context, prefix netip.Prefix) error {
	program, err := Tayga.file(ctx, "usr/sbin/tayga")
	if err != nil {
		return err
	}
	resolver := newResolver(dns64(publicZone(), prefix))
	l.onClose(resolver.close)
	if err := resolver.listen(l.network.translator, NAT64Router); err != nil {
		return err
	}
	l.DNS64 = resolver
	dir := filepath.Join(l.Dir, "tayga")
	conf := fmt.Sprintf("tun-device nat64\nipv4-addr 192.168.255.1\nipv6-addr 2001:db8:64::64\nprefix %s\ndynamic-pool %s\ndata-dir %s\n", prefix, nat64Pool, dir)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("lab: starting the translator: %w", err)
	}
	file := filepath.Join(dir, "tayga.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return fmt.Errorf("lab: starting the translator: %w", err)
	}
	cmd := l.network.translator.Command(context.Background(), program, "-n", "-d", "-c", file)
	said := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	p, err := startProcess("tayga", cmd)
	if err != nil {
		return err
	}
	p.said = said
	l.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopWait)
		defer cancel()
		return p.Stop(ctx)
	})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return Until(ctx, "the translator has its device", func() (bool, error) {
		select {
		case <-p.Done():
			return false, fmt.Errorf("tayga has ended: %w: %s", p.err, said)
		default:
		}
		err := ipBatch(l.network.translator, "link set nat64 up", "route replace "+nat64Pool+" dev nat64",
			"route replace "+prefix.String()+" dev nat64", "route replace 2001:db8:64::64/128 dev nat64")
		return err == nil, nil // not yet
	})
}

// dns64 is what a resolver of such a network makes of a zone (RFC 6147 5.1): addresses
// for the names that have none of IPv6, and for the one that tells its prefix (RFC 7050).
func dns64(zone map[string][]netip.Addr, prefix netip.Prefix) map[string][]netip.Addr {
	zone["ipv4only.arpa."] = []netip.Addr{netip.MustParseAddr("192.0.0.170"), netip.MustParseAddr("192.0.0.171")}
	for name, addrs := range zone {
		if slices.ContainsFunc(addrs, netip.Addr.Is6) {
			continue
		}
		for _, a := range addrs {
			zone[name] = append(zone[name], Translated(prefix, a))
		}
	}
	return zone
}

// Translated is the address of IPv6 that stands for one of IPv4 behind a translator
// with that prefix (RFC 6052 2.2).
func Translated(prefix netip.Prefix, v4 netip.Addr) netip.Addr {
	b := prefix.Addr().AsSlice()[:prefix.Bits()/8]
	b = append(b, v4.AsSlice()...)
	if len(b) > 8 && prefix.Bits() != 96 {
		b = slices.Insert(b, 8, 0)
	}
	a, _ := netip.AddrFromSlice(append(b, make([]byte, 16-len(b))...)) // 16 octets
	return a
}
