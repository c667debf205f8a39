package killswitch

import (
	"net/netip"
)

// The one place that says what may leave. A packet meets
//
//	output -> refused                  from this machine, as it was routed
//	forward -> turned away -> refused  through this machine
//	postrouting                        both, once more, by the device that it takes
//	prerouting                         from elsewhere, before anything else

// build makes the table of a policy, or says what is wrong with it.
func build(p Policy) (*table, error) {
	p, err := checked(p)
	if err != nil {
		return nil, err
	}
	b := builder{p, chosen(p)}
	t := &table{policy: p, chains: []chain{
		{name: "output", hook: output, rules: b.output()},
		{name: "forward", hook: forward, rules: b.forward()},
		{name: "postrouting", hook: postrouting, rules: b.postrouting()},
		{name: "prerouting", hook: prerouting, open: true, rules: b.prerouting()},
		{name: "turned_away", rules: turnedAway()},
		{name: "refused", rules: refused()},
	}}
	t.sets = b.sets()
	return t, nil
}

// builder writes the rules of a checked policy.
type builder struct {
	Policy
	chosen []set
}

// rules is a list under construction.
type rules []rule

func (r *rules) add(comment string, do action, when ...match) {
	*r = append(*r, rule{when: when, do: []action{do}, comment: comment})
}

// Numbers of protocols and ports.
const (
	tcp = 6
	udp = 17

	icmp4Unreachable     = 3
	icmp4AdminProhibited = 13
	icmp6Unreachable     = 1
	icmp6AdminProhibited = 1
)

// output judges what programs of this machine send.
func (b builder) output() []rule {
	var r rules
	no := enter{"refused"}
	r.add("", accept{}, loopback{})
	b.strange(&r, no)
	b.own(&r)
	b.needed(&r)
	answers(&r)
	if p := b.Portal; p != nil {
		// The mark tells postrouting, where the kernel knows no control group.
		for _, do := range portal(p) {
			do.when = append([]match{controlGroup{p.Cgroup}}, do.when...)
			do.do = append([]action{setMark{b.Mark}}, do.do...)
			r = append(r, do)
		}
	}
	b.names(&r, no)
	if b.Portal != nil {
		r = append(r, rule{
			when: []match{controlGroup{b.Portal.Cgroup}, protocol{tcp}},
			do:   []action{setMark{b.Mark}, accept{}}, comment: "portal",
		})
	}
	b.ways(&r, no)
	r.add("", no)
	return r
}

// forward judges what others send through this machine: containers, guests.
func (b builder) forward() []rule {
	var r rules
	no := enter{"turned_away"}
	b.strange(&r, no)
	b.returning(&r)
	b.names(&r, no)
	b.ways(&r, no)
	r.add("", no)
	return r
}

// postrouting judges everything again, by the device that it takes at last.
func (b builder) postrouting() []rule {
	var r rules
	no := drop{}
	r.add("", accept{}, loopback{})
	b.strange(&r, no)
	b.own(&r)
	b.needed(&r)
	answers(&r)
	b.returning(&r)
	if b.Portal != nil {
		for _, do := range portal(b.Portal) {
			do.when = append([]match{marked{b.Mark}}, do.when...)
			r = append(r, do)
		}
	}
	b.names(&r, no)
	if b.Portal != nil {
		r.add("portal", accept{}, marked{b.Mark}, protocol{tcp})
	}
	b.ways(&r, no)
	r.add("", no)
	return r
}

// prerouting keeps others on the link from reaching into the tunnel: to this
// machine, or to those behind it whose packets bear the tunnel's address outside.
func (b builder) prerouting() []rule {
	var r rules
	r.add("", accept{}, loopback{in: true})
	if b.Tunnel == nil {
		return r
	}
	const why = "to the tunnel's address, beside the tunnel"
	beside := device{in: true, other: true, name: b.Tunnel.Interface}
	if b.has("tunnel4") {
		r.add(why, drop{}, beside, within{[]field{ip4Destination}, "tunnel4"})
	}
	if b.has("tunnel6") {
		r.add(why, drop{}, beside, within{[]field{ip6Destination}, "tunnel6"})
	}
	return r
}

// turnedAway notes where a forwarded packet came from, so that the answer to it
// finds its way there, and nowhere else. Containers and guests are behind bridges
// and pairs of devices; what anybody else sends through this machine is not
// answered, for that would be a packet that leaves.
func turnedAway() []rule {
	var out []rule
	for _, kind := range []string{"bridge", "veth"} {
		out = append(out,
			rule{when: []match{behind{kind}}, do: []action{learn{[]field{ip4Source, inDevice}, "answers4"}}},
			rule{when: []match{behind{kind}}, do: []action{learn{[]field{ip6Source, inDevice}, "answers6"}}})
	}
	return append(out, rule{do: []action{enter{"refused"}}})
}

