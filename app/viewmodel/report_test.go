package viewmodel

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

func TestReportSaysNobodysBusiness(t *testing.T) {
	t.Parallel()
	in := connected()
	in.Version = "1.2.3"
	in.Profiles[0].Username = "anna.ammann"
	in.Status.Network = &control.Network{Kind: control.NetworkWiFi, Name: "Ammann family"}
	in.Status.Prompts = []control.Prompt{{Username: "a.other"}}
	in.Status.Path = &control.Path{Moves: []control.Move{{At: noon, From: netip.MustParseAddr("198.51.100.77"), To: netip.MustParseAddr("2001:db8:77::1"), Gateway: netip.MustParseAddr("203.0.113.7")}}}
	in.Status.Error = &control.Error{Cause: "wrong-password", Message: "no", Detail: "user anna.ammann\x1b[2J"}
	in.Trouble = fmt.Errorf("a.other may not")
	var entries []control.LogEntry
	for i := range 400 {
		entries = append(entries, control.LogEntry{Time: noon.Add(time.Duration(i) * time.Second), Level: "INFO", Message: fmt.Sprint("entry ", i), Attrs: "user=anna.ammann\nforged"})
	}
	text := Report(in, entries)
	for _, secret := range []string{"anna.ammann", "a.other", "Ammann family", "198.51.100.77", "2001:db8:77::1", "\x1b", "\nforged", "entry 99 "} {
		if strings.Contains(text, secret) {
			t.Errorf("it tells %q", secret)
		}
	}
	for _, wanted := range []string{
		"Homeward 1.2.3", "gate.harbour.example at 203.0.113.7:4500", "198.51.0.0/16", "2001:db8::/32", "state: connected", "wrong-password",
		"(100 earlier entries left out)", "entry 399", "user=[redacted] forged", "last wish: [redacted] may not",
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("it does not tell %q", wanted)
		}
	}
	if strings.Count(text, "\n") > 350 {
		t.Errorf("%d lines", strings.Count(text, "\n"))
	}
	if short := Report(Input{}, nil); !strings.Contains(short, "service: starting") {
		t.Errorf("%q", short)
	}
}

// TestReportNeedles: no name of the person or of their network stands in the report,
// wherever it comes from and however it is written there.
func TestReportNeedles(t *testing.T) {
	t.Parallel()
	in := connected()
	in.Profiles[0].Username = `HARBOUR\anna.ammann`
	in.Profiles = append(in.Profiles, control.ProfileInfo{ID: "2", Name: "Other", Username: "Zoë&Co@harbour.example"})
	in.Chosen = &profile.Profile{Client: profile.Client{Username: "chosen.one@harbour.example"}}
	in.Asking = &credential.Prompt{Username: "asked.one"}
	long := strings.Repeat("x", 700) + "-the-end"
	in.Status.Prompts = []control.Prompt{{Username: long}}
	in.Status.Network = &control.Network{Kind: control.NetworkWiFi, Name: `Café "Ammann"`}
	in.Status.Path = &control.Path{Moves: []control.Move{{At: noon, From: netip.MustParseAddr("198.51.100.77"), To: netip.MustParseAddr("2001:db8:77::1")}}}
	in.Status.Warnings = []string{`The Wi-Fi CAFÉ "AMMANN" wants a sign-in`}
	in.Trouble = errors.New("you may not read /home/annaslogin/Downloads/office.mobileconfig")
	entries := []control.LogEntry{
		{Message: "signing in", Attrs: `user="HARBOUR\\anna.ammann" other=Anna.Ammann mail=anna.ammann@harbour.example`},
		{Message: "signing in", Attrs: `detail={"user":"Zoë\u0026Co@harbour.example"} b="Zoë\u0026Co@harbour.example"`},
		{Message: "asking", Attrs: "as=chosen.one then=ASKED.ONE long=" + long},
		{Message: "network", Attrs: `name="Café \"Ammann\"" local=198.51.100.77:4500 to=[2001:DB8:77::1]:4500`},
		{Message: strings.Repeat("y", 2*MaxText-8) + " anna.ammann"},
	}
	text := strings.ToLower(Report(in, entries))
	for _, needle := range []string{"ammann", "anna", "zoë", "u0026co", "chosen.one", "asked.one", "the-end", "café", "198.51.100.77", "2001:db8:77::1", "annaslogin"} {
		if strings.Contains(text, needle) {
			t.Errorf("it tells %q", needle)
		}
	}
	for _, wanted := range []string{"gate.harbour.example", "office.mobileconfig", "user=\"[redacted]\"", "the wi-fi [redacted] wants a sign-in"} {
		if !strings.Contains(text, wanted) {
			t.Errorf("it does not tell %q:\n%s", wanted, text)
		}
	}
}

func TestLogIsNarrowed(t *testing.T) {
	t.Parallel()
	entries := []control.LogEntry{
		{Time: noon.AddDate(0, 0, -1), Level: "DEBUG", Message: "packet dropped", Attrs: "reason=replay"},
		{Time: clock(10, 32), Level: "INFO", Message: "line up", Attrs: "profile=Office"},
		{Time: clock(10, 33), Level: "WARN", Message: "line lost", Attrs: "profile=Office cause=line-lost"},
		{Time: clock(10, 34), Level: "ERROR", Message: "policy gone"},
		{Time: clock(10, 35), Level: "PANIC", Message: "unknown level"},
	}
	for _, c := range []struct {
		filter LogFilter
		want   []string
		count  string
	}{
		{LogFilter{}, []string{"packet dropped", "line up", "line lost", "policy gone", "unknown level"}, "5 of 5 entries"},
		{LogFilter{Text: " OFFICE line "}, []string{"line up", "line lost"}, "2 of 5 entries"},
		{LogFilter{Level: "WARN"}, []string{"line lost", "policy gone", "unknown level"}, "3 of 5 entries"},
		{LogFilter{Level: "INFO", Text: "replay"}, nil, "0 of 5 entries"},
	} {
		v := Log(entries, c.filter, noon, speak(t, "en"))
		var got []string
		for _, r := range v.Rows {
			got = append(got, r.Text)
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || v.Count != c.count {
			t.Errorf("%+v: %q, %s", c.filter, got, v.Count)
		}
	}
	v := Log(entries, LogFilter{}, noon, speak(t, "en"))
	if v.Rows[0].Time != "2026-03-13 12:00:00" || v.Rows[1].Time != "10:32:00" || v.Rows[2].Tone != ToneWarning || v.Rows[3].Tone != ToneBad || v.Rows[1].Tone != ToneInfo {
		t.Errorf("%+v", v.Rows)
	}
	many := make([]control.LogEntry, 10_000)
	for i := range many {
		many[i].Message = fmt.Sprint(i)
	}
	if v := Log(many, LogFilter{}, noon, speak(t, "en")); len(v.Rows) != mostLogRows || v.Rows[mostLogRows-1].Text != "9999" || v.Count != "10,000 of 10,000 entries" {
		t.Errorf("%d rows, %s", len(v.Rows), v.Count)
	}
}
