package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/homeward-vpn/homeward/client/profile"
)

// groups are the parts of an import report, what matters most first.
var groups = []struct {
	verdict profile.Verdict
	title   string
}{
	{profile.Refused, "Not taken over"},
	{profile.Approximated, "Taken over in another way"},
	{profile.Honoured, "Taken over"},
	{profile.Ignored, "Not needed"},
}

// printReport shows what became of every key of the file.
func (a *app) printReport(in *profile.Imported) {
	p := &in.Profile
	fmt.Fprintf(a.out, "%s: %s at %s", plain(p.Name), plain(p.Client.Words()), plain(p.Gateway.Address))
	if p.Origin.Organization != "" {
		fmt.Fprintf(a.out, ", from %s", plain(p.Origin.Organization))
	}
	fmt.Fprintln(a.out)
	for _, g := range groups {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		n := 0
		for _, l := range in.Report {
			if l.Verdict != g.verdict {
				continue
			}
			if n == 0 {
				fmt.Fprintf(w, "  %s:\n", g.title)
			}
			n++
			fmt.Fprintln(w, reportLine(l))
		}
		// A tabwriter on a terminal or a buffer fails as its writer does; the
		// final line of the import reports that.
		if err := w.Flush(); err != nil {
			return
		}
	}
}

func reportLine(l profile.Line) string {
	mark := " "
	if l.Lowers {
		mark = "!"
	}
	value, note := plain(l.Value), plain(l.Note)
	if len([]rune(value)) > 60 {
		value = string([]rune(value)[:59]) + "…"
	}
	return strings.TrimRight(fmt.Sprintf("  %s %s\t%s\t%s", mark, plain(l.Path), value, note), " \t")
}
