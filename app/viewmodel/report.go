package viewmodel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
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
	r := &reporter{secret: secret(in)}
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
	secret *regexp.Regexp
}

func (r *reporter) line(format string, args ...any) {
	// Before it is cut, and once more as it is written: a word may stand in either only.
	text := Clean(r.secret.ReplaceAllLiteralString(fmt.Sprintf(format, args...), redacted), 2*MaxText)
	r.b.WriteString(r.secret.ReplaceAllLiteralString(text, redacted) + "\n")
}

const redacted = "[redacted]"

// homes are people's own folders, which are called as they are.
const homes = `(?:/home|/Users|\\Users)[/\\]+[^/\\\s"]+`

// secret finds the names of the person, of their network and where they are, in whatever
// case.
func secret(in Input) *regexp.Regexp {
	words := secretWords(in)
	// The longest first: of what begins alike the first is taken.
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	parts := []string{homes}
	for _, w := range words {
		parts = append(parts, regexp.QuoteMeta(w))
	}
	return regexp.MustCompile("(?i)" + strings.Join(parts, "|"))
}

// shortSecret: a word that is shorter says nothing, and stands in other words too.
const shortSecret = 3

// secretWords are those names in each form in which a line may have them.
func secretWords(in Input) []string {
	var words []string
	add := func(w string) {
		w = strings.ToValidUTF8(w, "")
		for _, form := range []string{w, Clean(w, maxWords), unquoted(strconv.Quote(w)), unquoted(asJSON(w))} {
			if len(form) >= shortSecret && !slices.Contains(words, form) {
				words = append(words, form)
			}
		}
	}
	person := func(name string) {
		add(name)
		name, _, _ = strings.Cut(name, "@")
		add(name[strings.LastIndexByte(name, '\\')+1:]) // of "DOMAIN\name"
	}
	for _, p := range in.Profiles {
		person(p.Username)
	}
	for _, p := range in.Status.Prompts {
		person(p.Username)
	}
	if in.Chosen != nil {
		person(in.Chosen.Client.Username)
	}
	if in.Asking != nil {
		person(in.Asking.Username)
	}
	if n := in.Status.Network; n != nil && n.Kind == control.NetworkWiFi {
		add(n.Name)
	}
	if p := in.Status.Path; p != nil {
		for _, m := range p.Moves {
			for _, a := range []netip.Addr{m.From, m.To} {
				if a.IsValid() {
					add(a.String())
				}
			}
		}
	}
	return words
}

func unquoted(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`) }

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
