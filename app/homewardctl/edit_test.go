package main

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

func (r *rig) profile(name string) *profile.Profile {
	r.t.Helper()
	p, err := r.app.client.Profile(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// TestNew makes profiles by hand, by each way to sign in, and connects by one.
func TestNew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for word, want := range map[string]profile.ClientAuth{
		"password": profile.ClientMSCHAPv2, "certificate": profile.ClientCertificate, "psk": profile.ClientPSK,
		"eap-tls": profile.ClientEAP, "eap-ttls": profile.ClientEAP, "peap": profile.ClientEAP,
	} {
		r.ok("new", word, "--gateway", "vpn.example.com", "--sign-in", word)
		p := r.profile(word)
		if p.Client.Auth != want || !p.Traffic.Full || p.Gateway.Address != "vpn.example.com" || (p.Gateway.Auth == profile.GatewayPSK) != (word == "psk") {
			t.Errorf("%s: %+v", word, p)
		}
	}
	ca := r.file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority(t, "Harbour CA")})))
	out := r.ok("new", "Harbour Office", "--gateway", "vpn.example.com", "--user", "ada", "--ca", ca, "--set", "traffic.kill_switch=on", "--set", "dns.domains=corp.example, lab.example")
	if p := r.profile("Harbour Office"); !strings.Contains(out, "homewardctl connect 'Harbour Office'") || p.Client.Username != "ada" || len(p.Gateway.Anchors) != 1 ||
		p.Traffic.KillSwitch != profile.KillSwitchOn || !slices.Equal(p.DNS.Domains, []string{"corp.example", "lab.example"}) {
		t.Errorf("%q: %+v", out, p)
	}
	if out := r.ok("new", "weak", "--gateway", "vpn.example.com", "--set", "gateway.revocation=off"); !strings.Contains(out, "Lowers security") {
		t.Errorf("%q", out)
	}
	r.person.will("right")
	r.setGateway(passwordGateway("right"))
	if out := r.ok("connect", "Harbour Office"); !strings.Contains(out, "Connected") {
		t.Errorf("%q", out)
	}
	r.fails([]string{"--gateway"}, "new", "x")
	r.fails([]string{"--sign-in", "eap-ttls"}, "new", "x", "--gateway", "vpn.example.com", "--sign-in", "magic")
	r.fails([]string{"gateway.address"}, "new", "x", "--gateway", "not a name")
	r.fails([]string{"already"}, "new", "weak", "--gateway", "vpn.example.com")
	r.fails([]string{"holds no certificate"}, "new", "x", "--gateway", "vpn.example.com", "--ca", r.file("x.pem", "x"))
	r.fails([]string{"none.pem"}, "new", "x", "--gateway", "vpn.example.com", "--ca", filepath.Join(t.TempDir(), "none.pem"))
}

// TestEdit changes fields, and says in words what cannot be.
func TestEdit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok("new", "office", "--gateway", "vpn.example.com")
	if out := r.ok("edit", "office", "--set", "client.username=ada", "--set", "session.liveness=90s"); !strings.Contains(out, "client.username, session.liveness of office") {
		t.Errorf("%q", out)
	}
	if out := r.ok("edit", "office", "--set", "client.username=ada"); !strings.Contains(out, "says so already") {
		t.Errorf("%q", out)
	}
	r.ok("edit", "office", "--set", "session.liveness=")
	if p := r.profile("office"); p.Client.Username != "ada" || p.Session.Liveness != 0 {
		t.Errorf("%+v", p)
	}
	r.fails([]string{"--set"}, "edit", "office")
	r.fails([]string{"FIELD=VALUE"}, "edit", "office", "--set", "client.username")
	r.fails([]string{`no field "client.user"`, "show NAME --json"}, "edit", "office", "--set", "client.user=ada")
	r.fails([]string{"session.liveness", "soon"}, "edit", "office", "--set", "session.liveness=soon")
	r.fails([]string{"gateway.address"}, "edit", "office", "--set", "gateway.address=")
	r.fails([]string{"no profile"}, "edit", "lab", "--set", "client.username=ada")
	if p := r.profile("office"); p.Gateway.Address != "vpn.example.com" {
		t.Errorf("%+v", p)
	}
}

// TestEditForgets: a password that was kept for one gateway is not there for another.
func TestEditForgets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.setGateway(passwordGateway("right"))
	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser+`<key>AuthPassword</key><string>right</string>`, "")))
	id := r.profile("office").ID
	kept := func() bool {
		_, err := os.Stat(filepath.Join(r.dir, "sealed", id+".sealed"))
		return err == nil
	}
	if !kept() {
		t.Fatal("nothing is kept")
	}
	r.ok("edit", "office", "--set", "traffic.mtu=1300")
	if !kept() {
		t.Error("another MTU, and the password is forgotten")
	}
	r.ok("edit", "office", "--set", "gateway.address=other.example.com")
	if kept() || !strings.Contains(r.err.String(), "is forgotten") {
		t.Errorf("another gateway: %q", r.err.String())
	}
}