// refused tells the sender.
func refused() []rule {
	return []rule{
		{when: []match{protocol{tcp}}, do: []action{refuse{reset: true}}},
		{do: []action{refuse{}}},
	}
}

// strange turns away what says by itself which way it goes, and what bears the
// tunnel's address beside the tunnel.
func (b builder) strange(r *rules, no action) {
	for _, kind := range []routing{looseRoute, strictRoute, routingHeader} {
		r.add("source route", no, sourceRoute{kind})
	}
	if b.Tunnel == nil {
		return
	}
	const why = "from the tunnel's address, beside the tunnel"
	beside := device{other: true, name: b.Tunnel.Interface}
	if b.has("tunnel4") {
		r.add(why, no, beside, within{[]field{ip4Source}, "tunnel4"})
	}
	if b.has("tunnel6") {
		r.add(why, no, beside, within{[]field{ip6Source}, "tunnel6"})
	}
}

// own lets the service's packets out to where the policy says.
func (b builder) own(r *rules) {
	mine := marked{b.Mark}
	for _, h := range []struct {
		set, comment string
		port4, port6 []field
	}{
		{"gateways", "gateway", []field{udpDestination}, nil},
		{"resolvers", "the gateway's name", []field{udpDestination, tcpDestination}, nil},
		{"probes", "is there a portal", []field{tcpDestination}, nil},
	} {
		for _, port := range h.port4 {
			if b.has(h.set + "4") {
				r.add(h.comment, accept{}, mine, within{[]field{ip4Destination, port}, h.set + "4"})
			}
			if b.has(h.set + "6") {
				r.add(h.comment, accept{}, mine, within{[]field{ip6Destination, port}, h.set + "6"})
			}
		}
	}
}

// needed lets out what a host has a network by.
func (builder) needed(r *rules) {
	r.add("DHCPv4", accept{}, within{[]field{ip4Destination}, "dhcp4"}, number{udpSource, 68}, number{udpDestination, 67})
	r.add("DHCPv6", accept{}, prefix{ip6Source, linkLocal6}, within{[]field{ip6Destination}, "dhcp6"},
		number{udpSource, 546}, number{udpDestination, 547})
	r.add("NDP", accept{}, within{[]field{icmp6Type}, "neighbours"}, number{ip6HopLimit, 255})
	r.add("NDP", accept{}, number{icmp6Type, 133}, number{ip6HopLimit, 255}, prefix{ip6Destination, linkGroups6})
	r.add("MLD", accept{}, within{[]field{icmp6Type}, "listeners"}, number{ip6HopLimit, 1}, prefix{ip6Destination, linkGroups6})
}

var (
	linkLocal6  = netip.MustParsePrefix("fe80::/10")
	linkGroups6 = netip.MustParsePrefix("ff02::/16")
)

// answers lets out the refusals of forwarded packets, back to where those came from.
func answers(r *rules) {
	four := within{[]field{ip4Destination, outDevice}, "answers4"}
	six := within{[]field{ip6Destination, outDevice}, "answers6"}
	const why = "refusal of a forwarded packet"
	r.add(why, accept{}, four, reset{})
	r.add(why, accept{}, six, reset{})
	r.add(why, accept{}, four, number{icmp4Type, icmp4Unreachable}, number{icmp4Code, icmp4AdminProhibited})
	r.add(why, accept{}, six, number{icmp6Type, icmp6Unreachable}, number{icmp6Code, icmp6AdminProhibited})
}

// returning lets answers through to who asked from behind this machine.
func (b builder) returning(r *rules) {
	if b.Tunnel != nil {
		r.add("answers from the tunnel", accept{}, device{in: true, name: b.Tunnel.Interface}, answering{})
	}
	if b.has("local4") {
		r.add("answers from local networks", accept{}, within{[]field{ip4Source}, "local4"}, answering{})
	}
	if b.has("local6") {
		r.add("answers from local networks", accept{}, within{[]field{ip6Source}, "local6"}, answering{})
	}
}

// portal lets names be asked for signing in.
func portal(p *Portal) []rule {
	var r rules
	for _, port := range []field{udpDestination, tcpDestination} {
		if has4(p.Resolvers) {
			r.add("portal's names", accept{}, within{[]field{ip4Destination}, "portal4"}, number{port, 53})
		}
		if has6(p.Resolvers) {
			r.add("portal's names", accept{}, within{[]field{ip6Destination}, "portal6"}, number{port, 53})
		}
	}
	return r
}

