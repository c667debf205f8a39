// Package strongswan holds what the formats of strongSwan have in common: how they
// write identities, times, networks and switches, and what becomes of the
// files that they name. Words for algorithms are in client/profile/proposal.
//
// The package owns the meaning of these texts for a profile. It knows no format's
// keys, and opens no file but through the function that it is given. The importers
// of .sswan, swanctl.conf, ipsec.conf and NetworkManager's keyfiles call it.
package strongswan

import (
	"strconv"
	"strings"
	"time"
)

// Switch reads a yes or no; ok is false where it is neither.
func Switch(text string) (on, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "yes", "true", "1", "enabled", "on":
		return true, true
	case "no", "false", "0", "disabled", "off":
		return false, true
	}
	return false, false
}

// Time reads a number of seconds, or of what the letter behind it says: s, m, h, d.
func Time(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	unit := time.Second
	for letter, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, letter); ok {
			text, unit = strings.TrimSpace(number), u
			break
		}
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// Hold moves a time into a range, and says whether it had to.
func Hold(d, low, high time.Duration) (time.Duration, bool) {
	held := min(max(d, low), high)
	return held, held != d
}
