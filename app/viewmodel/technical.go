package viewmodel

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	mostRoutes = 10
	mostMoves  = 20
	mostSAs    = 10
	mostDrops  = 12
)

// technical is what an administrator wants to know of a line.
func (s *scene) technical() *Technical {
	if !s.up() {
		return nil
	}
	t := &Technical{Title: s.s("technical.title"), Copy: Button{Text: s.s("report.copy"), Action: Action{Kind: ActionCopyReport}}}
	for _, sec := range []Section{s.gatewaySection(), s.addressSection(), s.ikeSection(), s.espSection()} {
		sec.Facts = slices.DeleteFunc(sec.Facts, func(f Fact) bool { return f.Value == "" })
		if len(sec.Facts) > 0 {
			t.Sections = append(t.Sections, sec)
		}
	}
	t.Timeline = s.timeline()
	return t
}

func (s *scene) gatewaySection() Section {
	sec := Section{Title: s.s("technical.gateway")}
	g := s.st.Gateway
	if g == nil {
		return sec
	}
	nat := "technical.nat.no"
	if g.BehindNAT {
		nat = "technical.nat.yes"
	}
	follows := ""
	if p := s.st.Path; p != nil {
		follows = s.s("technical.follows.no")
		if p.Follows {
			follows = s.s("technical.follows.yes")
		}
	}
	sec.Facts = []Fact{
		{s.s("technical.identity"), Clean(g.Identity, maxName)},
		{s.s("technical.address"), addrPort(g.Address, g.Port)},
		{s.s("technical.nat"), s.s(nat)},
		{s.s("technical.follows"), follows},
		{s.s("technical.version"), Clean(g.Version, maxName)},
	}
	return sec
}

func addrPort(a netip.Addr, port uint16) string {
	if !a.IsValid() {
		return ""
	}
	return netip.AddrPortFrom(a, port).String()
}

func (s *scene) addressSection() Section {
	return Section{Title: s.s("technical.network"), Facts: []Fact{
		{s.s("technical.addresses"), s.nets(s.st.Addresses, mostRoutes)},
		{s.s("technical.dns-servers"), s.list(addrs(s.st.DNS.Servers), mostRoutes)},
		{s.s("technical.dns-domains"), s.list(cleanAll(s.st.DNS.Domains), mostRoutes)},
		{s.s("technical.routes"), s.nets(s.st.Routes, mostRoutes)},
	}}
}

func (s *scene) ikeSection() Section {
	sec := Section{Title: s.s("technical.ike")}
	i := s.st.IKE
	if i == nil {
		return sec
	}
	quantum := "technical.quantum.no"
	if postQuantum(i.Suite) {
		quantum = "technical.quantum.yes"
	}
	sec.Facts = []Fact{
		{s.s("technical.suite"), Clean(i.Suite, maxName)},
		{s.s("technical.quantum"), s.s(quantum)},
		{s.s("technical.since"), s.at(i.Established)},
		{s.s("technical.rekey"), s.until(i.RekeyAt)},
	}
	return sec
}

// postQuantum says that a key exchange was one that quantum computers do not break.
func postQuantum(suite string) bool {
	return strings.Contains(strings.ToUpper(strings.NewReplacer("-", "", "_", "").Replace(suite)), "MLKEM")
}

func (s *scene) espSection() Section {
	sec := Section{Title: s.s("technical.esp")}
	e := s.st.ESP
	if e == nil {
		return sec
	}
	sec.Facts = []Fact{
		{s.s("technical.suite"), Clean(e.Suite, maxName)},
		{s.s("technical.sent"), s.packets(e.TxBytes, e.TxPackets)},
		{s.s("technical.received"), s.packets(e.RxBytes, e.RxPackets)},
		{s.s("technical.drops"), s.drops(e.Drops)},
	}
	for n, sa := range e.SAs {
		if n == mostSAs {
			break
		}
		sec.Facts = append(sec.Facts, Fact{
			s.with("technical.sa", data{"Number": strconv.Itoa(n + 1)}),
			s.upTo("technical.sa.words", MaxText/4, data{
				"SPI":    fmt.Sprintf("%08x / %08x", sa.InboundSPI, sa.OutboundSPI),
				"Suite":  sa.Suite,
				"Remote": s.list(cleanAll(sa.Remote), mostNames),
				"In":     s.until(sa.RekeyAt),
			}),
		})
	}
	return sec
}

func (s *scene) packets(bytes, packets uint64) string {
	return s.with("technical.packets", data{"Size": s.size(bytes), "Number": s.number(packets)})
}

func (s *scene) drops(by map[string]uint64) string {
	var words []string
	for reason, n := range by {
		if n > 0 {
			words = append(words, Clean(reason, maxName)+": "+s.number(n))
		}
	}
	slices.Sort(words)
	return s.list(words, mostDrops)
}

// timeline tells how the line went through the networks.
func (s *scene) timeline() Timeline {
	t := Timeline{Title: s.s("timeline.title")}
	if p := s.st.Path; p != nil {
		moves := p.Moves
		if len(moves) > mostMoves {
			moves = moves[len(moves)-mostMoves:]
		}
		for _, m := range slices.Backward(moves) {
			key, d := "timeline.moved", data{"From": addr(m.From), "To": addr(m.To)}
			if m.From == m.To {
				key, d = "timeline.gateway", data{"Gateway": addr(m.Gateway)}
			}
			t.Events = append(t.Events, Event{Time: s.at(m.At), Text: s.with(key, d), Mark: MarkConnected})
		}
	}
	if !s.st.Since.IsZero() {
		t.Events = append(t.Events, Event{Time: s.at(s.st.Since), Text: s.with("timeline.connected", data{"Gateway": s.gateway()}), Mark: MarkConnected})
	}
	return t
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return "–"
	}
	return a.String()
}
