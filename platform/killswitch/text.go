package killswitch

import (
	"fmt"
	"strconv"
	"strings"
)

// text is the table as nft(8) reads it. Loading it by hand gives what Set makes.
func (t *table) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", tableName)
	for _, s := range t.sets {
		fmt.Fprintf(&b, "\tset %s {\n\t\ttype %s\n", s.name, s.kind)
		if extra := s.kind.extra(); extra != "" {
			fmt.Fprintf(&b, "\t\t%s\n", extra)
		}
		if e := s.elements(); len(e) > 0 {
			fmt.Fprintf(&b, "\t\telements = { %s }\n", strings.Join(e, ",\n\t\t             "))
		}
		b.WriteString("\t}\n")
	}
	// A chain must be known before a rule leads there.
	for i := len(t.chains) - 1; i >= 0; i-- {
		b.WriteString(t.chains[i].text())
	}
	b.WriteString("}\n")
	return b.String()
}

func (k setKind) String() string {
	return [...]string{
		endpoints4: "ipv4_addr . inet_service", endpoints6: "ipv6_addr . inet_service",
		addresses4: "ipv4_addr", addresses6: "ipv6_addr",
		networks4: "ipv4_addr", networks6: "ipv6_addr",
		ports: "inet_service", messages6: "icmpv6_type",
		answers4: "ipv4_addr . iface_index", answers6: "ipv6_addr . iface_index",
	}[k]
}

func (k setKind) extra() string {
	switch {
	case k == networks4 || k == networks6:
		return "flags interval"
	case k.learnt():
		return fmt.Sprintf("size %d\n\t\tflags dynamic,timeout", mostLearnt)
	}
	return ""
}

func (s set) elements() (out []string) {
	for _, e := range s.endpoints {
		out = append(out, e.Addr().String()+" . "+strconv.Itoa(int(e.Port())))
	}
	for _, a := range s.addresses {
		out = append(out, a.String())
	}
	for _, p := range s.networks {
		out = append(out, p.String())
	}
	for _, n := range s.numbers {
		out = append(out, strconv.Itoa(int(n)))
	}
	return out
}

func (h hook) String() string {
	return [...]string{noHook: "", prerouting: "prerouting", forward: "forward", output: "output", postrouting: "postrouting"}[h]
}

func (c chain) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n\tchain %s {\n", c.name)
	if c.hook != noHook {
		policy := "drop"
		if c.open {
			policy = "accept"
		}
		fmt.Fprintf(&b, "\t\ttype filter hook %s priority %d; policy %s;\n", c.hook, c.hook.priority(), policy)
	}
	for _, r := range c.rules {
		fmt.Fprintf(&b, "\t\t%s\n", r.text())
	}
	b.WriteString("\t}\n")
	return b.String()
}

func (r rule) text() string {
	var words []string
	for _, m := range r.when {
		words = append(words, m.text())
	}
	for _, a := range r.do {
		words = append(words, a.text())
	}
	if r.comment != "" {
		words = append(words, fmt.Sprintf("comment %q", r.comment))
	}
	return strings.Join(words, " ")
}

func (f field) String() string {
	return [...]string{
		ip4Source: "ip saddr", ip4Destination: "ip daddr",
		ip6Source: "ip6 saddr", ip6Destination: "ip6 daddr", ip6HopLimit: "ip6 hoplimit",
		udpSource: "udp sport", udpDestination: "udp dport", tcpDestination: "tcp dport",
		icmp4Type: "icmp type", icmp4Code: "icmp code", icmp6Type: "icmpv6 type", icmp6Code: "icmpv6 code",
		inDevice: "meta iif", outDevice: "meta oif",
	}[f]
}

func joined(fields []field) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.String())
	}
	return strings.Join(out, " . ")
}

func (m loopback) text() string {
	if m.in {
		return `iif "lo"`
	}
	return `oif "lo"`
}

func (m device) text() string {
	text := "oifname "
	if m.in {
		text = "iifname "
	}
	if m.other {
		text += "!= "
	}
	return text + strconv.Quote(m.name)
}

func (m behind) text() string { return "meta iifkind " + strconv.Quote(m.kind) }

func (m family) text() string {
	if m.six {
		return "meta nfproto ipv6"
	}
	return "meta nfproto ipv4"
}

func (m marked) text() string { return fmt.Sprintf("meta mark 0x%08x", m.mark) }

func (m protocol) text() string {
	if m.number == tcp {
		return "meta l4proto tcp"
	}
	return "meta l4proto " + strconv.Itoa(int(m.number))
}

func (m within) text() string { return joined(m.fields) + " @" + m.set }

func (m number) text() string { return m.field.String() + " " + strconv.Itoa(int(m.value)) }

func (m prefix) text() string { return m.field.String() + " " + m.of.String() }

func (reset) text() string { return "tcp flags & rst == rst" }

func (m sourceRoute) text() string {
	return [...]string{looseRoute: "ip option lsrr exists", strictRoute: "ip option ssrr exists", routingHeader: "exthdr rt exists"}[m.kind]
}

func (answering) text() string { return "ct state established,related ct direction reply" }

func (m controlGroup) text() string {
	return fmt.Sprintf("socket cgroupv2 level %d %q", m.level(), m.path)
}

// level is how deep the control group is.
func (m controlGroup) level() int { return strings.Count(m.path, "/") + 1 }

func (accept) text() string  { return "accept" }
func (drop) text() string    { return "drop" }
func (a enter) text() string { return "goto " + a.chain }

func (a refuse) text() string {
	if a.reset {
		return "reject with tcp reset"
	}
	return "reject with icmpx admin-prohibited"
}

func (a learn) text() string {
	return fmt.Sprintf("update @%s { %s timeout %v }", a.set, joined(a.fields), rememberedFor)
}

func (a setMark) text() string { return fmt.Sprintf("meta mark set 0x%08x", a.mark) }
