package service

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// administrator lays things down, and keeps profiles as provision.Store does.
type administrator struct {
	*fakeProfiles
	mu       sync.Mutex
	policy   *provision.Policy
	problems []string
	laid     []profile.Profile
	changes  chan struct{}
}

func (a *administrator) Policy() (provision.Policy, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.policy == nil {
		return provision.Policy{}, false
	}
	return *a.policy, true
}

func (a *administrator) Problems() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.problems)
}

func (a *administrator) Watch(ctx context.Context) (<-chan struct{}, error) {
	out := make(chan struct{})
	go func() {
		defer close(out)
		for {
			select {
			case <-a.changes:
				out <- struct{}{}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func (a *administrator) managed(users ...uint32) (list []profile.Stored) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.laid {
		for _, uid := range users {
			list = append(list, profile.Stored{Owner: uid, Profile: p, Managed: true, Locked: []string{"gateway"}})
		}
	}
	return list
}

func (a *administrator) List(uid uint32, admin bool) []profile.Stored {
	return append(a.managed(uid), a.fakeProfiles.List(uid, admin)...)
}

func (a *administrator) All(users []uint32) []profile.Stored {
	return append(a.managed(append([]uint32{profile.OwnerSystem}, users...)...), a.fakeProfiles.List(0, true)...)
}

func (a *administrator) Get(id string, uid uint32) (profile.Stored, error) {
	for _, st := range a.managed(uid) {
		if st.Profile.ID == id {
			return st, nil
		}
	}
	return a.fakeProfiles.Get(id, uid)
}

func (a *administrator) ByName(name string, uid uint32) (profile.Stored, error) {
	for _, st := range a.managed(uid) {
		if st.Profile.Name == name {
			return st, nil
		}
	}
	return a.fakeProfiles.ByName(name, uid)
}

func (a *administrator) Add(p *profile.Profile, uid uint32) error {
	if st, err := a.Get(p.ID, uid); err == nil && st.Managed {
		return &provision.LockedError{Name: p.Name, Fields: []string{"gateway.address"}}
	}
	return a.fakeProfiles.Add(p, uid)
}

func (a *administrator) Delete(id string) error {
	if st, err := a.Get(id, 0); err == nil && st.Managed {
		return &provision.LockedError{Name: st.Profile.Name}
	}
	return a.fakeProfiles.Delete(id)
}

// does has the administrator change something, and waits until it has come through.
func (a *administrator) does(change func()) {
	a.mu.Lock()
	change()
	a.mu.Unlock()
	a.changes <- struct{}{}
	synctest.Wait()
}

// under is a computer with an administrator. office is laid down for everybody instead
// of being ada's own.
func under(t *testing.T, c *computer, a *administrator, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	inComputerWith(t, c, func(cfg *Config) {
		a.changes = make(chan struct{})
		a.fakeProfiles = cfg.Profiles.(*fakeProfiles)
		if len(a.laid) == 0 {
			a.laid = []profile.Profile{a.list[0].Profile}
		}
		a.list = a.list[1:]
		cfg.Profiles, cfg.Administration = a, a
		if r := cfg.KillSwitch.(fakeSwitch).rig; !c.disk.now.Profiled {
			r.began = "open, clean up, saved" // that there is a profile
		}
		change(cfg)
	}, test)
}

// TestLaidDownForEverybody: each user has the profile and connects by it with their own
// answers; nobody takes it away or changes what is locked.
func TestLaidDownForEverybody(t *testing.T) {
	a := &administrator{}
	under(t, &computer{}, a, same, func(t *testing.T, r *rig) {
		for _, who := range []control.Caller{ada, bob, root} {
			list := r.svc.Profiles(who)
			at := slices.IndexFunc(list, func(p control.ProfileInfo) bool { return p.Name == "office" })
			if at < 0 || !list[at].Managed || list[at].Owner != who.UID || !slices.Equal(list[at].Locked, []string{"gateway"}) {
				t.Errorf("user %d: %+v", who.UID, list)
			}
		}
		for _, who := range []control.Caller{bob, root} {
			if err := r.svc.DeleteProfile(who, "office"); code(err) != control.CodeForbidden || !strings.Contains(err.Error(), "laid down for everybody") {
				t.Errorf("user %d removes it: %v", who.UID, err)
			}
			p := a.laid[0]
			p.Gateway.Address = "evil.example"
			if err := r.svc.AddProfile(who, &p); code(err) != control.CodeForbidden || !strings.Contains(err.Error(), "gateway.address") {
				t.Errorf("user %d changes it: %v", who.UID, err)
			}
		}
		if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: "office"}); err != nil {
			t.Fatal(err)
		}
		f := r.tunnel()
		asked := f.ask(tunnel.Question{Kind: tunnel.AskPassword, Username: "bob"})
		if st := r.svc.Status(bob); len(st.Prompts) != 1 || st.ProfileID != a.laid[0].ID {
			t.Errorf("%+v", st)
		}
		if st := r.svc.Status(ada); len(st.Prompts) != 0 || !st.Redacted {
			t.Errorf("another user sees %+v", st)
		}
		if _, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "office"}); code(err) != control.CodeConflict {
			t.Errorf("another user takes the line: %v", err)
		}
		if err := r.svc.Answer(t.Context(), bob, control.Answer{Prompt: r.svc.Status(bob).Prompts[0].ID, Secret: control.Secret("x")}); err != nil {
			t.Error(err)
		}
		<-asked
	})
}

