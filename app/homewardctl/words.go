package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// plain makes text from elsewhere fit for a terminal: control characters and
// characters that only change how others look become spaces.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			return ' '
		}
		return r
	}, s)
}

// sentence puts an error into one sentence.
func sentence(err error) string {
	var failure *diagnose.Failure
	s := ""
	switch {
	case errors.As(err, &failure):
		s = failure.Sentence()
	case errors.Is(err, context.Canceled):
		s = "stopped, as you wished"
	case errors.Is(err, context.DeadlineExceeded):
		s = "the Homeward service did not answer in time; look whether it still runs with «homewardctl status»"
	default:
		s = err.Error()
	}
	s = strings.TrimSpace(plain(s))
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// unlessStopped makes Ctrl-C a good end of what goes on until Ctrl-C.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stepWords are the steps of connecting as a person reads them.
var stepWords = map[string]string{
	"resolving":  "Looking up the gateway",
	"reaching":   "Reaching the gateway",
	"checking":   "Checking who it is",
	"signing-in": "Signing you in",
	"setting-up": "Setting up the line",
	"waiting":    "Waiting for a network",
}

// at says when something was, as people do: the time today, else with the day.
func at(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04")
	}
	return t.Format("2 January 15:04")
}

// until says how far away something is.
func until(t, now time.Time) string {
	d := t.Sub(now).Round(time.Minute)
	switch {
	case d < time.Minute:
		return "in less than a minute"
	case d < time.Hour:
		return fmt.Sprintf("in %d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("in %d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// size says how many bytes there are.
func size(n uint64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	value, i := float64(n), -1
	for value >= unit && i < len("kMGTPE")-1 {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[i])
}
