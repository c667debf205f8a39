package service

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// asks counts the proofs so far.
func (p *proofs) asks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

func (p *proofs) answer(with ...Proven) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = with
}

// TestProofInAnotherNetwork: another network may have ways out that were not there when
// the policy was proven, also where the policy stays as it is; a computer that has come
// up without a network is verified as soon as it has one.
func TestProofInAnotherNetwork(t *testing.T) {
	c := &computer{}
	c.disk.now = Standing{Settings: Choices{KillSwitch: control.KillSwitchLockdown}}
	found := &proofs{found: []Proven{{}}} // there is nothing to try
	inComputerWith(t, c, func(cfg *Config) { cfg.Proof = found }, func(t *testing.T, r *rig) {
		rest()
		if st := r.state(control.StateBlocked); st.KillSwitch.Verified != nil || found.asks() != 1 {
			t.Fatalf("without a network: %+v, asked %d times", st.KillSwitch, found.asks())
		}
		found.answer(holds)
		c.news <- tunnel.NetworkChange{}
		rest()
		if st := r.state(control.StateBlocked); st.KillSwitch.Verified == nil || found.asks() != 2 {
			t.Fatalf("in a network: %+v, asked %d times", st.KillSwitch, found.asks())
		}
		found.answer(leaks)
		c.news <- tunnel.NetworkChange{}
		rest()
		if st := r.state(control.StateBlocked); st.KillSwitch.Verified != nil || !strings.Contains(st.KillSwitch.Alarm, "dns over ipv6") {
			t.Errorf("in a network with another way out: %+v", st.KillSwitch)
		}
		r.expect("closed") // once more, because of the leak
	})
}

// TestAlarmIsNotTakenBackEarly: setting the policy once more because of a leak does not
// end the alarm; that nothing leaves any more does.
func TestAlarmIsNotTakenBackEarly(t *testing.T) {
	found := &proofs{found: []Proven{leaks, holds}, takes: 10 * time.Second}
	inRigWith(t, func(cfg *Config) { cfg.Proof = found }, func(t *testing.T, r *rig) {
		r.connect("vault")
		pass(15 * time.Second)
		if st := r.state(control.StateConnecting); st.KillSwitch.Alarm == "" || found.asks() != 2 {
			t.Errorf("while it is proven anew: %+v, asked %d times", st.KillSwitch, found.asks())
		}
		rest()
		if st := r.state(control.StateConnecting); st.KillSwitch.Alarm != "" || st.KillSwitch.Verified == nil {
			t.Errorf("when it is proven: %+v", st.KillSwitch)
		}
		r.done()
	})
}

// TestProofOfAnOlderPolicy: what was found of a policy that stands no more says nothing
// about the one that does.
func TestProofOfAnOlderPolicy(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("vault")
		g := r.svc.guard
		g.mu.Lock()
		now := g.shown.changes
		g.mu.Unlock()
		g.proven(now-1, time.Now(), "")
		if st := r.state(control.StateConnecting); st.KillSwitch.Verified != nil {
			t.Error("verified by the proof of an older policy")
		}
		g.proven(now-1, time.Time{}, "It leaks.")
		if st := r.state(control.StateConnecting); st.KillSwitch.Alarm != "" {
			t.Error("alarmed by the proof of an older policy")
		}
		g.proven(now, time.Now(), "")
		if st := r.state(control.StateConnecting); st.KillSwitch.Verified == nil {
			t.Error("not verified by its own proof")
		}
		r.done()
	})
}

// TestRestartWhosePolicyComesLate: what an earlier run held back is held back as soon as
// the kernel takes it, without anybody doing anything, and the status says what is so.
func TestRestartWhosePolicyComesLate(t *testing.T) {
	for name, standing := range map[string]Standing{
		"a line":   {Engaged: true, Owner: ada.UID, Profile: guarded("vault", ada.UID).Profile.ID},
		"lockdown": {Settings: Choices{KillSwitch: control.KillSwitchLockdown}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &computer{}
			c.disk.now = standing
			broken := func(cfg *Config) { cfg.KillSwitch.(fakeSwitch).fails["closed"] = errors.New("no nft") }
			inComputerWith(t, c, broken, func(t *testing.T, r *rig) {
				st := r.state(control.StateBlocked)
				if st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "no nft") || st.Error.Cause != string(diagnose.CausePolicyFailed) {
					t.Errorf("while it cannot be set: %+v, %+v", st.KillSwitch, st.Error)
				}
				r.fail("closed", nil)
				pass(clearPause + time.Second)
				st = r.state(control.StateBlocked)
				if c.now() == nil || !st.KillSwitch.Engaged || st.KillSwitch.Alarm != "" || st.Error.Cause == string(diagnose.CausePolicyFailed) || len(st.Warnings) != 0 {
					t.Errorf("when it can: %+v, %+v, %v", st.KillSwitch, st.Error, st.Warnings)
				}
			})
		})
	}
}

// TestLocalNetworkIsAChoice: nothing of the local network is let through where neither
// the profile nor the computer says so.
func TestLocalNetworkIsAChoice(t *testing.T) {
	c := &computer{home: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		r.done()
		if p := c.now(); p == nil || len(p.LocalNetworks) != 0 {
			t.Errorf("let through without a word: %+v", p)
		}
		if st := r.state(control.StateConnecting); st.KillSwitch.LocalNetwork {
			t.Errorf("%+v", st.KillSwitch)
		}
	})
}
