package viewmodel

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Offer is what was found in a file.
type Offer struct {
	Found []profile.Imported
	// Replaces names for each the profile that it replaces; empty: none.
	Replaces []string
	// Elsewhere says for each that it replaces a profile with another gateway, or with
	// one that proves itself in another way.
	Elsewhere []bool
	// Idle: there is no line, so that the one connection of a file is made at once.
	Idle bool
	Now  time.Time
}

// Connects says whether what is taken over connects by that.
func (o Offer) Connects() bool { return o.Idle && len(o.Found) == 1 }

// ImportSheet says in plain words what a file wants, before anything is taken over.
func ImportSheet(o Offer, say Say) ImportView {
	t := texts{say: say, now: o.Now}
	v := ImportView{Accept: t.s("import.accept"), Cancel: t.s("button.cancel")}
	if o.Connects() {
		v.Accept = t.s("import.accept.connect")
	}
	var lowers []profile.Line
	for i := range o.Found {
		in := &o.Found[i]
		c := t.connection(in)
		if i < len(o.Replaces) && o.Replaces[i] != "" {
			key := "import.replaces"
			if i < len(o.Elsewhere) && o.Elsewhere[i] {
				key = "import.replaces.elsewhere"
			}
			c.Replaces = t.with(key, data{"Profile": o.Replaces[i]})
		}
		v.Connections = append(v.Connections, c)
		for _, l := range in.Report {
			if l.Lowers {
				lowers = append(lowers, l)
			}
		}
	}
	v.Title = t.importTitle(o.Found)
	if len(o.Found) > 0 {
		v.Signed = t.signed(o.Found[0].Profile.Origin)
	}
	v.Consent, v.Terms = t.consent(lowers), t.terms(o.Found)
	return v
}

func (t texts) importTitle(found []profile.Imported) string {
	if len(found) == 0 {
		return t.s("import.nothing")
	}
	return t.with("import.title", data{"Who": authorName(found), "Count": len(found)})
}

// authorName is who made the file, as far as it says so.
func authorName(found []profile.Imported) string {
	return cmp.Or(found[0].Profile.Origin.Organization, found[0].Profile.Name)
}

// signed says who wrote the file, and whether that is known.
func (t texts) signed(o profile.Origin) Signed {
	switch {
	case o.SignedBy != "" && o.SignerTrusted:
		return Signed{Tone: ToneGood, Text: t.with("import.signed.trusted", data{"Who": o.SignedBy})}
	case o.SignedBy != "":
		return Signed{Tone: ToneWarning, Text: t.with("import.signed.unknown", data{"Who": o.SignedBy})}
	}
	return Signed{Tone: ToneWarning, Text: t.s("import.signed.not")}
}

// mostRules bounds how many rules are told one by one.
const mostRules = 5

// connection says what one connection does.
func (t texts) connection(in *profile.Imported) ImportConnection {
	p := &in.Profile
	c := ImportConnection{Name: Clean(p.Name, maxName), Report: t.report(in.Report), ReportName: t.s("import.report")}
	add := func(key, value string) {
		if value != "" {
			c.Facts = append(c.Facts, Fact{t.s(key), value})
		}
	}
	add("import.gateway", Clean(p.Gateway.Address, 253))
	add("import.sign-in", t.signIn(&p.Client))
	add("import.through", t.wanted(p.Traffic))
	add("import.by-itself", t.byItself(p.OnDemand))
	if p.OnDemand.When != profile.WhenNever {
		for i, r := range p.OnDemand.Rules[:min(len(p.OnDemand.Rules), mostRules)] {
			c.Facts = append(c.Facts, Fact{t.with("import.rule", data{"Number": strconv.Itoa(i + 1)}), t.rule(r)})
		}
	}
	if p.Traffic.KillSwitch == profile.KillSwitchOn {
		add("kill.label", t.s("kill.on.sentence"))
	}
	if n := len(p.Gateway.Anchors); n > 0 {
		key := "import.trusts.own"
		if n > 1 {
			key = "import.trusts.more"
		}
		add("import.trusts", t.with(key, data{"Who": authorityName(p.Gateway.Anchors[0])}))
	}
	if p.Origin.Description != "" {
		add("import.description", Clean(p.Origin.Description, maxWords))
	}
	return c
}

