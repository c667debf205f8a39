package provision

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

const (
	ada = 1000
	bob = 1001
)

func own(name string) *profile.Profile {
	return &profile.Profile{
		Version: profile.Version, ID: profile.NewID(), Name: name,
		Gateway: profile.Gateway{Address: "home.example", Auth: profile.GatewayCertificate},
		Client:  profile.Client{Auth: profile.ClientMSCHAPv2}, Traffic: profile.Traffic{Full: true},
	}
}

func namesOf(list []profile.Stored) (names []string) {
	for _, st := range list {
		names = append(names, st.Profile.Name)
	}
	return names
}

// leaving leaves the user name and the local network to people.
const leaving = `{"version": 1, "user_may_set": ["client.username", "traffic.local_network"], "profile": `

// TestStore: each user has what is laid down as their own, beside what is only theirs.
func TestStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", leaving+office("Office")+"}")
	s := r.store(r.open())
	home := own("home")
	if err := s.Add(home, ada); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32][]string{ada: {"home", "Office"}, bob: {"Office"}, 0: {"Office"}} {
		list := s.List(uid, false)
		if !slices.Equal(namesOf(list), want) {
			t.Errorf("user %d has %q", uid, namesOf(list))
		}
		for _, st := range list {
			if st.Owner != uid || st.Managed != (st.Profile.Name == "Office") || st.Managed != slices.Contains(st.Locked, "gateway") || slices.Contains(st.Locked, "client.username") {
				t.Errorf("user %d: %+v", uid, st)
			}
		}
	}
	if all := s.List(0, true); !slices.Equal(namesOf(all), []string{"home", "Office"}) {
		t.Errorf("all: %q", namesOf(all))
	}
	all := s.All([]uint32{ada, bob})
	if !slices.Equal(namesOf(all), []string{"home", "Office", "Office", "Office"}) || all[1].Owner != profile.OwnerSystem || all[3].Owner != bob {
		t.Errorf("of everybody: %+v", all)
	}
	office, err := s.ByName("OFFICE", bob)
	if err != nil || !office.Managed || office.Owner != bob {
		t.Fatalf("%+v, %v", office, err)
	}
	if st, err := s.Get(office.Profile.ID, 77); err != nil || st.Owner != 77 {
		t.Errorf("%+v, %v", st, err)
	}
	if st, err := s.Get(home.ID, bob); err != nil || st.Owner != ada || st.Managed || st.Locked != nil {
		t.Errorf("another's own: %+v, %v", st, err)
	}
	if _, err := s.ByName("home", bob); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("%v", err)
	}
	var taken *profile.NameTakenError
	if err := s.Add(own("office"), ada); !errors.As(err, &taken) {
		t.Errorf("a second one of that name: %v", err)
	}
	var locked *LockedError
	if err := s.Delete(office.Profile.ID); !errors.As(err, &locked) || len(locked.Fields) != 0 {
		t.Errorf("deleted: %v", err)
	}
	if err := s.Delete(home.ID); err != nil {
		t.Error(err)
	}
}

