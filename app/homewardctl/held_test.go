package main

import (
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// TestBlockIsSaid: who meets a block is told of it and of their own way out, and of no
// other.
func TestBlockIsSaid(t *testing.T) {
	t.Parallel()
	block := func(mode string, engaged, redacted bool) control.Status {
		return control.Status{State: control.StateBlocked, Redacted: redacted, KillSwitch: control.KillSwitch{Mode: mode, Engaged: engaged}}
	}
	for name, tt := range map[string]struct {
		st             control.Status
		held, headline string
	}{
		"on":                {block("on", true, false), "«homewardctl disconnect» opens the network", "until you connect or disconnect"},
		"lockdown":          {block("lockdown", true, false), "until you connect.", "until you connect"},
		"nothing is set":    {block("on", false, false), "", "it is not sure"},
		"another user's":    {block("on", true, true), "«homewardctl disconnect»", "until another user of it, or an administrator, disconnects"},
		"there is no block": {control.Status{State: control.StateDisconnected}, "", "Not connected"},
	} {
		if got := heldBack(tt.st); !strings.Contains(got, tt.held) || (tt.held == "") != (got == "") {
			t.Errorf("%s: after a failed attempt %q", name, got)
		}
		if got := headline(tt.st, time.Now()); !strings.Contains(got, tt.headline) {
			t.Errorf("%s: the status says %q", name, got)
		}
	}
}
