package viewmodel

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
)

func TestNotify(t *testing.T) {
	t.Parallel()
	lost := &control.Error{Cause: "line-lost"}
	idle, up := ready(), connected()
	again := of(control.StateConnecting, func(in *Input) { in.Status.Error = lost })
	failed := of(control.StateDisconnected, func(in *Input) { in.Status.Error = lost })
	blocked := of(control.StateBlocked, func(in *Input) {
		in.Status.KillSwitch, in.Status.Error = control.KillSwitch{Mode: "on", Engaged: true}, lost
	})
	unsure := with(blocked, func(in *Input) { in.Status.KillSwitch.Engaged = false })
	asked := of(control.StateNeedsInput, func(in *Input) {
		in.Status.Prompts, in.Asking = []control.Prompt{{Kind: control.PromptPassword}}, &credential.Prompt{}
	})
	known := with(asked, func(in *Input) { in.Asking = nil })
	ends := func(in time.Duration, again bool) Input {
		return with(up, func(i *Input) {
			i.Status.SignInAgainBy = pointer(noon.Add(in))
			if again {
				i.Status.Prompts = []control.Prompt{{Kind: control.PromptPassword, Again: true}}
			}
		})
	}
	for _, c := range []struct {
		name          string
		before, after Input
		want          []NotificationKind
	}{
		{"nothing", up, up, nil},
		{"connects", of(control.StateConnecting, nil), up, nil},
		{"disconnects", up, idle, nil},
		{"is disconnecting", up, of(control.StateDisconnecting, nil), nil},
		{"lost", up, again, []NotificationKind{NotifyLost}},
		{"lost for good", up, failed, []NotificationKind{NotifyLost}},
		{"lost, no network", up, of(control.StateConnecting, func(in *Input) { in.Status.Step = "waiting" }), []NotificationKind{NotifyLost}},
		{"told once", again, again, nil},
		{"fails at once", of(control.StateConnecting, nil), failed, nil},
		{"waits with its line", up, with(up, func(in *Input) { in.Status.Path = &control.Path{Waiting: true} }), nil},
		{"back", again, up, []NotificationKind{NotifyBack}},
		{"back with a sign-in", with(again, func(in *Input) {
			in.Status.State, in.Status.Prompts = control.StateNeedsInput, []control.Prompt{{Kind: control.PromptPassword}}
		}), up, []NotificationKind{NotifyBack}},
		{"blocked", up, blocked, []NotificationKind{NotifyBlocked}},
		{"not sure", up, unsure, []NotificationKind{NotifyBlocked}},
		{"still blocked", blocked, unsure, nil},
		{"another's block", up, with(blocked, other), []NotificationKind{NotifyBlocked}},
		{"another's line", up, with(up, other), nil},
		{"another's loss", with(up, other), with(again, other), nil},
		{"asked", of(control.StateConnecting, nil), asked, []NotificationKind{NotifyNeedsYou}},
		{"answered by itself", of(control.StateConnecting, nil), known, nil},
		{"ends in 15 minutes", ends(16*time.Minute, false), ends(14*time.Minute, false), nil},
		{"ends in 5 minutes, asks", ends(6*time.Minute, false), ends(5*time.Minute, true), []NotificationKind{NotifyExpiring}},
		{"ends, and nothing renews", ends(4*time.Minute, false), ends(2*time.Minute, false), []NotificationKind{NotifyExpiring}},
		{"told before", ends(5*time.Minute, true), ends(2*time.Minute, true), nil},
		{"service away", up, with(again, func(in *Input) { in.Link = LinkLost }), nil},
	} {
		var got []NotificationKind
		for _, n := range Notify(c.before, c.after, speak(t, "en")) {
			got = append(got, n.Kind)
			if n.Title == "" || n.Text == "" {
				t.Errorf("%s: %+v", c.name, n)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTrayMenu(t *testing.T) {
	t.Parallel()
	menu := func(in Input) (lines []string) {
		for _, i := range Tray(in, speak(t, "en")).Items {
			line := i.Text
			if i.Separator {
				line = "---"
			}
			if i.Checked {
				line += " x"
			}
			if i.Action.Kind != "" {
				line += fmt.Sprintf(" [%s %s%s]", i.Action.Kind, i.Action.Profile[:min(2, len(i.Action.Profile))], i.Action.Value)
			}
			lines = append(lines, line)
		}
		return lines
	}
	for _, c := range []struct {
		name string
		in   Input
		want []string
	}{
		{"idle", ready(), []string{"Not connected", "---", "Connect Harbour Office [connect 01]", "Connect Branch, Hamburg [connect 11]", "---",
			"Kill switch [kill-switch on]", "---", "Open Homeward [show-window ]", "Quit [quit ]"}},
		{"connected", connected(), []string{"Connected to Harbour Office", "---", "Disconnect Harbour Office [disconnect 01]", "Connect Branch, Hamburg [connect 11]", "---",
			"Kill switch x [kill-switch off]", "---", "Open Homeward [show-window ]", "Quit, and stay connected [quit ]"}},
		{"portal", with(ready(), func(in *Input) { in.Status.Portal = &control.Portal{State: "captive"}; in.Profiles = nil }), []string{"Not connected", "---",
			"Open the sign-in page [portal-sign-in ]", "---", "Kill switch [kill-switch on]", "---", "Open Homeward [show-window ]", "Quit [quit ]"}},
		{"no service", Input{Now: noon, Link: LinkAbsent}, []string{"The Homeward service is not running", "---", "Open Homeward [show-window ]", "Quit [quit ]"}},
	} {
		if got := menu(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}
