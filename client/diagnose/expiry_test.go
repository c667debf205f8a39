package diagnose

import (
	"strings"
	"testing"
	"time"
)

// TestExpiry speaks of an end in time, and not too early.
func TestExpiry(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		life, left   time.Duration
		own, gateway string
	}{
		{365 * day, 31 * day, "", ""},
		{365 * day, 9*day + time.Hour, "Your certificate expires in 9 days; ask", ""},
		{365 * day, 30*day - time.Minute, "expires in 29 days", ""},
		{365 * day, 6*day + time.Hour, "expires in 6 days", "The gateway's certificate expires in 6 days; tell"},
		{365 * day, 47*time.Hour + time.Minute, "expires in 47 hours", "expires in 47 hours"},
		{365 * day, time.Minute, "expires in less than an hour", "expires in less than an hour"},
		{365 * day, -day, "has expired on 31 August 2026", "has expired on 31 August 2026"},
		{3 * day, 25 * time.Hour, "", ""},
		{3 * day, 23*time.Hour + time.Minute, "expires in 23 hours", "expires in 23 hours"},
	} {
		v := Validity{now.Add(c.left - c.life), now.Add(c.left)}
		for want, got := range map[string]string{c.own: v.OwnExpiry("Your certificate", now), c.gateway: v.GatewayExpiry(now)} {
			if !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("%v of %v: %q, want %q", c.left, c.life, got, want)
			}
			if got != "" {
				checkSentence(t, got)
			}
		}
	}
	if s := (Validity{}).GatewayExpiry(now); s != "" {
		t.Errorf("of no certificate: %q", s)
	}
}
