package viewmodel

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// of makes an input with a status about the first profile.
func of(state control.State, change func(in *Input)) Input {
	in := ready()
	in.Status.State, in.Status.Profile, in.Status.ProfileID = state, harbour.Name, harbour.ID
	if change != nil {
		change(&in)
	}
	return in
}

// TestEveryState: what the window and the panel say in each state, and what their
// switch does.
func TestEveryState(t *testing.T) {
	t.Parallel()
	blocked := func(mode string, engaged bool) func(in *Input) {
		return func(in *Input) {
			in.Status.KillSwitch = control.KillSwitch{Mode: mode, Engaged: engaged, Verified: pointer(clock(10, 32))}
			in.Status.Error = &control.Error{Cause: string(diagnose.CauseLineLost), Message: "lost"}
		}
	}
	for _, c := range []struct {
		name            string
		in              Input
		title, sentence string
		mark            Mark
		on, able, works bool
		tray            string
		notices         []NoticeKind
	}{
		{name: "just started", in: Input{Now: noon}, title: "One moment", sentence: "Homeward is asking its service.", mark: MarkConnecting, tray: "One moment"},
		{name: "service away", in: with(connected(), func(in *Input) { in.Link = LinkLost }), title: "Reconnecting", sentence: "Reconnecting to the service.", mark: MarkConnecting, tray: "Reconnecting to the service"},
		{name: "no service", in: Input{Now: noon, Link: LinkAbsent, LinkDetail: "/run/x"}, title: "Not ready", sentence: "The Homeward service is not running.", mark: MarkNeedsYou, tray: "The Homeward service is not running", notices: []NoticeKind{NoticeService}},
		{name: "foreign socket", in: Input{Now: noon, Link: LinkForeign}, title: "Not ready", sentence: "Something else answers in place of the Homeward service.", mark: MarkNeedsYou, tray: "Something else answers in place of the Homeward service", notices: []NoticeKind{NoticeService}},
		{name: "another version", in: Input{Now: noon, Link: LinkVersion}, title: "Not ready", sentence: "The Homeward service and this window have different versions.", mark: MarkNeedsYou, tray: "The Homeward service has a different version", notices: []NoticeKind{NoticeService}},

		{name: "not connected", in: ready(), title: "Not connected", sentence: "Turn the switch on to connect to gate.harbour.example.", mark: MarkDisconnected, able: true, tray: "Not connected"},
		{name: "failed", in: of(control.StateDisconnected, func(in *Input) { in.Status.Error = &control.Error{Cause: "wrong-password"} }), title: "Not connected", sentence: "Turn the switch on to connect to gate.harbour.example.", mark: MarkDisconnected, able: true, tray: "Not connected", notices: []NoticeKind{NoticeFailure}},
		{name: "wished", in: with(ready(), func(in *Input) { in.Wish = Action{Kind: ActionConnect, Profile: harbour.ID} }), title: "Connecting", sentence: "to gate.harbour.example", mark: MarkConnecting, on: true, able: true, works: true, tray: "Connecting to Harbour Office"},
		{name: "connecting", in: of(control.StateConnecting, nil), title: "Connecting", sentence: "to gate.harbour.example", mark: MarkConnecting, on: true, able: true, works: true, tray: "Connecting to Harbour Office"},
		{name: "again", in: of(control.StateConnecting, func(in *Input) { in.Status.Error = &control.Error{Cause: "line-lost"} }), title: "Reconnecting", sentence: "to gate.harbour.example, until it answers or you turn the switch off", mark: MarkConnecting, on: true, able: true, works: true, tray: "Reconnecting to Harbour Office", notices: []NoticeKind{NoticeFailure}},
		{name: "no network", in: of(control.StateConnecting, func(in *Input) { in.Status.Step = "waiting" }), title: "Waiting", sentence: "There is no network. Homeward connects as soon as there is one.", mark: MarkConnecting, on: true, able: true, works: true, tray: "Waiting for a network, for Harbour Office"},
		{name: "known password", in: of(control.StateNeedsInput, func(in *Input) { in.Status.Prompts = []control.Prompt{{Kind: control.PromptPassword}} }), title: "Connecting", sentence: "to gate.harbour.example", mark: MarkConnecting, on: true, able: true, works: true, tray: "Connecting to Harbour Office"},
		{name: "password", in: of(control.StateNeedsInput, func(in *Input) {
			in.Status.Prompts, in.Asking = []control.Prompt{{Kind: control.PromptPassword}}, &credential.Prompt{}
		}), title: "Your turn", sentence: "The gateway asks for your password.", mark: MarkNeedsYou, on: true, able: true, works: true, tray: "Harbour Office needs your answer", notices: []NoticeKind{NoticeQuestion}},
		{name: "code", in: of(control.StateNeedsInput, func(in *Input) { in.Status.Prompts = []control.Prompt{{Kind: control.PromptCode}} }), title: "Your turn", sentence: "The gateway asks for a one-time code.", mark: MarkNeedsYou, on: true, able: true, works: true, tray: "Harbour Office needs your answer", notices: []NoticeKind{NoticeQuestion}},
		{name: "connected", in: connected(), title: "Connected", sentence: "since 09:14, to gate.harbour.example", mark: MarkConnected, on: true, able: true, tray: "Connected to Harbour Office"},
		{name: "as designed", in: with(connected(), func(in *Input) { in.Status.Network = &control.Network{Kind: "wifi", Name: "Café Alpenblick"} }), title: "Connected", sentence: "since 09:14 over Wi-Fi “Café Alpenblick”, to gate.harbour.example", mark: MarkConnected, on: true, able: true, tray: "Connected to Harbour Office"},
		{name: "yesterday", in: with(connected(), func(in *Input) { in.Status.Since = clock(9, 14).AddDate(0, 0, -1) }), title: "Connected", sentence: "since yesterday, 09:14, to gate.harbour.example", mark: MarkConnected, on: true, able: true, tray: "Connected to Harbour Office"},
		{name: "line waits", in: with(connected(), func(in *Input) { in.Status.Path = &control.Path{Waiting: true} }), title: "Waiting", sentence: "There is no network. Your connection goes on as soon as there is one.", mark: MarkConnecting, on: true, able: true, tray: "Waiting for a network, for Harbour Office"},
		{name: "disconnecting", in: of(control.StateDisconnecting, nil), title: "Disconnecting", sentence: "from gate.harbour.example", mark: MarkConnecting, works: true, tray: "Disconnecting from Harbour Office"},
		{name: "wished away", in: with(connected(), func(in *Input) { in.Wish = Action{Kind: ActionDisconnect} }), title: "Disconnecting", sentence: "from gate.harbour.example", mark: MarkConnecting, works: true, tray: "Disconnecting from Harbour Office"},
		{name: "blocked", in: of(control.StateBlocked, blocked("on", true)), title: "Blocked", sentence: "Nothing leaves this computer until you connect or open the network. Verified at 10:32.", mark: MarkBlocked, able: true, tray: "Blocked: nothing leaves this computer", notices: []NoticeKind{NoticeFailure, NoticeBlocked}},
		{name: "lockdown", in: of(control.StateBlocked, blocked("lockdown", true)), title: "Blocked", sentence: "Nothing leaves this computer until you connect. Verified at 10:32.", mark: MarkBlocked, able: true, tray: "Blocked: nothing leaves this computer", notices: []NoticeKind{NoticeFailure, NoticeBlocked}},
		{name: "unsure", in: of(control.StateBlocked, blocked("on", false)), title: "Not protected", sentence: "There is no connection, and it is not certain that nothing leaves this computer.", mark: MarkNeedsYou, able: true, tray: "Not protected", notices: []NoticeKind{NoticeFailure, NoticeBlocked}},

		{name: "another user's line", in: of(control.StateConnected, other), title: "In use", sentence: "Another user of this computer is connected.", mark: MarkConnected, tray: "Another user of this computer is connected"},
		{name: "another user's block", in: of(control.StateBlocked, func(in *Input) { blocked("on", true)(in); other(in) }), title: "Blocked", sentence: "Nothing leaves this computer until another user of it, or an administrator, disconnects. Verified at 10:32.", mark: MarkBlocked, tray: "Blocked: nothing leaves this computer", notices: []NoticeKind{NoticeFailure}},
		{name: "by another profile", in: with(connected(), func(in *Input) { in.Selected = branch.ID }), title: "Not connected", sentence: "You are connected with Harbour Office. Turning this switch on ends that connection.", mark: MarkDisconnected, able: true, tray: "Connected to Harbour Office"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			say := speak(t, "en")
			v := Main(c.in, say)
			if v.Head.Title != c.title || v.Head.Sentence != c.sentence || v.Head.Mark != c.mark {
				t.Errorf("head: %+v", v.Head)
			}
			if sw := v.Head.Switch; sw.On != c.on || sw.Enabled != c.able || sw.Working != c.works {
				t.Errorf("switch: %+v", sw)
			}
			var kinds []NoticeKind
			for _, n := range v.Notices {
				kinds = append(kinds, n.Kind)
			}
			if !slices.Equal(kinds, c.notices) {
				t.Errorf("notices: %+v", v.Notices)
			}
			if tray := Tray(c.in, say); tray.Tooltip != c.tray || tray.Items[0].Text != c.tray || !tray.Items[0].Disabled {
				t.Errorf("tray: %+v", tray)
			}
		})
	}
}

