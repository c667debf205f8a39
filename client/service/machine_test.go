package service

import (
	"context"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// machines keeps credentials in memory.
type machines struct {
	mu       sync.Mutex
	kept     map[string]string // passwords, by profile ID
	answered int
}

func (m *machines) Has(p *profile.Profile) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[p.ID] != ""
}

func (m *machines) Answer(p *profile.Profile, q tunnel.Question) (tunnel.Answer, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept[p.ID] == "" || q.Kind != tunnel.AskPassword {
		return tunnel.Answer{}, false, nil
	}
	m.answered++
	return tunnel.Answer{Username: "laptop-7", Secret: []byte(m.kept[p.ID])}, true, nil
}

func (m *machines) Set(p *profile.Profile, c control.MachineCredential) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[p.ID] = string(c.Password)
	return nil
}

func (m *machines) Remove(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, id)
	return nil
}

func (m *machines) List() map[string]control.MachineInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]control.MachineInfo{}
	for id := range m.kept {
		out[id] = control.MachineInfo{Kind: "password"}
	}
	return out
}

func (m *machines) copy() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.kept)
}

// atBoot runs a test with a service whose office wants a line before anybody has signed
// in to the computer.
func atBoot(t *testing.T, m *machines, test func(t *testing.T, r *rig)) {
	t.Helper()
	m.kept = map[string]string{}
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenBoot)}, func(c *Config) { c.Machine = m },
		func(t *testing.T, r *rig, _ *fakeNetwork) { test(t, r) })
}

// TestMachineIsForAdministrators: what the computer signs in with by itself is set,
// listed and taken away by administrators, also where the profile is another user's own.
func TestMachineIsForAdministrators(t *testing.T) {
	m := &machines{}
	atBoot(t, m, func(t *testing.T, r *rig) {
		ctx := t.Context()
		given := control.MachineCredential{Profile: "office", Password: control.Secret("secret")}
		for _, who := range []control.Caller{ada, bob} {
			if err := r.svc.SetMachine(ctx, who, given); code(err) != control.CodeForbidden || len(m.copy()) != 0 {
				t.Errorf("set by %d: %v, %v", who.UID, err, m.copy())
			}
			if list, err := r.svc.Machines(who); code(err) != control.CodeForbidden || len(list) != 0 {
				t.Errorf("listed for %d: %v, %v", who.UID, list, err)
			}
		}
		if err := r.svc.SetMachine(ctx, root, given); err != nil || len(m.copy()) != 1 {
			t.Fatalf("set by an administrator: %v, %v", err, m.copy())
		}
		for _, who := range []control.Caller{ada, bob} {
			if err := r.svc.RemoveMachine(ctx, who, "office"); code(err) != control.CodeForbidden || len(m.copy()) != 1 {
				t.Errorf("removed by %d: %v, %v", who.UID, err, m.copy())
			}
		}
		list, err := r.svc.Machines(root)
		if err != nil || len(list) != 1 || list[0].Profile != "office" || list[0].Owner != ada.UID || !list[0].Used {
			t.Errorf("listed: %+v, %v", list, err)
		}
		if err := r.svc.RemoveMachine(ctx, root, "office"); err != nil || len(m.copy()) != 0 {
			t.Errorf("removed by an administrator: %v, %v", err, m.copy())
		}
		if err := r.svc.RemoveMachine(ctx, root, "office"); code(err) != control.CodeNotFound {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// TestMachineSignsIn: the line comes before anybody is there, and what the gateway has
// refused is not given to it again, within the attempt or later, until it is set anew.
func TestMachineSignsIn(t *testing.T) {
	m := &machines{}
	atBoot(t, m, func(t *testing.T, r *rig) {
		password := tunnel.Question{Kind: tunnel.AskPassword, Username: "laptop-7"}
		r.state(control.StateDisconnected)
		give := func() {
			if err := r.svc.SetMachine(context.Background(), root, control.MachineCredential{Profile: "office", Password: control.Secret("secret")}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		give()
		r.state(control.StateConnecting)
		f := r.tunnel()
		if got := <-f.ask(password); got.err != nil || string(got.answer.Secret) != "secret" {
			t.Fatalf("%+v", got)
		}
		password.Fresh = true
		fresh := f.ask(password)
		if st := r.svc.Status(ada); len(st.Prompts) != 0 {
			t.Errorf("a user is asked who is not there: %+v", st.Prompts)
		}
		got := <-fresh
		if failed := failureOf(got.err); failed == nil || failed.Cause != diagnose.CauseWrongPassword || len(got.answer.Secret) != 0 || m.answered != 1 {
			t.Errorf("refused, and then %+v, %d answers", got, m.answered)
		}
		f.die(got.err)
		r.state(control.StateDisconnected)
		elapse(time.Hour)
		if n := r.count(); n != 1 {
			t.Errorf("%d attempts with what was refused", n)
		}
		give()
		if n := r.count(); n != 2 {
			t.Errorf("%d attempts when it was set anew", n)
		}
		r.stands()
	})
}

// TestProfileTakesItsCredentialAlong: with the profile goes what the computer signed in
// with.
func TestProfileTakesItsCredentialAlong(t *testing.T) {
	m := &machines{}
	atBoot(t, m, func(t *testing.T, r *rig) {
		stored, err := r.profiles.ByName("office", ada.UID)
		if err != nil {
			t.Fatal(err)
		}
		m.mu.Lock()
		m.kept[stored.Profile.ID] = "secret"
		m.mu.Unlock()
		if err := r.svc.DeleteProfile(ada, "office"); err != nil || len(m.copy()) != 0 {
			t.Errorf("%v, kept %v", err, m.copy())
		}
	})
}
