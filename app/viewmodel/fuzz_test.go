package viewmodel

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/assets"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
)

// FuzzInput: whatever a service says, every view is whole and fit to be shown, in
// every language.
func FuzzInput(f *testing.F) {
	for _, change := range changes {
		in := with(connected(), change)
		st, err := json.Marshal(in.Status)
		if err != nil {
			f.Fatal(err)
		}
		profiles, err := json.Marshal(in.Profiles[:min(len(in.Profiles), 3)])
		if err != nil {
			f.Fatal(err)
		}
		if len(st) < 1<<14 {
			f.Add(st, profiles, "", uint8(1), noon.Unix())
		}
	}
	f.Add([]byte(hostile), []byte(`[{"id":"x","name":"\u202eevil\n\u0000","gateway":"\u001b[2J"},{"id":""},{"id":"x","managed":true,"locked":["","name","on_demand"]}]`), "x", uint8(3), int64(-1<<62))
	links := []Link{LinkStarting, LinkReady, LinkLost, LinkAbsent, LinkForeign, LinkVersion}
	f.Fuzz(func(t *testing.T, status, profiles []byte, selected string, how uint8, now int64) {
		if len(status) > 1<<16 || len(profiles) > 1<<14 {
			return
		}
		var in Input
		if json.Unmarshal(status, &in.Status) != nil || json.Unmarshal(profiles, &in.Profiles) != nil {
			return
		}
		in.Now, in.Link, in.Selected = time.Unix(now, 0).UTC(), links[int(how)%len(links)], selected
		in.LinkDetail, in.Told = selected, []string{selected}
		language := assets.Languages()[int(how/8)%len(assets.Languages())]
		say := speak(t, language)
		v := Main(in, say)
		complete(t, "fuzzed", v)
		for _, view := range []any{v, Tray(in, say), Settings(in, say)} {
			fit(t, "fuzzed", view)
		}
		for _, n := range append(Notify(ready(), in, say), Notify(in, connected(), say)...) {
			fit(t, "fuzzed", n)
		}
		for _, p := range in.Status.Prompts {
			q := credential.Prompt{Kind: credential.Kind(p.Kind), Text: p.Text, Profile: p.Profile, Username: p.Username, Message: p.Message, Again: p.Again, Expires: p.Expires, Refused: p.Fresh}
			for _, o := range p.Options {
				q.Options = append(q.Options, credential.Option{ID: o.ID, Label: o.Label, Detail: o.Detail})
			}
			fit(t, "fuzzed", PromptSheet(q, in.Now, say))
		}
		entries := []control.LogEntry{{Time: in.Now, Level: selected, Message: string(profiles), Attrs: string(status)}}
		fit(t, "fuzzed", Log(entries, LogFilter{Text: selected}, noon, say))
		for line := range strings.SplitSeq(Report(in, entries), "\n") {
			if line != Clean(line, 3*MaxText) {
				t.Errorf("a line of the report is not clean: %q", line)
			}
		}
	})
}

// hostile is a status that nobody should send.
const hostile = `{"revision":18446744073709551615,"state":"connected\u0000","since":"0001-01-01T00:00:00Z","step":"\u2028",
"profile":"\u202egnp.exe\r\nbcc:","profile_id":"x","gateway":{"address":"","port":65535,"identity":"\u0007\ud800","version":"{{.Secret}}"},
"addresses":["10.0.0.1/32","10.0.0.1/0"],"routes":["0.0.0.0/0","::/0","::/0"],"dns":{"servers":["::1","fe80::1%\u001b"],"domains":["\n","` + "x" + `"]},
"ike":{"suite":"","established":"9999-12-31T23:59:59Z","rekey_at":"0001-01-01T00:00:00Z"},
"esp":{"tx_bytes":18446744073709551615,"rx_bytes":1,"drops":{"\u0000":18446744073709551615,"":1},"sas":[{"inbound_spi":4294967295,"remote":["\t"],"rekey_at":"0000-01-01T00:00:00Z"}]},
"path":{"moves":[{"at":"0001-01-01T00:00:00Z","from":"","to":"","gateway":""}]},"network":{"kind":"wifi","name":"\u202e\u0000\n"},
"sign_in_again_by":"9999-12-31T23:59:59Z","killswitch":{"mode":"?","engaged":true,"verified":"0001-01-01T00:00:00Z","alarm":"\n\n"},
"automatic":{"profile":"\u0000","waiting":"\u0000","when":"","action":"","reason":"","rule":-9},"portal":{"state":"captive","url":"javascript:alert(1)"},
"error":{"cause":"pin-wrong","message":"\r","seen":"»«","tries":-3,"when":"9999-12-31T23:59:59Z"},
"warnings":["\u0000","` + "a b" + `"],"prompts":[{"kind":"choice","text":"\n","message":"a\nb\u0000\n\n","options":[{"id":"\n","label":""}],"expires":"0001-01-01T00:00:00Z"}]}`