// The groups of a report, what matters most first.
var verdicts = []struct {
	verdict profile.Verdict
	key     string
	tone    Tone
}{
	{profile.Refused, "report.refused", ToneBad},
	{profile.Approximated, "report.approximated", ToneWarning},
	{profile.Honoured, "report.honoured", ToneGood},
	{profile.Ignored, "report.ignored", ToneInfo},
}

// mostReportLines bounds a group: a file may have thousands of keys.
const mostReportLines = 200

func (t texts) report(lines []profile.Line) []ReportGroup {
	var groups []ReportGroup
	for _, w := range verdicts {
		g := ReportGroup{Tone: w.tone}
		n := 0
		for _, l := range lines {
			if l.Verdict != w.verdict {
				continue
			}
			if n++; n <= mostReportLines {
				g.Lines = append(g.Lines, ReportLine{Key: Clean(l.Path, 2*maxName), Value: Clean(l.Value, maxName), Note: Clean(l.Note, maxWords), Lowers: l.Lowers})
			}
		}
		if n == 0 {
			continue
		}
		g.Title = t.with(w.key, data{"Count": n, "Number": t.number(uint64(n))})
		if n > mostReportLines {
			g.More = t.with("list.and-more", data{"Count": n - mostReportLines, "Number": t.number(uint64(n - mostReportLines))})
		}
		groups = append(groups, g)
	}
	return groups
}

// mostConsent bounds what a person is asked to agree to one by one.
const mostConsent = 12

// consent is what lowers security: it is taken over only with a deliberate yes.
func (t texts) consent(lowers []profile.Line) *Consent {
	if len(lowers) == 0 {
		return nil
	}
	c := &Consent{Text: t.with("import.lowers", data{"Count": len(lowers)}), Check: Check{Text: t.s("import.lowers.yes")}}
	for _, l := range lowers {
		item := Clean(l.Note, maxWords)
		if item == "" {
			item = Clean(l.Path+": "+l.Value, maxWords)
		}
		if !slices.Contains(c.Items, item) && len(c.Items) < mostConsent {
			c.Items = append(c.Items, item)
		}
	}
	return c
}

// maxTerms bounds a text that is agreed to, which is cut into several lines.
const maxTerms = 10 * MaxText

// terms are what the file's author wants agreed to.
func (t texts) terms(found []profile.Imported) *Terms {
	var lines []string
	for _, in := range found {
		if text := Clean(in.Consent, maxTerms); text != "" && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return &Terms{
		Quote: Quote{Speaker: t.with("import.terms", data{"Who": authorName(found)}), Lines: inParts(lines, MaxText)},
		Check: Check{Text: t.s("import.terms.yes")},
	}
}

// inParts cuts lines that are longer than most characters.
func inParts(lines []string, most int) (parts []string) {
	for _, line := range lines {
		for runes := []rune(line); len(runes) > 0; {
			n := min(len(runes), most)
			parts = append(parts, string(runes[:n]))
			runes = runes[n:]
		}
	}
	return parts
}

// ImportProblem says why a file was not taken over; name is the file's.
func ImportProblem(name string, err error, say Say) ProblemView {
	t := texts{say: say}
	v := ProblemView{Title: t.with("import.problem.title", data{"File": name}), Show: t.s("notice.details"), Close: t.s("button.close")}
	var problem *profile.ImportError
	if !errors.As(err, &problem) {
		v.Sentence, v.Detail = t.trouble(err)
		return v.withDetail()
	}
	v.Sentence = t.s(importKey(problem.Problem))
	v.Detail = asSentence(problem.Sentence)
	if problem.Err != nil {
		v.Detail += " (" + problem.Err.Error() + ")"
	}
	return v.withDetail()
}

// importKey is the key of a problem with a file.
func importKey(p profile.ImportProblem) string {
	switch p {
	case profile.ImportForeign, profile.ImportEncrypted, profile.ImportAltered, profile.ImportUnsupported,
		profile.ImportIncomplete, profile.ImportExpired, profile.ImportTooLarge, profile.ImportPassword:
		return "import.problem." + string(p)
	}
	return "import.problem.damaged"
}

// withDetail cleans the detail, and hides the click where there is none.
func (v ProblemView) withDetail() ProblemView {
	if v.Detail = Clean(v.Detail, MaxText); v.Detail == "" {
		v.Show = ""
	}
	return v
}
