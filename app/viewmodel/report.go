package viewmodel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// mostReportEntries is how many of the log's newest entries a report has.
const mostReportEntries = 300

// Report makes the text that a person sends to an administrator, in English: what
// is, and the end of the log. It says who the gateway is, but neither the person's
// name nor the network they are in, nor where they are.
func Report(in Input, entries []control.LogEntry) string {
	r := &reporter{secret: secretWords(in)}
	r.line("Homeward %s, report of %s", in.Version, in.Now.Format(time.RFC3339))
	link := in.Link
	if link == LinkStarting {
		link = "starting"
	}
	r.line("service: %s %s", link, in.LinkDetail)
	r.status(in.Status)
	r.line("settings: kill switch %q, local network %q", in.Settings.KillSwitch, in.Settings.LocalNetwork)
	if in.Trouble != nil {
		r.line("last wish: %v", in.Trouble)
	}
	r.line("")
	r.line("log:")
	if more := len(entries) - mostReportEntries; more > 0 {
		entries = entries[more:]
		r.line("(%d earlier entries left out)", more)
	}
	for _, e := range entries {
		r.line("%s %s %s %s", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), e.Level, e.Message, e.Attrs)
	}
	return r.b.String()
}

// reporter writes lines without what is nobody else's business.
type reporter struct {
	b      strings.Builder
	secret []string
}

func (r *reporter) line(format string, args ...any) {
	text := Clean(fmt.Sprintf(format, args...), 2*MaxText)
	for _, w := range r.secret {
		text = strings.ReplaceAll(text, w, "[redacted]")
	}
	r.b.WriteString(text + "\n")
}

// shortSecret: a word that is shorter says nothing, and stands in other words too.
const shortSecret = 3

// secretWords are the names of the person and of their network, the longest first.
func secretWords(in Input) []string {
	var words []string
	add := func(w string) {
		if w = Clean(w, maxName); len(w) >= shortSecret && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, p := range in.Profiles {
		add(p.Username)
	}
	for _, p := range in.Status.Prompts {
		add(p.Username)
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return words
}

func (r *reporter) status(st control.Status) {
	r.line("state: %s since %s, step %q, profile %q", st.State, st.Since.UTC().Format(time.RFC3339), st.Step, st.Profile)
	if e := st.Error; e != nil {
		r.line("failure: %s: %s (%s)", e.Cause, e.Message, e.Detail)
	}
	if g := st.Gateway; g != nil {
		r.line("gateway: %s at %s, behind NAT %t, %s", g.Identity, addrPort(g.Address, g.Port), g.BehindNAT, g.Version)
	}
	r.line("addresses: %s", asJSON(st.Addresses))
	r.line("dns: %s", asJSON(st.DNS))
	r.line("routes: %s", asJSON(st.Routes[:min(len(st.Routes), 20)]))
	if more := len(st.Routes) - 20; more > 0 {
		r.line("routes left out: %d", more)
	}
	r.line("ike: %s", asJSON(st.IKE))
	r.line("esp: %s", asJSON(st.ESP))
	if p := st.Path; p != nil {
		r.line("path: follows %t, waiting %t", p.Follows, p.Waiting)
		for _, m := range p.Moves[max(0, len(p.Moves)-mostMoves):] {
			r.line("moved: %s from %s to %s, gateway %s", m.At.UTC().Format(time.RFC3339), masked(m.From), masked(m.To), addr(m.Gateway))
		}
	}
	r.line("kill switch: %s", asJSON(st.KillSwitch))
	if a := st.Automatic; a != nil {
		r.line("by itself: %s %s, rule %d, waiting %q", a.When, a.Action, a.Rule, a.Waiting)
	}
	for _, w := range st.Warnings {
		r.line("warning: %s", w)
	}
}

// masked hides where an address of this computer is: the first half stays.
func masked(a netip.Addr) string {
	if !a.IsValid() {
		return addr(a)
	}
	bits := 16
	if a.Unmap().Is6() {
		bits = 32
	}
	p, err := a.Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return addr(netip.Addr{})
	}
	return p.String()
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
