package viewmodel

import (
	"fmt"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// policy is an input of an ordinary user where a policy holds some settings.
func policy(settings ...string) Input {
	return with(ready(), func(in *Input) {
		in.UID = 1000
		in.Settings = control.Settings{Managed: settings, ManagedBy: "Harbour IT"}
		in.Profiles = []control.ProfileInfo{harbour, branch}
		in.Chosen = &profile.Profile{ID: harbour.ID}
	})
}

// allowed are what a menu lets a person do.
func allowed(menu []Button) (kinds []ActionKind) {
	for _, b := range menu {
		if !b.Disabled {
			kinds = append(kinds, b.Action.Kind)
		}
	}
	return kinds
}

// TestMenuSaysWhatIsHeld: what a person may not do with a profile is not offered, and the
// menu says who holds it.
func TestMenuSaysWhatIsHeld(t *testing.T) {
	t.Parallel()
	all := []ActionKind{ActionEdit, ActionAskRename, ActionDuplicate, ActionAskExport, ActionForget, ActionAskRemove}
	without := func(kinds ...ActionKind) []ActionKind {
		return slices.DeleteFunc(slices.Clone(all), func(k ActionKind) bool { return slices.Contains(kinds, k) })
	}
	laidDown := func(locked ...string) func(in *Input) {
		return func(in *Input) { in.Profiles[0].Managed, in.Profiles[0].Locked = true, locked }
	}
	for _, c := range []struct {
		name   string
		in     Input
		want   []ActionKind
		reason bool
	}{
		{"one's own", policy(), all, false},
		{"laid down", with(policy(), laidDown()), without(ActionAskRemove), true},
		{"laid down, its name locked", with(policy(), laidDown("name")), without(ActionAskRemove, ActionAskRename), true},
		{"no profiles of one's own", policy(control.ManagedOwnProfiles), without(ActionEdit, ActionAskRename, ActionDuplicate), true},
		{"none, and laid down", with(policy(control.ManagedOwnProfiles), laidDown()), without(ActionDuplicate, ActionAskRemove), true},
		{"none, but an administrator", with(policy(control.ManagedOwnProfiles), func(in *Input) { in.UID = 0 }), all, false},
	} {
		menu := Main(c.in, speak(t, "en")).Menu
		if got := allowed(menu); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
		if says := menu[0].Disabled && menu[0].Text == "Set by Harbour IT."; says != c.reason {
			t.Errorf("%s: it begins with %+v", c.name, menu[0])
		}
	}
}

// TestNoOwnProfiles: where only administrators add profiles, nothing offers to add one,
// and it is said who does.
func TestNoOwnProfiles(t *testing.T) {
	t.Parallel()
	say := speak(t, "en")
	in := policy(control.ManagedOwnProfiles)
	if open := Main(in, say).Sidebar.Open; !open.Disabled || open.Text != "Harbour IT adds the profiles." {
		t.Errorf("the list ends with %+v", open)
	}
	for i, held := range map[bool]bool{false: true, true: false} {
		in := policy(control.ManagedOwnProfiles)
		in.Profiles[0].Managed = i
		if sw := Main(in, say).Cards[1].Switch; sw.Enabled == held {
			t.Errorf("always-on of a profile, laid down %t: %+v", i, sw)
		}
	}
	in.Profiles, in.Chosen, in.Settings.ManagedBy = nil, nil, ""
	if e := Main(in, say).Empty; e == nil || len(e.Buttons) != 0 || e.Drop != "" || e.Title != "There is no profile yet" || e.Sentence != "Your administrator adds the profiles." {
		t.Errorf("the first page: %+v", e)
	}
	in.UID = 0
	if e := Main(in, say).Empty; e == nil || len(e.Buttons) == 0 {
		t.Errorf("an administrator's first page: %+v", e)
	}
}

// TestTraySaysWhatIsHeld: the kill switch of a policy is shown as held, with by whom.
func TestTraySaysWhatIsHeld(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{true, false} {
		in := policy()
		if held {
			in = policy(control.ManagedKillSwitch)
		}
		items := Tray(in, speak(t, "en")).Items
		at := slices.IndexFunc(items, func(i TrayItem) bool { return i.Action.Kind == ActionKillSwitch })
		if at < 0 || items[at].Disabled != held || (items[at+1].Text == "Set by Harbour IT." && items[at+1].Disabled) != held {
			t.Errorf("held %t: %+v", held, items)
		}
	}
}

// TestForgottenIsTold: that what was kept is forgotten is said until it is put away.
func TestForgottenIsTold(t *testing.T) {
	t.Parallel()
	in := with(ready(), func(in *Input) { in.Forgotten = "Harbour Office" })
	notices := Main(in, speak(t, "en")).Notices
	if len(notices) != 1 || notices[0].Kind != NoticeTold || len(notices[0].Buttons) != 1 || notices[0].Buttons[0].Action.Kind != ActionPutAway {
		t.Errorf("%+v", notices)
	}
}

// TestTermsAreShown: a text of the file's author is shown whole, as theirs, once.
func TestTermsAreShown(t *testing.T) {
	t.Parallel()
	found := make([]profile.Imported, 2)
	long := make([]byte, 2*MaxText)
	for i := range long {
		long[i] = 'x'
	}
	for i := range found {
		found[i].Profile.Origin.Organization, found[i].Consent = "Harbour", string(long)+"end"
	}
	v := ImportSheet(Offer{Found: found, Now: noon}, speak(t, "en"))
	if v.Terms == nil || v.Terms.Check.On || v.Terms.Quote.Speaker != "Harbour asks you to agree to this:" {
		t.Fatalf("%+v", v.Terms)
	}
	if lines := v.Terms.Quote.Lines; len(lines) != 3 || lines[2] != "end" {
		t.Errorf("%d lines", len(lines))
	}
	found[0].Consent, found[1].Consent = "", " \n"
	if v := ImportSheet(Offer{Found: found, Now: noon}, speak(t, "en")); v.Terms != nil {
		t.Errorf("%+v", v.Terms)
	}
}

// clause is an error that says itself what is and what to do.
type clause string

func (c clause) Error() string     { return string(c) }
func (c clause) ForPerson() string { return string(c) }

// TestClauses: an error that says what to do is shown with its own words, where those are
// in the person's language.
func TestClauses(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("taking it over: %w", clause("the key is not here; import it"))
	if v := ImportProblem("a", err, speak(t, "en")); v.Sentence != "The key is not here; import it." || v.Detail != "" {
		t.Errorf("%+v", v)
	}
	if v := ImportProblem("a", err, speak(t, "de")); v.Sentence == "" || v.Detail != "The key is not here; import it." {
		t.Errorf("%+v", v)
	}
}
