package dns

import (
	"slices"
	"strings"
)

// Somebody has edited resolv.conf while ours stood: of three files (what stood
// before, what we wrote, what is there now) the one is made that should stand
// when ours goes. What somebody has added to ours is kept, what they have taken
// out of it that was there before us stays out, and ours goes. Servers, search
// names and options are compared word for word, other lines whole.

// withoutOurs takes what we wrote out of a file that somebody has edited since.
// It returns now itself, and false, when none of our marks or servers is in there.
func withoutOurs(now, written, before []byte) ([]byte, bool) {
	mine := map[string]bool{}
	for line := range strings.Lines(string(written)) {
		mine[strings.TrimSpace(line)] = true
	}
	for line := range strings.Lines(string(before)) {
		delete(mine, strings.TrimSpace(line)) // it was there without us
	}
	delete(mine, "")
	var kept strings.Builder
	marked, found := false, false
	for line := range strings.Lines(string(now)) {
		trimmed := strings.TrimSpace(line)
		if !mine[trimmed] {
			kept.WriteString(line)
			continue
		}
		marked = marked || strings.HasPrefix(trimmed, marker)
		found = found || marked || strings.HasPrefix(trimmed, "nameserver")
	}
	if !found {
		return now, false
	}
	if rest := kept.String(); !marked && len(parseText([]byte(rest)).servers) > 0 {
		return []byte(rest), true // another writer's file, with servers of its own
	}
	return merge(now, written, before, marked), true
}

// difference is how a list of words differs from what we wrote.
type difference struct{ added, removed []string }

// changed compares; what is gone counts only where it was there before us, and
// where the file is still ours: another writer's says nothing about it.
func changed(now, written, before []string, edited bool) difference {
	var c difference
	for _, w := range now {
		if !slices.Contains(written, w) && !slices.Contains(before, w) {
			c.added = appendNew(c.added, w)
		}
	}
	for _, w := range before {
		if edited && slices.Contains(written, w) && !slices.Contains(now, w) {
			c.removed = append(c.removed, w)
		}
	}
	return c
}

// line is the line of before's words with the change made, "" where it need
// not be written anew or nothing is left of it.
func (c difference) line(keyword string, before []string) string {
	words := slices.DeleteFunc(slices.Clone(before), func(w string) bool { return slices.Contains(c.removed, w) })
	if words = append(words, c.added...); c.none() || len(words) == 0 {
		return ""
	}
	return keyword + " " + strings.Join(words, " ") + "\n"
}

func (c difference) none() bool { return len(c.added)+len(c.removed) == 0 }

// merge makes before's file with the changes that were made to ours. Lines that
// do not change keep their bytes.
func merge(now, written, before []byte, edited bool) []byte {
	tn, tw, tb := parseText(now), parseText(written), parseText(before)
	servers := changed(tn.servers, tw.servers, tb.servers, edited)
	search := changed(tn.search, tw.search, tb.search, edited)
	options := changed(tn.options, tw.options, tb.options, edited)
	var b strings.Builder
	for line := range strings.Lines(string(before)) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "nameserver" && slices.Contains(servers.removed, words[1]),
			(words[0] == "search" || words[0] == "domain") && !search.none(),
			words[0] == "options" && !options.none():
			continue
		}
		b.WriteString(line)
	}
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteString("\n")
	}
	for _, s := range servers.added {
		b.WriteString("nameserver " + s + "\n")
	}
	b.WriteString(search.line("search", tb.search))
	b.WriteString(options.line("options", tb.options))
	for _, line := range otherLines(now, written, before) {
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

// otherLines are those of now that are in neither file and name no server,
// search name or option: comments, sortlist, what later systems may know.
func otherLines(now, written, before []byte) []string {
	var known, lines []string
	for _, file := range [][]byte{written, before} {
		for line := range strings.Lines(string(file)) {
			known = append(known, strings.TrimSpace(line))
		}
	}
	for line := range strings.Lines(string(now)) {
		line = strings.TrimSpace(line)
		first, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		if line == "" || slices.Contains([]string{"nameserver", "search", "domain", "options"}, first) || slices.Contains(known, line) {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}
