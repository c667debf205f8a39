package lab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// network is the five machines and the cables between them, and what options
// add to them.
type network struct {
	client, router, internet, gateway, intranet *Namespace

	carrier    *Namespace // nil without uplinks
	second     *Namespace // nil without a second gateway
	translator *Namespace // nil without a network of IPv6 alone
}

// publicResolv is the /etc/resolv.conf of everybody outside: a home router
// that answers names itself.
const publicResolv = "# made by the home router\nnameserver 192.168.77.1\noptions timeout:2 attempts:2\n"

// build makes the machines with their settings, the cables, the addresses and the
// rules, in that order; clientEtc are more files in the client's /etc. On an
// error the caller closes what is there.
func (w *network) build(clientEtc map[string]string) error {
	for _, m := range []struct {
		n    **Namespace
		name string
	}{{&w.client, "client"}, {&w.router, "router"}, {&w.internet, "internet"}, {&w.gateway, "gateway"}, {&w.intranet, "intranet"}} {
		etc := map[string]string{
			"resolv.conf":   publicResolv,
			"hosts":         "127.0.0.1 localhost\n::1 localhost\n",
			"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
		}
		if m.n == &w.client {
			maps.Copy(etc, clientEtc)
		}
		n, err := newNamespace(m.name, etc)
		if err != nil {
			return err
		}
		*m.n = n
		if err := prepare(n, m.n == &w.router || m.n == &w.gateway); err != nil {
			return fmt.Errorf("lab: building the network: %w", err)
		}
	}
	for _, step := range []func() error{w.cables, w.addresses, w.rules} {
		if err := step(); err != nil {
			return fmt.Errorf("lab: building the network: %w", err)
		}
	}
	return nil
}

// machines are those that are there.
func (w *network) machines() []*Namespace {
	return slices.DeleteFunc([]*Namespace{w.client, w.router, w.internet, w.gateway, w.intranet, w.carrier, w.second, w.translator},
		func(n *Namespace) bool { return n == nil })
}

// cable joins two machines.
func cable(a *Namespace, aName string, b *Namespace, bName string) error {
	return ipBatch(a, fmt.Sprintf("link add %s type veth peer name %s netns %d", aName, bName, b.holder.PID()))
}

func (w *network) cables() error {
	for _, c := range []struct {
		a     *Namespace
		aName string
		b     *Namespace
		bName string
	}{
		{w.client, "eth0", w.router, "lan"},
		{w.router, "wan", w.internet, "router"},
		{w.gateway, "outside", w.internet, "gateway"},
		{w.gateway, "inside", w.intranet, "eth0"},
	} {
		if err := cable(c.a, c.aName, c.b, c.bName); err != nil {
			return err
		}
	}
	return nil
}

// prepare sets a machine up before its cables are there, which take the settings
// over: no waiting for duplicate address detection, and routers forward.
func prepare(n *Namespace, forwards bool) error {
	set := []string{"net/ipv6/conf/all/accept_dad=0", "net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/all/accept_ra=0"}
	if forwards {
		set = append(set, forwarding...)
	}
	return sysctl(n, set...)
}

var forwarding = []string{"net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1"}

// sysctl writes name=value pairs on a machine; names have slashes.
func sysctl(n *Namespace, pairs ...string) error {
	return n.Do(func() error {
		for _, p := range pairs {
			name, value, _ := strings.Cut(p, "=")
			if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil {
				return fmt.Errorf("setting %s on %s: %w", name, n.Name, err)
			}
		}
		return nil
	})
}

func (w *network) addresses() error {
	for _, m := range []struct {
		n     *Namespace
		lines string
	}{
		{w.client, `
			addr add 192.168.77.2/24 dev eth0
			addr add fd00:77::2/64 dev eth0 nodad
			link set eth0 up
			route add default via 192.168.77.1
			route add default via fd00:77::1`},
		{w.router, `
			addr add 192.168.77.1/24 dev lan
			addr add fd00:77::1/64 dev lan nodad
			addr add 203.0.113.2/24 dev wan
			addr add 203.0.113.3/24 dev wan
			addr add 2001:db8:113::2/64 dev wan nodad
			addr add 2001:db8:113::3/64 dev wan nodad
			link set lan up
			link set wan up
			route add 10.99.0.0/24 via 203.0.113.1
			route add 10.97.0.0/24 via 203.0.113.1
			route add fd00:99::/64 via 2001:db8:113::1`},
		{w.internet, `
			link add br0 type bridge
			link set router master br0
			link set gateway master br0
			addr add 203.0.113.53/24 dev br0
			addr add 2001:db8:113::53/64 dev br0 nodad
			link set router up
			link set gateway up
			link set br0 up
			route add fd00:77::/64 via 2001:db8:113::2`},
		{w.gateway, `
			addr add 203.0.113.1/24 dev outside
			addr add 2001:db8:113::1/64 dev outside nodad
			addr add 10.99.0.1/24 dev inside
			addr add 10.97.0.1/24 dev inside
			addr add fd00:99::1/64 dev inside nodad
			link set outside up
			link set inside up
			route add fd00:77::/64 via 2001:db8:113::2`},
		{w.intranet, `
			addr add 10.99.0.2/24 dev eth0
			addr add 10.97.0.2/24 dev eth0
			addr add fd00:99::2/64 dev eth0 nodad
			link set eth0 up
			route add default via 10.99.0.1
			route add default via fd00:99::1`},
	} {
		if err := ipText(m.n, m.lines); err != nil {
			return err
		}
	}
	return nil
}

// ipText is ipBatch of an indented text.
func ipText(n *Namespace, text string) error {
	var lines []string
	for l := range strings.Lines(strings.TrimSpace(text)) {
		lines = append(lines, strings.TrimSpace(l))
	}
	return ipBatch(n, lines...)
}

// routerRules: IPv4 is masqueraded, IPv6 is routed, and nobody outside opens a
// flow inwards. The router has a route to the inside of the company on
// purpose: only the gateway's own rules keep plain packets out, as they must.
const routerRules = `
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		oifname "wan" ip saddr PREFIX masquerade
	}
}
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "lan" accept
		ct state established,related accept
		icmpv6 type { packet-too-big, time-exceeded, destination-unreachable } accept
	}
	chain input {
		type filter hook input priority filter; policy accept;
		iifname "wan" ct state established,related accept
		iifname "wan" meta l4proto { tcp, udp } drop
	}
}
`

// gatewayRules: what came through a tunnel may go anywhere, and leaves the
// outside with the gateway's address; nothing else is forwarded.
const gatewayRules = `
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "ipsec0" accept
		oifname "ipsec0" accept
	}
}
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr 10.98.0.0/24 oifname "outside" masquerade
	}
}
table ip6 nat {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip6 saddr fd00:98::/64 oifname "outside" masquerade
	}
}
`

func (w *network) rules() error {
	if err := translate(w.router, "192.168.77.0/24"); err != nil {
		return err
	}
	return nft(w.gateway, gatewayRules)
}

// translate makes a machine with a lan and a wan a home router for a prefix.
func translate(n *Namespace, prefix string) error {
	if err := nft(n, strings.ReplaceAll(routerRules, "PREFIX", prefix)); err != nil {
		return err
	}
	// A relayed flow must outlive a test that is dark for a while.
	return sysctl(n, "net/netfilter/nf_conntrack_udp_timeout=600", "net/netfilter/nf_conntrack_udp_timeout_stream=600")
}

// nft loads rules on a machine, all or nothing.
func nft(n *Namespace, rules string) error {
	cmd := n.command(context.Background(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	_, err := output(cmd)
	return err
}