func TestRenameAndDuplicate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok("new", "office", "--gateway", "vpn.example.com")
	id := r.profile("office").ID
	r.ok("rename", "office", "Harbour Office")
	if p := r.profile("Harbour Office"); p.ID != id {
		t.Errorf("%+v", p)
	}
	r.fails([]string{"no profile"}, "rename", "office", "x")
	r.fails([]string{"name"}, "rename", "Harbour Office", "a\nb")
	r.ok("duplicate", "Harbour Office")
	if out := r.ok("duplicate", "Harbour Office", "spare"); !strings.Contains(out, "spare is a copy of Harbour Office") {
		t.Errorf("%q", out)
	}
	if p := r.profile("spare"); p.ID == id || p.Gateway.Address != "vpn.example.com" {
		t.Errorf("%+v", p)
	}
	r.fails([]string{"already"}, "rename", "spare", "harbour office")
	r.fails([]string{"already"}, "duplicate", "Harbour Office", "spare")
	if n := len(r.profiles()); n != 3 {
		t.Errorf("%d profiles; a copy whose name is taken is left", n)
	}
}

// TestExport writes each format, and reads Homeward's own again.
func TestExport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok("new", "office", "--gateway", "vpn.example.com", "--user", "ada", "--set", "traffic.kill_switch=on")
	out := r.ok("export", "office")
	if out != r.ok("show", "office", "--json") || r.err.Len() != 0 {
		t.Errorf("%q, %q", out, r.err.String())
	}
	for format, want := range map[string]struct{ begins, lost string }{"mobileconfig": {"<?xml", "gateway.identity"}, "sswan": {"{", "traffic.kill_switch"}} {
		if out := r.ok("export", "office", "--format", format); !strings.HasPrefix(out, want.begins) || !strings.Contains(out, "vpn.example.com") {
			t.Errorf("%s: %q", format, out)
		}
		if lost := r.err.String(); !strings.Contains(lost, "does not say all") || !strings.Contains(lost, want.lost) {
			t.Errorf("%s: lost %q", format, lost)
		}
	}
	path := filepath.Join(t.TempDir(), "office.json")
	r.ok("export", "office", path)
	r.fails([]string{"there already"}, "export", "office", path)
	r.fails([]string{"magic"}, "export", "office", "--format", "magic")
	r.fails([]string{"no profile"}, "export", "lab")
	r.ok("forget", "office")
	r.ok("import", path)
	if p := r.profile("office"); p.Client.Username != "ada" || p.Traffic.KillSwitch != profile.KillSwitchOn {
		t.Errorf("%+v", p)
	}
}

// TestLaidDown: what an administrator has laid down is there for the user, who can set
// what is left to them, and cannot take it away.
func TestLaidDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok("new", "home", "--gateway", "home.example.com")
	r.end()
	for name, text := range map[string]string{
		"profiles.d/office.json": `{"version": 1, "user_may_set": ["client.username"], "profile": {"version": 1, "name": "office",
			"gateway": {"address": "vpn.example.com", "auth": "certificate"}, "client": {"auth": "eap-mschapv2"}, "traffic": {"full": true}}}`,
		"policy.json": `{"version": 1, "organization": "Harbour Ltd", "kill_switch": "off"}`,
	} {
		path := filepath.Join(r.dir, "etc", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.serve(r.dir)
	if out := r.ok("profiles"); !strings.Contains(out, "LAID DOWN") || !strings.Contains(out, "for everybody") || !strings.Contains(out, "yourself") {
		t.Errorf("%q", out)
	}
	r.ok("edit", "office", "--set", "client.username=ada")
	if p := r.profile("office"); p.Client.Username != "ada" {
		t.Errorf("%+v", p)
	}
	r.fails([]string{"locked gateway.address"}, "edit", "office", "--set", "gateway.address=evil.example.com")
	r.fails([]string{"locked name"}, "rename", "office", "mine")
	r.fails([]string{"laid down for everybody"}, "forget", "office")
	r.fails([]string{"policy of Harbour Ltd"}, "killswitch", "on")
	if out := r.ok("killswitch"); !strings.Contains(out, "Harbour Ltd") {
		t.Errorf("%q", out)
	}
	r.ok("duplicate", "office", "mine")
	r.ok("edit", "mine", "--set", "gateway.address=test.example.com")
	r.ok("forget", "--all")
	var list []control.ProfileInfo
	if err := json.Unmarshal([]byte(r.ok("profiles", "--json")), &list); err != nil || len(list) != 1 || !list[0].Managed || slices.Contains(list[0].Locked, "client.username") {
		t.Errorf("%+v, %v", list, err)
	}
}
