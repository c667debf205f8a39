package desktop

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/assets"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// speak is a Say of one language, from the files that the program has.
func speak(t testing.TB, language string) viewmodel.Say {
	t.Helper()
	data, err := assets.Translations.ReadFile(assets.TranslationsDir + "/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		t.Fatal(err)
	}
	texts := map[string]*template.Template{}
	for key, raw := range entries {
		var one string
		if json.Unmarshal(raw, &one) != nil {
			var forms map[string]string
			if err := json.Unmarshal(raw, &forms); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			one = forms["other"]
		}
		texts[key] = template.Must(template.New(key).Parse(one))
	}
	return func(key string, data map[string]any) string {
		if texts[key] == nil {
			return key
		}
		var b strings.Builder
		if err := texts[key].Execute(&b, data); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		return b.String()
	}
}

// longer says every text at one and a half times its length, as a language that
// we have not got may need.
func longer(say viewmodel.Say) viewmodel.Say {
	return func(key string, data map[string]any) string {
		s := say(key, data)
		var b strings.Builder
		b.WriteString(s)
		words := strings.Fields(s)
		for i, n := 0, len([]rune(s))/2; n > 0 && len(words) > 0; i++ {
			w := words[i%len(words)]
			b.WriteByte(' ')
			b.WriteString(w)
			n -= len([]rune(w)) + 1
		}
		return b.String()
	}
}

// today is a time of the day that the scenes play on.
func today(hour, minute int) time.Time {
	return time.Date(2026, 3, 14, hour, minute, 0, 0, time.UTC)
}

var (
	harbour = control.ProfileInfo{ID: "0123456789abcdef0123456789abcdef", Name: "Harbour Office", Gateway: "gate.harbour.example", Username: "anna"}
	branch  = control.ProfileInfo{ID: "1123456789abcdef0123456789abcdef", Name: "Branch, Hamburg", Gateway: "hamburg.harbour.example"}
	labTest = control.ProfileInfo{ID: "2123456789abcdef0123456789abcdef", Name: "Lab (test)", Gateway: "lab.harbour.example"}
)

// scene is what is known, by the name of its picture.
func scene(name string) viewmodel.Input {
	in := viewmodel.Input{
		Now: today(12, 0), Link: viewmodel.LinkReady, UID: 1000, Selected: harbour.ID,
		Profiles: []control.ProfileInfo{harbour, branch, labTest},
		Chosen:   &profile.Profile{ID: harbour.ID, OnDemand: profile.OnDemand{When: profile.WhenNever}},
		Status: control.Status{
			State: control.StateDisconnected, Since: today(9, 0),
			KillSwitch: control.KillSwitch{Mode: control.KillSwitchOff},
		},
	}
	switch name {
	case "first-run":
		in.Profiles, in.Chosen = nil, nil
	case "idle":
	case "connecting":
		in.Status.State, in.Status.Step, in.Status.ProfileID, in.Status.Profile = control.StateConnecting, "signing-in", harbour.ID, harbour.Name
	case "failed":
		in.Status.ProfileID, in.Status.Profile = harbour.ID, harbour.Name
		in.Status.Error = &control.Error{
			Cause: "wrong-password", Tries: 2,
			Message: "The gateway did not accept your password. Check it and try again; after two more tries your account may be locked.",
			Detail:  "IKE_AUTH: EAP-MSCHAPv2 failure, E=691 R=1 (RFC 2759 section 6)",
		}
	case "blocked":
		in.Status.State, in.Status.ProfileID, in.Status.Profile = control.StateBlocked, harbour.ID, harbour.Name
		in.Status.KillSwitch = control.KillSwitch{Mode: control.KillSwitchOn, Engaged: true, Verified: new(today(10, 32))}
	case "lost":
		connected(&in)
		in.Link = viewmodel.LinkLost
	case "connected", "details", "expiring":
		connected(&in)
		if name == "expiring" {
			in.Status.SignInAgainBy = new(today(12, 14))
		}
	}
	return in
}

// connected is the line of the design's picture.
func connected(in *viewmodel.Input) {
	in.Status = control.Status{
		State: control.StateConnected, Since: today(9, 14), Profile: harbour.Name, ProfileID: harbour.ID,
		Gateway:    &control.Gateway{Address: netip.MustParseAddr("203.0.113.7"), Port: 4500, Identity: "gate.harbour.example"},
		Network:    &control.Network{Kind: control.NetworkWiFi, Name: "Café Alpenblick"},
		Addresses:  []netip.Prefix{netip.MustParsePrefix("10.98.0.4/32"), netip.MustParsePrefix("fd98::4/128")},
		Routes:     []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
		DNS:        control.DNS{Servers: []netip.Addr{netip.MustParseAddr("10.98.0.1")}, Domains: []string{"harbour.example"}},
		IKE:        &control.IKE{Suite: "AES-GCM-256/PRF-SHA2-384/X25519+ML-KEM-768", Established: today(9, 14), RekeyAt: today(14, 41)},
		ESP:        &control.ESP{Suite: "AES-GCM-256", RxBytes: 48_200_000, TxBytes: 6_100_000},
		KillSwitch: control.KillSwitch{Mode: control.KillSwitchOn, Engaged: true, Verified: new(today(10, 32))},
	}
	in.Samples = samples(in.Now)
}

// samples are the counters of five minutes with two busy times in them.
func samples(now time.Time) (list []viewmodel.Sample) {
	rate := func(i int) (rx, tx uint64) {
		wave := func(at, width int) uint64 {
			if d := max(i-at, at-i); d < width {
				return uint64((width - d) * (width - d))
			}
			return 0
		}
		return 20_000 + 300*wave(90, 60) + 420*wave(190, 50) + 100*wave(270, 30), 9_000 + 90*wave(95, 50) + 60*wave(200, 70)
	}
	s := viewmodel.Sample{At: now.Add(-5 * time.Minute)}
	for i := range 300 {
		rx, tx := rate(i)
		s.At, s.Rx, s.Tx = s.At.Add(time.Second), s.Rx+rx, s.Tx+tx
		list = append(list, s)
	}
	return list
}

// translated are the languages that there are files for.
func translated(t testing.TB) (list []string) {
	t.Helper()
	files, err := assets.Translations.ReadDir(assets.TranslationsDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		list = append(list, strings.TrimSuffix(f.Name(), ".json"))
	}
	return list
}
