package control

import (
	"errors"
	"testing"
)

// TestMachineCalls: credentials go in whole and come out as words; what is not one is
// refused before the backend sees it.
func TestMachineCalls(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	m := MachineCredential{Profile: "office", Username: "alice", Password: Secret("hunter2")}
	if err := c.SetMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if len(b.machines) != 1 || string(b.machines[0].Password) != "hunter2" || b.machines[0].Username != "alice" {
		t.Errorf("%+v", b.machines)
	}
	if list, err := c.Machines(t.Context()); err != nil || len(list) != 1 || list[0].Kind != "password of alice" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.RemoveMachine(t.Context(), "office"); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]MachineCredential{
		"no profile": {Password: Secret("x")}, "nothing": {Profile: "office"}, "key without certificate": {Profile: "office", PrivateKey: Secret("x")},
		"certificate without key": {Profile: "office", Password: Secret("x"), Certificates: [][]byte{{1}}},
		"long":                    {Profile: "office", Password: make(Secret, maxSecret+1)},
		"chain":                   {Profile: "office", PrivateKey: Secret("x"), Certificates: make([][]byte, mostMachineCertificates+1)},
	} {
		var refusal *Refusal
		if err := c.SetMachine(t.Context(), bad); !errors.As(err, &refusal) || refusal.Code != CodeBadRequest && refusal.Code != CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(b.machines) != 1 {
		t.Errorf("%d were passed on", len(b.machines))
	}
}

// TestAttendIsCounted: a program that answers is there for as long as it watches, and
// one that only watches is not.
func TestAttendIsCounted(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	present := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.present
	}
	done := errors.New("done")
	if err := c.Watch(t.Context(), func(Status) error {
		if n := present(); n != 0 {
			t.Errorf("%d who watch count as there", n)
		}
		return done
	}); !errors.Is(err, done) {
		t.Fatal(err)
	}
	if err := c.Attend(t.Context(), func(Status) error {
		if n := present(); n != 1 {
			t.Errorf("%d are there", n)
		}
		return done
	}); !errors.Is(err, done) {
		t.Fatal(err)
	}
	for present() != 0 {
		b.mu.Lock()
		changed := b.changed
		n := b.present
		b.mu.Unlock()
		if n == 0 {
			break
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("who has left is still there")
		}
	}
}
