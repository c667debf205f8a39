package viewmodel

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/control"
)

// mostNames is how many names or networks a fact shows.
const mostNames = 3

// up says that the window's subject has a line of which there is something to tell.
func (s *scene) up() bool {
	return s.phase == phaseConnected || s.phase == phaseHolding
}

// facts are what a person may want to know of a line.
func (s *scene) facts() []Fact {
	if !s.up() {
		return nil
	}
	list := []Fact{
		{s.s("fact.through"), s.through()},
		{s.s("fact.address"), s.addresses()},
		{s.s("fact.names"), s.names()},
	}
	if by := s.st.SignInAgainBy; by != nil {
		key := "fact.sign-in.itself"
		if s.asksAgain() || s.expiring() {
			key = "fact.sign-in.you"
		}
		list = append(list, Fact{s.s("fact.sign-in"), s.with(key, data{"Time": s.at(*by)})})
	} else if i := s.st.IKE; i != nil && !i.RekeyAt.IsZero() {
		list = append(list, Fact{s.s("fact.renewal"), s.with("fact.renewal.itself", data{"In": s.until(i.RekeyAt)})})
	}
	if s.st.KillSwitch.Engaged {
		key := "fact.local.refused"
		if s.st.KillSwitch.LocalNetwork {
			key = "fact.local.allowed"
		}
		list = append(list, Fact{s.s("fact.local"), s.s(key)})
	}
	return list
}

// asksAgain says that the gateway wants a sign-in by a person to keep the line.
func (s *scene) asksAgain() bool {
	return slices.ContainsFunc(s.st.Prompts, func(p control.Prompt) bool { return p.Again })
}

// through says what goes through the line.
func (s *scene) through() string {
	var four, six bool
	for _, p := range s.st.Routes {
		if p.IsValid() && p.Bits() == 0 {
			four, six = four || p.Addr().Is4(), six || p.Addr().Is6()
		}
	}
	switch {
	case four && six:
		return s.s("through.everything")
	case four:
		return s.s("through.ipv4")
	case six:
		return s.s("through.ipv6")
	}
	if nets := s.nets(s.st.Routes, mostNames); nets != "" {
		return nets
	}
	return s.s("through.nothing")
}

func (s *scene) addresses() string {
	var list []string
	for _, p := range s.st.Addresses {
		if p.IsValid() {
			list = append(list, p.Addr().String())
		}
	}
	if len(list) == 0 {
		return s.s("fact.address.none")
	}
	if len(list) <= mostNames {
		return Clean(strings.Join(list, " · "), MaxText)
	}
	return s.list(list, mostNames)
}

// names says who is asked for names.
func (s *scene) names() string {
	d := s.st.DNS
	switch {
	case len(d.Servers) == 0:
		return s.s("fact.names.outside")
	case len(d.Domains) == 0:
		return s.s("fact.names.all")
	}
	return s.upTo("fact.names.inside", MaxText/2, data{"Domains": s.list(cleanAll(d.Domains), mostNames)})
}

// cleanAll cleans names from elsewhere.
func cleanAll(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, Clean(n, maxName))
	}
	return out
}

func addrs(list []netip.Addr) []string {
	var out []string
	for _, a := range list {
		if a.IsValid() {
			out = append(out, a.String())
		}
	}
	return out
}
