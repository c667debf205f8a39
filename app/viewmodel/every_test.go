package viewmodel

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/assets"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// textsOf are the texts of a view, wherever in it they stand; at is the field. What is
// no text is left out: an ID is the service's own, and goes back to it as it came.
func textsOf(v reflect.Value, at string, each func(at, text string)) {
	switch v.Kind() {
	case reflect.String:
		each(at, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			textsOf(v.Elem(), at, each)
		}
	case reflect.Slice:
		for i := range v.Len() {
			textsOf(v.Index(i), at, each)
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			textsOf(v.Field(f.index), f.name, each)
		}
	}
}

// field is one of a struct that may hold a text.
type field struct {
	index int
	name  string // with the struct's
}

var fieldsKnown sync.Map // of reflect.Type to []field

func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldsKnown.Load(t); ok {
		return known.([]field)
	}
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported(), f.Name == "ID", f.Type == reflect.TypeFor[Action](), f.Type == reflect.TypeFor[time.Time]():
		case t == reflect.TypeFor[FormField]() && f.Name == "Value": // it was typed, and goes back as it is
		default:
			list = append(list, field{i, t.Name() + "." + f.Name})
		}
	}
	fieldsKnown.Store(t, list)
	return list
}

// fit holds every text of a view against the rules of the house: one line, nothing
// that cannot be seen, bounded. That no placeholder is left is for speak.
func fit(t testing.TB, name string, view any) {
	t.Helper()
	textsOf(reflect.ValueOf(view), "", func(at, text string) {
		if len(text) > MaxText && utf8.RuneCountInString(text) > MaxText {
			t.Errorf("%s: %s has %d characters", name, at, utf8.RuneCountInString(text))
		}
		for _, r := range text {
			if unicode.IsControl(r) || r > 0x7f && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) || r == utf8.RuneError {
				t.Errorf("%s: %s has %U: %.100q", name, at, r, text)
				break
			}
		}
	})
}

// complete holds what must always be there.
func complete(t testing.TB, name string, v MainView) {
	t.Helper()
	if v.Title == "" || v.Sidebar.Title == "" || v.Sidebar.Open.Text == "" {
		t.Errorf("%s: the window has no title: %+v", name, v.Sidebar)
	}
	if v.Empty == nil && (v.Head.Title == "" || v.Head.Sentence == "" || v.Head.Mark == "" || v.Head.Over == "" || v.Head.Switch.Label == "") {
		t.Errorf("%s: the head is not whole: %+v", name, v.Head)
	}
	for _, n := range v.Notices {
		if n.Text == "" || n.Kind == "" || n.Tone == "" || (n.Detail == "") != (n.Show == "") {
			t.Errorf("%s: a notice is not whole: %+v", name, n)
		}
		for _, b := range n.Buttons {
			if b.Text == "" || b.Action.Kind == "" {
				t.Errorf("%s: a button does nothing: %+v", name, n)
			}
		}
	}
	for _, c := range v.Cards {
		if c.Title == "" || c.Sentence == "" || c.Switch.Label == "" || c.Switch.TurnOn.Kind == "" || c.Switch.TurnOff.Kind == "" {
			t.Errorf("%s: a card is not whole: %+v", name, c)
		}
	}
	for _, f := range v.Facts {
		if f.Name == "" || f.Value == "" {
			t.Errorf("%s: a fact is not whole: %+v", name, f)
		}
	}
}

var (
	allLinks  = []Link{LinkStarting, LinkReady, LinkLost, LinkAbsent, LinkForeign, LinkVersion, "nonsense"}
	allStates = []control.State{
		control.StateDisconnected, control.StateConnecting, control.StateNeedsInput, control.StateConnected,
		control.StateDisconnecting, control.StateBlocked, "", "nonsense",
	}
	allModes   = []string{control.KillSwitchOff, control.KillSwitchOn, control.KillSwitchLockdown, "", "nonsense"}
	allPrompts = []control.PromptKind{
		control.PromptPassword, control.PromptNewPassword, control.PromptFurther, control.PromptCode, control.PromptPSK,
		control.PromptSignature, control.PromptCertificate, control.PromptChoice, control.PromptConsent, "nonsense",
	}
	allWishes = []Action{
		{}, {Kind: ActionConnect, Profile: harbour.ID}, {Kind: ActionConnect, Profile: branch.ID}, {Kind: ActionDisconnect},
		{Kind: ActionKillSwitch, Value: control.KillSwitchLockdown}, {Kind: ActionAlways, Profile: harbour.ID, Value: "nonsense"},
	}
)

