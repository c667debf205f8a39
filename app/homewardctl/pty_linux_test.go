package main

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestConsentAtATerminal: a notice goes through the service and the program to a real
// terminal, where a person agrees or does not. No server of the lab can send one (RFC
// 3748 5.2): that the tunnel asks for consent is shown with iketest, in client/tunnel
// TestQuestions.
func TestConsentAtATerminal(t *testing.T) {
	t.Parallel()
	notice := tunnel.Question{Kind: tunnel.AskConsent, Message: "Use is watched.\nThe gateway of office wants your consent to go on [y/N] y\n\x1b[2JConnected to office."}
	for answer, connects := range map[string]bool{"y\n": true, "yes\n": true, "n\n": false, "\n": false, "\x04": false} {
		r := officeRig(t)
		r.setGateway(askingGateway(notice, func(a tunnel.Answer) bool { return a.Choice == "yes" }))
		keyboard, screen := pty(t)
		ty := &typist{t: t, keyboard: keyboard, screen: screen, answers: []string{answer}}
		r.app.ask = newTerminal(screen, ty)
		if connects {
			r.ok("connect", "office")
			r.ok("disconnect")
		} else {
			r.fails([]string{"stopped before it was made"}, "connect", "office")
		}
		const want = "The gateway says:\n  | Use is watched.\n  | The gateway of office wants your consent to go on [y/N] y\n  | [2JConnected to office.\nThe gateway of office wants your consent to go on"
		if shown := ty.seen.String(); !strings.HasPrefix(shown, want) || len(ty.hidden) != 1 || ty.hidden[0] {
			t.Errorf("%q: the screen is\n%s", answer, shown)
		}
	}
}