// with changes an input.
func with(in Input, change func(in *Input)) Input {
	change(&in)
	return in
}

// other makes a status one of another user's.
func other(in *Input) {
	in.Status.Redacted, in.Status.Profile, in.Status.ProfileID = true, "", ""
}

func TestStepsFillIn(t *testing.T) {
	t.Parallel()
	for step, want := range map[string][4]StepState{
		"":            {StepCurrent, StepPending, StepPending, StepPending},
		"resolving":   {StepCurrent, StepPending, StepPending, StepPending},
		"reaching":    {StepCurrent, StepPending, StepPending, StepPending},
		"checking":    {StepDone, StepCurrent, StepPending, StepPending},
		"signing-in":  {StepDone, StepDone, StepCurrent, StepPending},
		"setting-up":  {StepDone, StepDone, StepDone, StepCurrent},
		"later words": {StepCurrent, StepPending, StepPending, StepPending},
	} {
		v := Main(of(control.StateConnecting, func(in *Input) { in.Status.Step = step }), speak(t, "en"))
		if len(v.Steps) != 4 {
			t.Fatalf("%q: %+v", step, v.Steps)
		}
		for i, text := range []string{"Reaching the gateway", "Checking who it is", "Signing you in", "Setting up the line"} {
			if v.Steps[i].State != want[i] || v.Steps[i].Text != text {
				t.Errorf("%q: step %d is %+v, want %s", step, i, v.Steps[i], want[i])
			}
		}
	}
	if v := Main(connected(), speak(t, "en")); v.Steps != nil {
		t.Errorf("connected: %+v", v.Steps)
	}
}