// TestValuesOfTheirOwn: each user sets what is left to them, for themselves alone, and
// over a restart; nothing else.
func TestValuesOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", leaving+office("Office")+"}")
	f := r.open()
	s := r.store(f)
	id := s.List(ada, false)[0].Profile.ID
	user := func(s *Store, uid uint32) string {
		t.Helper()
		st, err := s.Get(id, uid)
		if err != nil {
			t.Fatal(err)
		}
		return st.Profile.Client.Username
	}
	set := func(uid uint32, name string, change func(*profile.Profile)) error {
		st, err := s.Get(id, uid)
		if err != nil {
			t.Fatal(err)
		}
		p := st.Profile
		p.Client.Username = name
		if change != nil {
			change(&p)
		}
		return s.Add(&p, uid)
	}
	if err := set(ada, "ada", nil); err != nil {
		t.Fatal(err)
	}
	if err := set(bob, "bob", func(p *profile.Profile) { p.Traffic.LocalNetwork = profile.LocalAllow }); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{s, r.store(r.open())} {
		if user(s, ada) != "ada" || user(s, bob) != "bob" || user(s, profile.OwnerSystem) != "" {
			t.Errorf("%q, %q, %q", user(s, ada), user(s, bob), user(s, profile.OwnerSystem))
		}
	}
	var locked *LockedError
	for name, change := range map[string]func(*profile.Profile){
		"name":                func(p *profile.Profile) { p.Name = "mine" },
		"gateway.address":     func(p *profile.Profile) { p.Gateway.Address = "evil.example" },
		"traffic.kill_switch": func(p *profile.Profile) { p.Traffic.KillSwitch = profile.KillSwitchOn },
		"dns.search":          func(p *profile.Profile) { p.DNS.Search = []string{"x.example"} },
	} {
		if err := set(ada, "eve", change); !errors.As(err, &locked) || !slices.Equal(locked.Fields, []string{name}) || user(s, ada) != "ada" {
			t.Errorf("%s: %v, %q", name, err, user(s, ada))
		}
	}
	var invalid *profile.InvalidError
	if err := set(ada, strings.Repeat("a", 1<<16), nil); !errors.As(err, &invalid) {
		t.Errorf("a name that cannot be: %v", err)
	}
	// The administrator takes the choice back, and gives it again.
	r.write("profiles.d/office.json", `{"version": 1, "user_may_set": [], "profile": `+office("Office")+"}")
	f.read()
	if got := user(s, ada); got != "" {
		t.Errorf("what is not left any more: %q", got)
	}
	r.write("profiles.d/office.json", leaving+office("Office")+"}")
	f.read()
	if got := user(s, ada); got != "ada" {
		t.Errorf("what is left again: %q", got)
	}
	if err := set(ada, "", nil); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(r.dir, "set"))
	if err != nil || len(files) != 1 || user(s, ada) != "" {
		t.Errorf("taken back: %v, %v, %q", files, err, user(s, ada))
	}
	// A profile that is gone takes what was set in it along, at the next start.
	r.remove("profiles.d/office.json")
	r.store(r.open())
	if files, err := os.ReadDir(filepath.Join(r.dir, "set")); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// TestValuesThatDoNotFit: what a user has set does not stand in the way of a file that
// has changed.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	may := `{"version": 1, "user_may_set": ["traffic.include"], "profile": `
	split := strings.Replace(office("Office"), `"full": true`, `"include": ["10.0.0.0/8"]`, 1)
	r.write("profiles.d/office.json", may+split+"}")
	f := r.open()
	s := r.store(f)
	st := s.List(ada, false)[0]
	p := st.Profile.With(&profile.Profile{}, nil)
	if err := p.Set("traffic.include", "192.168.0.0/16"); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(p, ada); err != nil {
		t.Fatal(err)
	}
	r.write("profiles.d/office.json", may+office("Office")+"}") // everything, so no part is named
	f.read()
	if st, err := s.Get(p.ID, ada); err != nil || st.Profile.Validate() != nil || !st.Profile.Traffic.Full {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestDamagedValues: a file of the service's own that is damaged, or none of these, is
// left alone.
func TestDamagedValues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", leaving+office("Office")+"}")
	f := r.open()
	id := r.store(f).List(ada, false)[0].Profile.ID
	for _, name := range []string{id + ".1000.json", id + ".x.json", id + ".01001.json", "x.1000.json", id + ".99999999999.json"} {
		if err := os.WriteFile(filepath.Join(r.dir, "set", name), []byte(`{"version": 1, "paths": ["client.username"`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := r.store(f)
	if st, err := s.Get(id, ada); err != nil || st.Profile.Client.Username != "" {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestAtBoot: what early boot learns, without a copy and without writing anything.
func TestAtBoot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	look := func(what string, want Policy, laidDown, wrong bool) {
		t.Helper()
		p, down, err := AtBoot(r.cfg.Dir)
		if p.KillSwitch != want.KillSwitch || down != laidDown || (err != nil) != wrong {
			t.Errorf("%s: %+v, %v, %v", what, p, down, err)
		}
	}
	if _, down, err := AtBoot(""); down || err != nil {
		t.Errorf("nowhere: %v, %v", down, err)
	}
	look("nothing", Policy{}, false, false)
	r.write("profiles.d/.office.json", office("Office"))
	look("a file that is being written", Policy{}, false, false)
	r.write("profiles.d/office.json", office("Office"))
	look("a profile", Policy{}, true, false)
	r.write("policy.json", `{"version": 1, "kill_switch": "lockdown"}`)
	look("lockdown", Policy{KillSwitch: "lockdown"}, true, false)
	r.write("policy.json", `{"version": 1, "kill_switch": "lock`)
	look("damaged", Policy{}, true, true)
	if err := os.Chmod(r.cfg.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	r.write("policy.json", `{"version": 1, "kill_switch": "off"}`)
	look("not to be trusted", Policy{}, true, true)
	if _, err := os.Stat(r.cfg.Copies); err == nil {
		t.Error("something was written")
	}
}
