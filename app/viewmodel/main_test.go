package viewmodel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// clock is a time of that day.
func clock(hour, minute int) time.Time {
	return time.Date(2026, 3, 14, hour, minute, 0, 0, time.UTC)
}

func pointer[T any](v T) *T { return &v }

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

var harbour = control.ProfileInfo{ID: "0123456789abcdef0123456789abcdef", Name: "Harbour Office", Gateway: "gate.harbour.example", Username: "anna"}
var branch = control.ProfileInfo{ID: "1123456789abcdef0123456789abcdef", Name: "Branch, Hamburg", Gateway: "hamburg.harbour.example"}

// ready is a program that knows its service and two profiles.
func ready() Input {
	return Input{
		Now: noon, Link: LinkReady, UID: 1000, Profiles: []control.ProfileInfo{harbour, branch},
		Status: control.Status{State: control.StateDisconnected, Since: clock(9, 0), KillSwitch: control.KillSwitch{Mode: control.KillSwitchOff}},
	}
}

// connected is a line as the design shows it.
func connected() Input {
	in := ready()
	in.Status = control.Status{
		State: control.StateConnected, Since: clock(9, 14), Profile: harbour.Name, ProfileID: harbour.ID,
		Gateway:    &control.Gateway{Address: netip.MustParseAddr("203.0.113.7"), Port: 4500, Identity: "gate.harbour.example"},
		Addresses:  prefixes("10.98.0.4/32", "fd98::4/128"),
		Routes:     prefixes("0.0.0.0/0", "::/0"),
		DNS:        control.DNS{Servers: []netip.Addr{netip.MustParseAddr("10.98.0.1")}, Domains: []string{"harbour.example"}},
		IKE:        &control.IKE{Suite: "AES-GCM-256/PRF-SHA2-384/X25519+ML-KEM-768", Established: clock(9, 14), RekeyAt: clock(14, 41)},
		ESP:        &control.ESP{Suite: "AES-GCM-256", RxBytes: 48_200_000, TxBytes: 6_100_000},
		KillSwitch: control.KillSwitch{Mode: control.KillSwitchOn, Engaged: true, Verified: pointer(clock(10, 32))},
	}
	return in
}

func TestConnectedAsDesigned(t *testing.T) {
	t.Parallel()
	v := Main(connected(), speak(t, "en"))
	if v.Head.Title != "Connected" || v.Head.Mark != MarkConnected || !v.Head.Switch.On || v.Head.Over != "Harbour Office" {
		t.Errorf("head: %+v", v.Head)
	}
	want := []Fact{
		{"What goes through", "Everything on this computer"},
		{"Your address there", "10.98.0.4 · fd98::4"},
		{"Names", "harbour.example, asked inside the tunnel"},
		{"Next renewal", "in 2 h 41 min, by itself"},
	}
	for i, w := range want {
		if i >= len(v.Facts) || v.Facts[i] != w {
			t.Errorf("fact %d: %+v, want %+v", i, v.Facts, w)
			break
		}
	}
	if v.Traffic == nil || v.Traffic.Received != "Received 48.2 MB" || v.Traffic.Sent != "Sent 6.1 MB" {
		t.Errorf("traffic: %+v", v.Traffic)
	}
	if k := v.Cards[0]; k.Title != "Kill switch: on" || k.Sentence != "Nothing leaves this computer outside the tunnel. Verified at 10:32." {
		t.Errorf("kill switch: %+v", k)
	}
}

func TestFirstRun(t *testing.T) {
	t.Parallel()
	in := ready()
	in.Profiles = nil
	v := Main(in, speak(t, "en"))
	if v.Empty == nil || v.Empty.Title != "Open the profile that your IT sent you" {
		t.Errorf("empty: %+v", v.Empty)
	}
}