// names lets the tunnel's resolvers be asked, through the tunnel, and nobody else.
func (b builder) names(r *rules, no action) {
	for _, port := range []field{udpDestination, tcpDestination} {
		if b.Tunnel == nil {
			break
		}
		through := device{name: b.Tunnel.Interface}
		if b.Tunnel.IPv4 && has4(b.Tunnel.DNS) {
			r.add("names", accept{}, through, within{[]field{ip4Destination}, "names4"}, within{[]field{port}, "name_ports"})
		}
		if b.Tunnel.IPv6 && has6(b.Tunnel.DNS) {
			r.add("names", accept{}, through, within{[]field{ip6Destination}, "names6"}, within{[]field{port}, "name_ports"})
		}
	}
	r.add("other names", no, within{[]field{udpDestination}, "name_ports"})
	r.add("other names", no, within{[]field{tcpDestination}, "name_ports"})
}

// ways lets out what goes through the tunnel, and to local networks beside it.
func (b builder) ways(r *rules, no action) {
	if b.Tunnel != nil {
		through := device{name: b.Tunnel.Interface}
		if b.Tunnel.IPv4 {
			r.add("tunnel", accept{}, through, family{})
		}
		if b.Tunnel.IPv6 {
			r.add("tunnel", accept{}, through, family{six: true})
		}
		r.add("not carried", no, through)
	}
	if b.has("local4") {
		r.add("local network", accept{}, within{[]field{ip4Destination}, "local4"})
	}
	if b.has("local6") {
		r.add("local network", accept{}, within{[]field{ip6Destination}, "local6"})
	}
}

// sets are those that the rules refer to.
func (b builder) sets() []set {
	all := []set{
		{name: "name_ports", kind: ports, numbers: []uint16{53, 853}},
		{name: "dhcp4", kind: networks4, networks: dhcp4},
		{name: "dhcp6", kind: networks6, networks: dhcp6},
		{name: "neighbours", kind: messages6, numbers: []uint16{135, 136}},
		{name: "listeners", kind: messages6, numbers: []uint16{131, 132, 143}},
		{name: "answers4", kind: answers4},
		{name: "answers6", kind: answers6},
	}
	return append(all, b.chosen...)
}

// dhcp4 are where servers of DHCPv4 are: on the link, or on private networks (RFC
// 1918, RFC 6598, RFC 3927). A lease from a server elsewhere is renewed by broadcast
// (RFC 2131, 4.4.5); a program of anybody's that may use the port reaches nobody far
// away by it.
var dhcp4 = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("255.255.255.255/32"),
}

// dhcp6 are the servers of DHCPv6 and their groups (RFC 8415, 7.1).
var dhcp6 = []netip.Prefix{linkLocal6, netip.MustParsePrefix("ff02::1:2/128"), netip.MustParsePrefix("ff05::1:3/128")}

// chosen are the sets that hold what a policy names; none is empty.
func chosen(p Policy) []set {
	var out []set
	for _, e := range []struct {
		name string
		all  []netip.AddrPort
	}{{"gateways", p.Gateways}, {"resolvers", p.Resolvers}, {"probes", p.Probes}} {
		four, six := split(e.all, func(a netip.AddrPort) bool { return a.Addr().Is4() })
		out = append(out, set{name: e.name + "4", kind: endpoints4, endpoints: four}, set{name: e.name + "6", kind: endpoints6, endpoints: six})
	}
	if t := p.Tunnel; t != nil {
		var own []netip.Addr
		for _, a := range t.Addresses {
			own = append(own, a.Addr())
		}
		out = append(out, addressSets("tunnel", own, true, true)...)
		out = append(out, addressSets("names", t.DNS, t.IPv4, t.IPv6)...)
	}
	if p.Portal != nil {
		out = append(out, addressSets("portal", p.Portal.Resolvers, true, true)...)
	}
	four, six := split(p.LocalNetworks, func(p netip.Prefix) bool { return p.Addr().Is4() })
	out = append(out, set{name: "local4", kind: networks4, networks: four}, set{name: "local6", kind: networks6, networks: six})
	kept := out[:0]
	for _, s := range out {
		if len(s.endpoints)+len(s.addresses)+len(s.networks) > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

func addressSets(name string, all []netip.Addr, with4, with6 bool) []set {
	four, six := split(all, netip.Addr.Is4)
	var out []set
	if with4 {
		out = append(out, set{name: name + "4", kind: addresses4, addresses: four})
	}
	if with6 {
		out = append(out, set{name: name + "6", kind: addresses6, addresses: six})
	}
	return out
}

// has says whether the policy fills a set.
func (b builder) has(name string) bool {
	for _, s := range b.chosen {
		if s.name == name {
			return true
		}
	}
	return false
}

func has4(all []netip.Addr) bool { four, _ := split(all, netip.Addr.Is4); return len(four) > 0 }

func has6(all []netip.Addr) bool { _, six := split(all, netip.Addr.Is4); return len(six) > 0 }

func split[T any](all []T, four func(T) bool) (out4, out6 []T) {
	for _, e := range all {
		if four(e) {
			out4 = append(out4, e)
		} else {
			out6 = append(out6, e)
		}
	}
	return out4, out6
}