// TestNoticesAndTheirButtons: what each says, and what a press means.
func TestNoticesAndTheirButtons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		in     Input
		kind   NoticeKind
		text   string
		detail string
		button Action
	}{
		{"wrong password", of(control.StateDisconnected, func(in *Input) {
			in.Status.Error = &control.Error{Cause: "wrong-password", Message: "no", Detail: "691", Seen: "Bad luck"}
		}), NoticeFailure, "The gateway did not accept your user name and password. Check them and try again; several wrong tries may lock your account. The server says: “Bad luck”", "691", Action{Kind: ActionConnect, Profile: harbour.ID}},
		{"newer service", of(control.StateDisconnected, func(in *Input) {
			in.Status.Error = &control.Error{Cause: "moon-phase", Message: "The moon is full; wait."}
		}), NoticeFailure, "The moon is full; wait.", "", Action{Kind: ActionConnect, Profile: harbour.ID}},
		{"disk full", of(control.StateDisconnected, func(in *Input) {
			in.Status.Error = &control.Error{Cause: "tun-failed", Message: "The disk is full, so it could not be made; free some space."}
		}), NoticeFailure, "The disk is full, so it could not be made; free some space.", "", Action{Kind: ActionConnect, Profile: harbour.ID}},
		{"expiring", with(connected(), func(in *Input) { in.Status.SignInAgainBy = pointer(noon.Add(12 * time.Minute)) }), NoticeExpiring, "Your session ends in 12 min. Sign in again now, or when Homeward asks you to.", "", Action{Kind: ActionRenew, Profile: harbour.ID}},
		{"captive", with(ready(), func(in *Input) { in.Status.Portal = &control.Portal{State: "captive"} }), NoticePortal, "This network wants you to sign in before it lets you out.", "", Action{Kind: ActionPortalSignIn}},
		{"alarm", with(connected(), func(in *Input) { in.Status.KillSwitch.Alarm = "A rule is gone." }), NoticeAlarm, "It is not certain that nothing leaves this computer outside the tunnel. Disconnect from the network if that matters.", "A rule is gone.", Action{}},
		{"blocked", of(control.StateBlocked, func(in *Input) { in.Status.KillSwitch = control.KillSwitch{Mode: "on", Engaged: true} }), NoticeBlocked, "Connect again, or open the network and go on without the connection.", "", Action{Kind: ActionDisconnect}},
		{"lockdown", of(control.StateBlocked, func(in *Input) { in.Status.KillSwitch = control.KillSwitch{Mode: "lockdown", Engaged: true} }), NoticeBlocked, "Lockdown is on. Only an administrator can open the network without a connection.", "", Action{}},
		{"automatic", with(ready(), func(in *Input) {
			in.Status.Automatic = &control.Automatic{Profile: "Harbour Office", Waiting: "You have disconnected.", Reason: "Rule 1."}
		}), NoticeAutomatic, "Harbour Office would connect by itself, but cannot now.", "You have disconnected. Rule 1.", Action{}},
		{"told", with(ready(), func(in *Input) { in.Told = []string{"The kept password is wrong."} }), NoticeTold, "The kept password is wrong.", "", Action{Kind: ActionPutAway, Value: "told"}},
		{"no tray", with(ready(), func(in *Input) { in.NoTray = true }), NoticeNoTray, "This desktop shows no icons in its panel, so Homeward stays in this window.", "", Action{Kind: ActionPutAway, Value: "no-tray"}},
		{"trouble", with(ready(), func(in *Input) {
			in.Trouble = control.Refuse(control.CodeConflict, "another profile has that name; choose another")
		}), NoticeTrouble, "Another profile has that name; choose another.", "", Action{Kind: ActionPutAway, Value: "trouble"}},
	} {
		v := Main(c.in, speak(t, "en"))
		i := slices.IndexFunc(v.Notices, func(n Notice) bool { return n.Kind == c.kind })
		if i < 0 {
			t.Errorf("%s: there is no such notice: %+v", c.name, v.Notices)
			continue
		}
		n := v.Notices[i]
		if n.Text != c.text || n.Detail != c.detail {
			t.Errorf("%s: %+v", c.name, n)
		}
		if (c.button == Action{}) != (len(n.Buttons) == 0) || len(n.Buttons) > 0 && n.Buttons[0].Action != c.button {
			t.Errorf("%s: buttons %+v", c.name, n.Buttons)
		}
	}
	after := with(connected(), func(in *Input) { in.Status.Portal = &control.Portal{State: "captive"} })
	if v := Main(after, speak(t, "en")); len(v.Notices) > 0 {
		t.Errorf("connected, the network's sign-in page is nobody's business: %+v", v.Notices)
	}
}

