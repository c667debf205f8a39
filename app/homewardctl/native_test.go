package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
)

// nativeFile is a profile file of Homeward's own; extra fields go in front.
func nativeFile(extra string) string {
	return `{"version": 1, "name": "office", ` + extra + `
"origin": {"organization": "Harbour Ltd"},
"gateway": {"address": "vpn.example.com", "auth": "certificate"},
"client": {"auth": "eap-mschapv2", "username": "ada"},
"traffic": {"full": true}}`
}

const legacyProposal = `"ike": {"legacy": true, "proposals": [{"encryption": "3des", "integrity": "sha1", "prf": "sha1", "group": "modp1024"}]},`

// TestNativeImport: what a profile alone can turn on is asked about, taken over,
// written again by show, and imported in its own place from there.
func TestNativeImport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := r.file("office.json", nativeFile(legacyProposal+`"session": {"no_redirect": true, "childless": "offered"},`))
	r.fails([]string{"lower security", "--yes", "nothing was changed"}, "import", file)
	for _, want := range []string{"office: user name and password at vpn.example.com, from Harbour Ltd",
		"! ike.legacy ", "! ike.proposals[0] ", "3des sha1 sha1 modp1024", "  session.no_redirect "} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, r.out.String())
		}
	}
	r.person.will("y")
	r.ok("import", file)
	first := r.profiles()

	shown := r.ok("show", "office", "--json")
	if strings.Contains(shown, first[0].ID) || !strings.Contains(shown, `"childless": "offered"`) {
		t.Errorf("shown as %s", shown)
	}
	again := r.file("again.json", shown)
	if out := r.ok("import", again, "--yes"); !strings.Contains(out, "Replaced office.") {
		t.Errorf("said %q", out)
	}
	if after := r.profiles(); len(after) != 1 || after[0].ID != first[0].ID || after[0].Identifier != "office@vpn.example.com" {
		t.Errorf("%+v", after)
	}
	if reshown := r.ok("show", "office", "--json"); reshown != shown {
		t.Errorf("shown as %s, then as %s", shown, reshown)
	}
	r.setGateway(passwordGateway("right"))
	r.person.will("right")
	r.ok("connect", "office")
}

// TestNativeRefusals: a bad file is refused in one sentence, and changes nothing.
func TestNativeRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"unknown":   {nativeFile(`"kill_switch": true,`), []string{"kill_switch (line 1) is not a field of version 1"}},
		"a secret":  {nativeFile(`"psk": "hunter2",`), []string{"psk (line 1) would be a secret", "keychain"}},
		"newer":     {strings.Replace(nativeFile(""), `"version": 1`, `"version": 7`, 1), []string{"version 7", "update Homeward"}},
		"cut off":   {nativeFile("")[:120], []string{"cut off"}},
		"no legacy": {nativeFile(strings.Replace(legacyProposal, `"legacy": true, `, "", 1)), []string{"ike.proposals[0].encryption", "legacy"}},
	} {
		t.Run(name, func(t *testing.T) {
			r.fails(c.words, "import", r.file("bad.json", c.text), "--yes")
			if strings.Contains(r.out.String()+r.err.String(), "hunter2") {
				t.Error("a secret is shown")
			}
			if list := r.profiles(); len(list) != 0 {
				t.Errorf("stored %+v", list)
			}
		})
	}
}

// TestMobileconfigBecomesNative: a profile of another format is changed in
// Homeward's own, and its kept password stays; and the other format's next file
// finds it again.
func TestMobileconfigBecomesNative(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	original := r.file("office.mobileconfig", mobileconfig("office", eapUser+`<key>AuthPassword</key><string>hunter2</string>`, ""))
	r.ok("import", original)
	before := r.profiles()
	shown := r.ok("show", "office", "--json")
	if strings.Contains(shown, "hunter2") {
		t.Error("the password is shown")
	}
	changed := r.changed(shown, func(p map[string]any) { p["session"] = map[string]any{"no_mobike": true} })
	if out := r.ok("import", changed); !strings.Contains(out, "Replaced office.") {
		t.Errorf("said %q", out)
	}
	expectSame(t, before, r.profiles(), "homeward")
	if p := r.ok("show", "office", "--json"); !strings.Contains(p, `"no_mobike": true`) {
		t.Errorf("%s", p)
	}
	r.setGateway(passwordGateway("hunter2"))
	r.person.will()
	r.ok("connect", "office") // with the password of the first file
	r.ok("disconnect")
	r.ok("import", original)
	expectSame(t, before, r.profiles(), "mobileconfig")
}

func expectSame(t *testing.T, before, after []control.ProfileInfo, format string) {
	t.Helper()
	if len(after) != 1 || after[0].ID != before[0].ID || after[0].Format != format {
		t.Errorf("%+v, then %+v", before, after)
	}
}

// changed writes a file of Homeward's own in which something is other.
func (r *rig) changed(text string, change func(p map[string]any)) string {
	r.t.Helper()
	var p map[string]any
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		r.t.Fatal(err)
	}
	change(p)
	out, err := json.Marshal(p)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.file("changed.json", string(out))
}

// TestNativeWithoutKey: a private key cannot come in Homeward's own file. One
// that is kept stays in use, also for a gateway with another quirk, and without
// one nothing is imported.
func TestNativeWithoutKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.person.will("opensesame")
	r.ok("import", r.file("cert.mobileconfig", mobileconfig("cert", certificate, identityPayload(t))))
	shown := r.ok("show", "cert", "--json")
	quirk := r.changed(shown, func(p map[string]any) { p["gateway"].(map[string]any)["quirks"] = []string{"no-idr"} })
	r.fails([]string{"lower security"}, "import", quirk)
	if out := r.ok("import", quirk, "--yes"); !strings.Contains(out, "Replaced cert.") || !strings.Contains(out, "private key") {
		t.Errorf("said %q", out)
	}
	secrets, err := r.app.openSecrets()
	if err != nil {
		t.Fatal(err)
	}
	id := r.profiles()[0].ID
	if s, err := secrets.Get(t.Context(), id); err != nil || len(s.PrivateKey) == 0 {
		t.Errorf("the key is not kept: %v", err)
	}

	r.keychain.absent = true
	r.fails([]string{"whether one is kept cannot be seen", "no keychain answers"}, "import", quirk, "--yes")
	r.keychain.absent = false

	// Another certificate in its place, which that key cannot sign for.
	other := newRig(t)
	other.person.will("opensesame")
	other.ok("import", other.file("cert.mobileconfig", mobileconfig("cert", certificate, identityPayload(t))))
	theirs := other.ok("show", "cert", "--json")
	r.fails([]string{"does not belong to the certificate"}, "import", r.file("theirs.json", theirs), "--yes")

	// On a machine that never had the key.
	fresh := newRig(t)
	fresh.fails([]string{"neither in the file nor kept here", ".mobileconfig"}, "import", fresh.file("cert.json", shown))
	if list := fresh.profiles(); len(list) != 0 {
		t.Errorf("stored %+v", list)
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(fresh.socket), "sealed", "*")); err != nil || len(files) != 0 {
		t.Errorf("kept %q, %v", files, err)
	}
}