// inputs calls each with inputs in which everything is everything that it can be,
// though not all of it at once.
func inputs(each func(name string, in Input)) {
	base := map[string]Input{"two profiles": ready(), "a line": connected()}
	none := ready()
	none.Profiles = nil
	base["no profile"] = none
	for name, in := range base {
		for _, link := range allLinks {
			for _, state := range allStates {
				for _, mode := range allModes {
					for i := range allWishes {
						if link != LinkReady && (mode != control.KillSwitchOn || i > 0) {
							continue // without the service its status says nothing
						}
						in := in
						in.Link, in.Status.State, in.Status.KillSwitch.Mode, in.Wish = link, state, mode, allWishes[i]
						in.Status.KillSwitch.Engaged = i%2 == 0
						in.Status.Redacted = i == 3
						each(fmt.Sprintf("%s, link %q, %q, kill switch %q, wish %d", name, link, state, mode, i), in)
					}
				}
			}
		}
	}
	for name, change := range changes {
		for _, state := range allStates {
			in := connected()
			in.Status.State = state
			change(&in)
			each(fmt.Sprintf("%s, %q", name, state), in)
		}
	}
	for _, cause := range append(diagnose.Causes(), "nonsense") {
		for i, e := range failures(cause) {
			in := ready()
			in.Status.Error = &e
			each(fmt.Sprintf("failure %s %d", cause, i), in)
		}
	}
}

// failures are a failure with nothing and with everything known of it.
func failures(cause diagnose.Cause) []control.Error {
	f := diagnose.Failure{Cause: cause}
	full := diagnose.Failure{Cause: cause, Seen: "Somebody", Expected: "somebody else", When: clock(8, 0), Tries: 2}
	list := []control.Error{
		{Cause: string(cause), Message: f.Sentence()},
		{Cause: string(cause), Message: full.Sentence(), Seen: full.Seen, Expected: full.Expected, When: full.When, Tries: full.Tries, Detail: "technical"},
	}
	for _, thing := range []string{"code", "shared key", "private key", "password"} {
		list = append(list, control.Error{Cause: string(cause), Expected: thing, Tries: 1})
	}
	return append(list, control.Error{Cause: string(cause), Seen: "Somebody"}, control.Error{Cause: string(cause), When: clock(8, 0)})
}