// TestFailuresInOtherLanguages: the details then hold the service's own sentence.
func TestFailuresInOtherLanguages(t *testing.T) {
	t.Parallel()
	for _, cause := range diagnose.Causes() {
		f := diagnose.Failure{Cause: cause, Seen: "Somebody", Expected: "somebody else"}
		in := of(control.StateDisconnected, func(in *Input) {
			in.Status.Error = &control.Error{Cause: string(cause), Message: f.Sentence(), Seen: f.Seen, Expected: f.Expected, Detail: "technical"}
		})
		if causeTexts[cause] == nil {
			t.Errorf("%s has no texts", cause)
		}
		for _, language := range []string{"de", "fr", "es", "ja"} {
			n := Main(in, speak(t, language)).Notices[0]
			if n.Text == f.Sentence() || n.Detail != Clean(f.Sentence()+" technical", MaxText) {
				t.Errorf("%s, %s: %+v", language, cause, n)
			}
		}
		if n := Main(in, speak(t, "en")).Notices[0]; n.Detail != "technical" {
			t.Errorf("en, %s: %+v", cause, n)
		}
	}
	for cause := range causeTexts {
		if !slices.Contains(diagnose.Causes(), cause) {
			t.Errorf("%s is no cause", cause)
		}
	}
}

func TestCards(t *testing.T) {
	t.Parallel()
	say := speak(t, "en")
	for _, c := range []struct {
		name            string
		in              Input
		title, sentence string
		on, able        bool
		tone            Tone
	}{
		{"off", ready(), "Kill switch: off", "When the connection is lost, this computer uses the network without it.", false, true, ToneInfo},
		{"on, not verified", with(ready(), func(in *Input) { in.Status.KillSwitch.Mode = "on" }), "Kill switch: on", "From Connect to Disconnect, nothing leaves this computer outside the tunnel.", true, true, ToneInfo},
		{"verified before", with(connected(), func(in *Input) { in.Status.KillSwitch.Verified = pointer(clock(10, 32).AddDate(0, 0, -1)) }), "Kill switch: on", "Nothing leaves this computer outside the tunnel. Verified yesterday, 10:32.", true, true, ToneGood},
		{"alarm", with(connected(), func(in *Input) { in.Status.KillSwitch.Alarm = "x" }), "Kill switch: on", "It is not certain that nothing leaves this computer outside the tunnel.", true, true, ToneBad},
		{"lockdown", with(ready(), func(in *Input) { in.Status.KillSwitch.Mode = "lockdown" }), "Kill switch: lockdown", "Nothing ever leaves this computer outside the tunnel.", true, false, ToneInfo},
		{"lockdown, administrator", with(ready(), func(in *Input) { in.UID, in.Status.KillSwitch.Mode = 0, "lockdown" }), "Kill switch: lockdown", "Nothing ever leaves this computer outside the tunnel.", true, true, ToneInfo},
		{"managed", with(ready(), func(in *Input) {
			in.Settings = control.Settings{Managed: []string{control.ManagedKillSwitch}, ManagedBy: "Harbour IT"}
		}), "Kill switch: off", "When the connection is lost, this computer uses the network without it. Set by Harbour IT.", false, false, ToneInfo},
		{"wished", with(ready(), func(in *Input) { in.Wish = Action{Kind: ActionKillSwitch, Value: "on"} }), "Kill switch: on", "From Connect to Disconnect, nothing leaves this computer outside the tunnel.", true, false, ToneInfo},
	} {
		k := Main(c.in, say).Cards[0]
		if k.Title != c.title || k.Sentence != c.sentence || k.Switch.On != c.on || k.Switch.Enabled != c.able || k.Tone != c.tone {
			t.Errorf("%s: %+v", c.name, k)
		}
	}
	for when, want := range map[profile.When]string{
		profile.WhenNever: "Always connected: off", profile.WhenRules: "Always connected: on", profile.WhenLogin: "Always connected: on", profile.WhenBoot: "Always connected: on", profile.WhenAlways: "Always connected: on",
	} {
		in := with(ready(), func(in *Input) {
			in.Chosen = &profile.Profile{ID: harbour.ID, OnDemand: profile.OnDemand{When: when}}
		})
		if a := Main(in, say).Cards[1]; a.Title != want || !a.Switch.Enabled {
			t.Errorf("%q: %+v", when, a)
		}
		in.Profiles = slices.Clone(in.Profiles)
		in.Profiles[0].Locked = []string{"on_demand.when"}
		if a := Main(in, say).Cards[1]; a.Switch.Enabled {
			t.Errorf("%q, locked: %+v", when, a)
		}
	}
}