// TestTakenAwayWhileUp: a line by a profile whose file is gone stays, which is said, and
// does not come back; what was kept for it is forgotten.
func TestTakenAwayWhileUp(t *testing.T) {
	a, m := &administrator{}, &machines{kept: map[string]string{}}
	under(t, &computer{}, a, func(c *Config) { c.Machine = m }, func(t *testing.T, r *rig) {
		f := r.up()
		id := a.laid[0].ID
		if err := m.Set(&a.laid[0], control.MachineCredential{Password: control.Secret("x")}); err != nil {
			t.Fatal(err)
		}
		before := r.svc.Status(ada).Filings
		a.does(func() { a.laid = nil })
		st := r.state(control.StateConnected)
		if !slices.ContainsFunc(st.Warnings, func(w string) bool { return strings.Contains(w, `taken the profile "office" away`) }) || st.Filings == before {
			t.Errorf("%+v", st)
		}
		if len(m.copy()) != 0 {
			t.Error("the computer's credential is still there")
		}
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		<-testTime(r)
		if st := r.state(control.StateDisconnected); st.Error == nil || st.Error.Cause != string(diagnose.CauseProfile) || !strings.Contains(st.Error.Message, "taken away") {
			t.Errorf("%+v", st.Error)
		}
		if _, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: id}); code(err) != control.CodeNotFound {
			t.Errorf("%v", err)
		}
	})
}

// TestLeadsElsewhereWhileUp: what was given to one gateway is not given to another by
// itself, also where an administrator has put that in its place.
func TestLeadsElsewhereWhileUp(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*profile.Profile)
		asked  bool
	}{
		"another gateway":      {func(p *profile.Profile) { p.Gateway.Address = "new.example.com" }, true},
		"less to be proven":    {func(p *profile.Profile) { p.Client.EAPOnly = profile.EAPOnlyAny }, true},
		"another name of ours": {func(p *profile.Profile) { p.Origin.Description = "new" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := &administrator{}
			under(t, &computer{}, a, same, func(t *testing.T, r *rig) {
				f := r.signedIn()
				a.does(func() {
					p := a.laid[0]
					tt.change(&p)
					a.laid = []profile.Profile{p}
				})
				answered := f.ask(tunnel.Question{Kind: tunnel.AskPassword, Username: "ada", Again: true})
				synctest.Wait()
				if n := len(r.svc.Status(ada).Prompts); (n == 1) != tt.asked {
					t.Errorf("%d prompts", n)
				}
				if tt.asked {
					r.renewWith("again")
				}
				<-answered
			})
		})
	}
}

// TestProblemsAreWarnings: what is laid down and not used is said to everybody, until it
// is.
func TestProblemsAreWarnings(t *testing.T) {
	a := &administrator{problems: []string{"The file a.json is not used: it is damaged."}}
	under(t, &computer{}, a, same, func(t *testing.T, r *rig) {
		warned := func(who control.Caller, want ...string) {
			t.Helper()
			if got := r.svc.Status(who).Warnings; !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%q, want %q", got, want)
			}
		}
		warned(bob, a.problems...)
		a.does(func() { a.problems = []string{"The file b.json is not used: it is damaged."} })
		warned(ada, "The file b.json is not used: it is damaged.")
		a.does(func() { a.problems = nil })
		warned(ada)
	})
}