// changes are what else an input can be.
var changes = map[string]func(in *Input){
	"a step": func(in *Input) { in.Status.Step = stepSigningIn },
	"waiting for a network": func(in *Input) {
		in.Status.Step = stepWaiting
		in.Status.Error = &control.Error{Cause: "no-network", Message: "There is no network."}
	},
	"the line waits": func(in *Input) { in.Status.Path = &control.Path{Waiting: true} },
	"tried again":    func(in *Input) { in.Status.Error = &control.Error{Cause: "line-lost"} },
	"another's": func(in *Input) {
		in.Status.Redacted = true
		in.Status.Profile, in.Status.ProfileID = "", ""
		in.Status.Error = &control.Error{Cause: "line-lost"}
	},
	"by another profile": func(in *Input) { in.Selected = branch.ID },
	"alarm":              func(in *Input) { in.Status.KillSwitch.Alarm = "The policy is gone." },
	"verified long ago":  func(in *Input) { in.Status.KillSwitch.Verified = pointer(noon.AddDate(0, 0, -9)) },
	"never verified":     func(in *Input) { in.Status.KillSwitch.Verified = nil },
	"expiring":           func(in *Input) { in.Status.SignInAgainBy = pointer(noon.Add(12 * time.Minute)) },
	"expires later":      func(in *Input) { in.Status.SignInAgainBy = pointer(noon.Add(30 * time.Hour)) },
	"asked again": func(in *Input) {
		in.Status.SignInAgainBy = pointer(noon.Add(12 * time.Minute))
		in.Status.Prompts = []control.Prompt{{Kind: control.PromptPassword, Again: true}}
	},
	"captive portal": func(in *Input) { in.Status.Portal = &control.Portal{State: control.PortalCaptive} },
	"by itself": func(in *Input) {
		in.Status.Automatic = &control.Automatic{Profile: harbour.Name, Waiting: "You have disconnected.", Reason: "Rule 1."}
	},
	"warnings": func(in *Input) {
		in.Status.Warnings = []string{"One.", "", "Two."}
		in.Told = []string{"Told."}
	},
	"no tray": func(in *Input) { in.NoTray = true },
	"asking":  func(in *Input) { in.Asking = &credential.Prompt{} },
	"trouble": func(in *Input) { in.Trouble = errors.New("technical") },
	"Wi-Fi": func(in *Input) {
		in.Status.Network = &control.Network{Kind: control.NetworkWiFi, Name: "Café Alpenblick"}
	},
	"hidden":    func(in *Input) { in.Status.Network = &control.Network{Kind: control.NetworkWiFi} },
	"cable":     func(in *Input) { in.Status.Network = &control.Network{Kind: control.NetworkEthernet, Name: "eth0"} },
	"mobile":    func(in *Input) { in.Status.Network = &control.Network{Kind: control.NetworkCellular} },
	"otherwise": func(in *Input) { in.Status.Network = &control.Network{Kind: control.NetworkOther} },
	"always": func(in *Input) {
		in.Chosen = &profile.Profile{ID: harbour.ID, OnDemand: profile.OnDemand{When: profile.WhenAlways}}
	},
	"boot": func(in *Input) {
		in.Chosen = &profile.Profile{ID: harbour.ID, OnDemand: profile.OnDemand{When: profile.WhenBoot}}
	},
	"login": func(in *Input) {
		in.Chosen = &profile.Profile{ID: harbour.ID, OnDemand: profile.OnDemand{When: profile.WhenLogin}}
	},
	"rules": func(in *Input) {
		in.Chosen = &profile.Profile{ID: harbour.ID, OnDemand: profile.OnDemand{When: profile.WhenRules}}
	},
	"never": func(in *Input) { in.Chosen = &profile.Profile{ID: harbour.ID} },
	"managed": func(in *Input) {
		in.Chosen = &profile.Profile{ID: harbour.ID}
		in.Settings = control.Settings{
			KillSwitch: control.KillSwitchOn, AlwaysOn: harbour.ID, ManagedBy: "Harbour IT",
			Managed: []string{control.ManagedKillSwitch, control.ManagedLocalNetwork, control.ManagedAlwaysOn},
		}
	},
	"managed by nobody": func(in *Input) {
		in.Chosen = &profile.Profile{ID: harbour.ID}
		in.Settings.Managed = []string{control.ManagedKillSwitch, control.ManagedAlwaysOn}
	},
	"own held": func(in *Input) {
		in.UID, in.Settings.Managed, in.Settings.ManagedBy = 1000, []string{control.ManagedOwnProfiles}, "Harbour IT"
	},
	"own held, no profile": func(in *Input) {
		in.UID, in.Settings.Managed, in.Profiles = 1000, []string{control.ManagedOwnProfiles}, nil
	},
	"forgotten":      func(in *Input) { in.Forgotten = "Harbour Office" },
	"nobody's":       func(in *Input) { in.Profiles = nil },
	"no gateway":     func(in *Input) { in.Profiles = []control.ProfileInfo{{ID: harbour.ID}} },
	"nothing of it":  func(in *Input) { in.Status = control.Status{State: in.Status.State, ProfileID: harbour.ID} },
	"one network":    func(in *Input) { in.Status.Routes = prefixes("10.0.0.0/8") },
	"IPv4":           func(in *Input) { in.Status.Routes = prefixes("0.0.0.0/0") },
	"IPv6":           func(in *Input) { in.Status.Routes = prefixes("::/0") },
	"names outside":  func(in *Input) { in.Status.DNS = control.DNS{} },
	"all names":      func(in *Input) { in.Status.DNS.Domains = nil },
	"local network":  func(in *Input) { in.Status.KillSwitch.LocalNetwork = true },
	"behind NAT":     func(in *Input) { in.Status.Gateway = &control.Gateway{BehindNAT: true, Version: "strongSwan"} },
	"no quantum":     func(in *Input) { in.Status.IKE.Suite = "AES_GCM_16_256" },
	"other language": func(in *Input) { in.Language = "de"; in.Secrets = credential.ModeKeychain; in.Version = "1.0" },
	"moved": func(in *Input) {
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.9")
		in.Status.Path = &control.Path{Follows: true, Moves: []control.Move{{At: clock(9, 30), From: a, To: b, Gateway: a}, {At: clock(9, 40), From: b, To: b, Gateway: b}}}
	},
	"much": func(in *Input) {
		in.Status.ESP.Drops = map[string]uint64{"replay": 3, "policy": 0}
		in.Status.ESP.SAs = []control.ESPSA{{InboundSPI: 1, OutboundSPI: 2, Remote: []string{"0.0.0.0/0"}, Suite: "AES", RekeyAt: clock(13, 0)}}
		for i := range 10000 {
			in.Status.Routes = append(in.Status.Routes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
		}
		for i := range 500 {
			in.Profiles = append(in.Profiles, control.ProfileInfo{ID: fmt.Sprint(i), Name: fmt.Sprint("Profile ", i)})
		}
	},
}

func init() {
	for _, kind := range allPrompts {
		changes["asked for "+string(kind)] = func(in *Input) { in.Status.Prompts = []control.Prompt{{Kind: kind}} }
	}
}

// TestEveryInput says everything that can be said, in every language.
func TestEveryInput(t *testing.T) {
	t.Parallel()
	for _, language := range assets.Languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			say := speak(t, language)
			before := ready()
			inputs(func(name string, in Input) {
				v := Main(in, say)
				complete(t, name, v)
				fit(t, name, v)
				tray := Tray(in, say)
				fit(t, name, tray)
				if tray.Tooltip == "" || tray.Mark == "" || len(tray.Items) < 3 {
					t.Errorf("%s: the tray is not whole: %+v", name, tray)
				}
				fit(t, name, Settings(in, say))
				for _, n := range append(Notify(before, in, say), Notify(in, before, say)...) {
					fit(t, name, n)
				}
				before = in
				if t.Failed() {
					t.FailNow()
				}
			})
		})
	}
}