// TestManyRoutes: 10,000 routes and 500 profiles are told in a few words.
func TestManyRoutes(t *testing.T) {
	t.Parallel()
	in := connected()
	in.Status.Routes = nil
	changes["much"](&in)
	v := Main(in, speak(t, "en"))
	if v.Facts[0].Value != "10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 9,997 more" {
		t.Errorf("%+v", v.Facts[0])
	}
	i := slices.IndexFunc(v.Technical.Sections[1].Facts, func(f Fact) bool { return f.Name == "Routes" })
	if got := v.Technical.Sections[1].Facts[i].Value; got[len(got)-len("and 9,990 more"):] != "and 9,990 more" {
		t.Errorf("%q", got)
	}
	if len(v.Sidebar.Rows) != 502 || v.Sidebar.Rows[501].Name != "Profile 499" {
		t.Errorf("%d rows", len(v.Sidebar.Rows))
	}
	if tray := Tray(in, speak(t, "en")); len(tray.Items) > mostTrayProfiles+10 {
		t.Errorf("the tray has %d items", len(tray.Items))
	}
}

func TestTechnicalDetails(t *testing.T) {
	t.Parallel()
	in := connected()
	changes["moved"](&in)
	in.Status.ESP.Drops = map[string]uint64{"replay": 12345, "policy": 0}
	in.Status.ESP.SAs = []control.ESPSA{{InboundSPI: 0xc0ffee, OutboundSPI: 1, Remote: []string{"0.0.0.0/0"}, Suite: "AES-GCM-256", RekeyAt: clock(12, 50)}}
	v := Main(in, speak(t, "en")).Technical
	got := map[string]string{}
	for _, s := range v.Sections {
		for _, f := range s.Facts {
			got[s.Title+": "+f.Name] = f.Value
		}
	}
	for name, want := range map[string]string{
		"Gateway: Address": "203.0.113.7:4500", "Gateway: Change of network": "The connection goes along", "Network: Name servers": "10.98.0.1",
		"Key exchange (IKE): Post-quantum": "Yes, the keys are safe from quantum computers too", "Key exchange (IKE): Next keys": "in 2 h 41 min",
		"Traffic (ESP): Dropped": "replay: 12,345", "Traffic (ESP): SA 1": "SPI 00c0ffee / 00000001, AES-GCM-256, to 0.0.0.0/0, new keys in 50 min",
		"Traffic (ESP): Received": "48.2 MB in 0 packets",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	var events []string
	for _, e := range v.Timeline.Events {
		events = append(events, fmt.Sprint(e.Time, " ", e.Text))
	}
	want := []string{"09:40 The gateway is reached at 198.51.100.9", "09:30 From network address 192.0.2.1 to 198.51.100.9", "09:14 Connected to gate.harbour.example"}
	if !slices.Equal(events, want) {
		t.Errorf("timeline: %q", events)
	}
}
