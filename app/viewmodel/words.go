package viewmodel

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// at says when something was or will be, as people do: the time today, else with
// the day.
func (t texts) at(when time.Time) string {
	when = when.In(t.now.Location())
	clock := when.Format("15:04")
	d := data{"Clock": clock}
	switch days := daysBetween(when, t.now); {
	case when.IsZero() || when.Year() < 1 || when.Year() > 9999:
		return t.s("time.unknown")
	case days == 0:
		return t.with("time.today", d)
	case days == -1:
		return t.with("time.yesterday", d)
	case days == 1:
		return t.with("time.tomorrow", d)
	}
	d["Date"] = t.date(when)
	return t.with("time.day", d)
}

// date says a day; the year too where it is another one.
func (t texts) date(when time.Time) string {
	when = when.In(t.now.Location())
	d := data{"Day": strconv.Itoa(when.Day()), "Month": t.s("month." + strconv.Itoa(int(when.Month()))), "Year": strconv.Itoa(when.Year())}
	if when.Year() == t.now.Year() {
		return t.with("date.day", d)
	}
	return t.with("date.year", d)
}

// daysBetween is on which day when is, seen from now.
func daysBetween(when, now time.Time) int {
	midnight := func(x time.Time) time.Time {
		return time.Date(x.Year(), x.Month(), x.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(when).Sub(midnight(now)) / (24 * time.Hour))
}

// until says how far away something is: "in 2 h 41 min".
func (t texts) until(when time.Time) string {
	d := when.Sub(t.now).Round(time.Minute)
	minutes := int(d / time.Minute)
	switch {
	case minutes < 1:
		return t.s("in.soon")
	case minutes < 60:
		return t.with("in.minutes", data{"Minutes": minutes})
	case minutes < 48*60 && minutes%60 == 0:
		return t.with("in.hours", data{"Hours": minutes / 60})
	case minutes < 48*60:
		return t.with("in.hours-minutes", data{"Hours": minutes / 60, "Minutes": minutes % 60})
	}
	return t.with("in.days", data{"Count": minutes / (24 * 60)})
}

// size says how many bytes there are: "48.2 MB".
func (t texts) size(n uint64) string {
	if n < 1000 {
		return t.with("size.bytes", data{"Count": int(n)})
	}
	value, unit := float64(n), 0
	for value >= 999.95 && unit < 6 {
		value /= 1000
		unit++
	}
	return t.with("size."+[]string{"kilo", "mega", "giga", "tera", "peta", "exa"}[unit-1], data{"Value": t.decimal(value)})
}

// decimal writes a number with one digit behind the sign of the language.
func (t texts) decimal(v float64) string {
	return strings.Replace(strconv.FormatFloat(v, 'f', 1, 64), ".", t.s("number.decimal"), 1)
}

// number writes a whole number in groups of three digits.
func (t texts) number(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), t.say("number.group", nil))
}

// list joins names, at most so many, and says how many more there are.
func (t texts) list(names []string, most int) string {
	return t.andMore(names[:min(most, len(names))], len(names)-most)
}

// andMore joins names, and says that there are more.
func (t texts) andMore(names []string, more int) string {
	if more <= 0 {
		return Clean(strings.Join(names, t.say("list.comma", nil)), MaxText)
	}
	shown := Clean(strings.Join(names, t.say("list.comma", nil)), MaxText/2)
	return t.upTo("list.more", MaxText/2, data{"List": shown, "Count": more, "Number": t.number(uint64(more))})
}

// nets joins networks, at most so many.
func (t texts) nets(list []netip.Prefix, most int) string {
	var words []string
	more := 0
	for _, p := range list {
		switch {
		case !p.IsValid():
		case len(words) < most:
			words = append(words, p.String())
		default:
			more++
		}
	}
	return t.andMore(words, more)
}
