package viewmodel

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Say gives the text of a key in the person's language, with data in its
// placeholders. An entry "Count" (an int) chooses the plural form. A Say that does
// not know a key gives "" or the key itself.
type Say func(key string, data map[string]any) string

// The limits of texts, in characters.
const (
	MaxText  = 1500 // of any text of a view
	maxName  = 100  // of a name inside a text
	maxWords = 600  // of a sentence that somebody else wrote
)

// texts says texts, and how times and amounts are said. Names that go into a text
// are cleaned here, so that nobody forgets it.
type texts struct {
	say Say
	now time.Time
}

// noBreak is the space that French has before some signs: it stays.
const noBreak = '\u00a0'

// data is what goes into the placeholders of a text.
type data map[string]any

// s says a text without placeholders.
func (t texts) s(key string) string { return t.with(key, nil) }

// with says a text with placeholders. Strings are cleaned and cut to maxName.
func (t texts) with(key string, d data) string { return t.upTo(key, maxName, d) }

// upTo is with for longer strings.
func (t texts) upTo(key string, limit int, d data) string {
	clean := make(map[string]any, len(d))
	for name, v := range d {
		if s, ok := v.(string); ok {
			v = Clean(s, limit)
		}
		clean[name] = v
	}
	return Clean(oneStop(t.say(key, clean)), MaxText)
}

// oneStop ends a sentence whose last word is shortened with one full stop: "in 10 Min."
func oneStop(s string) string {
	if strings.HasSuffix(s, "..") && !strings.HasSuffix(s, "...") {
		return s[:len(s)-1]
	}
	return s
}

// Clean makes one line of a text from elsewhere: control characters become spaces,
// characters that only change how others look are dropped, and what is longer than
// limit characters is cut.
func Clean(s string, limit int) string {
	if most := 8 * limit; len(s) > most { // what is cut anyway is not looked at
		s = s[:most]
	}
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) && r != noBreak || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp):
			space = b.Len() > 0
			continue
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs) || r == utf8.RuneError:
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	s = b.String()
	if utf8.RuneCountInString(s) > limit {
		s = strings.TrimRight(string([]rune(s)[:limit-1]), " ") + "…"
	}
	return s
}
