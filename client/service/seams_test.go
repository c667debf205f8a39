package service

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// machineStore keeps a password for every profile.
type machineStore struct{ password string }

func (m *machineStore) Has(*profile.Profile) bool { return m.password != "" }
func (m *machineStore) Answer(_ *profile.Profile, q tunnel.Question) (tunnel.Answer, bool, error) {
	return tunnel.Answer{Username: "machine", Secret: []byte(m.password)}, q.Kind == tunnel.AskPassword, nil
}
func (m *machineStore) Set(_ *profile.Profile, c control.MachineCredential) error {
	m.password = string(c.Password)
	return nil
}
func (m *machineStore) Remove(string) error { m.password = ""; return nil }
func (m *machineStore) List() map[string]control.MachineInfo {
	return map[string]control.MachineInfo{}
}

// withRules has the rules of the profile «vault» connect it, with what the service
// itself has, in this network.
func withRules(n *fakeNetwork, m Machine, o profile.OnDemand) func(*Config) {
	return func(c *Config) {
		n.changes = make(chan struct{}, 1) // of the bubble
		n.online = false                   // until the test has begun
		c.Automation, c.Machine = n.automation(), m
		store := c.Profiles.(*fakeProfiles)
		for i := range store.list {
			if p := &store.list[i].Profile; p.Name == "vault" {
				p.OnDemand, p.ID = o, vaultID
			}
		}
	}
}

const vaultID = "0123456789abcdef0123456789abcdef"

// TestRestartOfALineByRules: a service that ends under a line of the rules' own making
// wakes knowing so: in a trusted network it lets go of it, elsewhere it comes back, and
// a line that a person has asked for stays theirs.
func TestRestartOfALineByRules(t *testing.T) {
	for _, tt := range []struct {
		name  string
		by    bool // the rules
		env   ondemand.Environment
		state control.State
	}{
		{"by rules, and now in the trusted network", true, inside, control.StateDisconnected},
		{"by rules, and now elsewhere", true, cafe, control.StateConnecting},
		{"by a person, and now in the trusted network", false, inside, control.StateBlocked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, n := &computer{}, newFakeNetwork()
			c.disk.now = Standing{Engaged: true, Profile: vaultID, Owner: ada.UID, Automatic: tt.by}
			inComputerWith(t, c, func(cfg *Config) {
				withRules(n, &machineStore{"right"}, trusted(profile.WhenBoot))(cfg)
			}, func(t *testing.T, r *rig) {
				r.state(control.StateBlocked)
				n.move(tt.env, true)
				r.state(tt.state)
				if held := c.now() != nil; held != (tt.state != control.StateDisconnected) {
					t.Errorf("held back: %v", held)
				}
			})
		})
	}
}

// TestLineByRulesIsNoted: what is on disk says whose wish the line was, and a person's
// own Connect afterwards makes it theirs.
func TestLineByRulesIsNoted(t *testing.T) {
	c, n := &computer{}, newFakeNetwork()
	inComputerWith(t, c, withRules(n, &machineStore{"right"}, trusted(profile.WhenBoot)), func(t *testing.T, r *rig) {
		n.move(cafe, true)
		r.stands()
		if now := c.disk.now; !now.Engaged || !now.Automatic || now.Profile != vaultID {
			t.Errorf("by the rules: %+v", now)
		}
		r.endLine()
		if now := c.disk.now; now.Engaged || now.Automatic {
			t.Errorf("disconnected: %+v", now)
		}
		r.connect("vault")
		if now := c.disk.now; !now.Engaged || now.Automatic {
			t.Errorf("by a person: %+v", now)
		}
	})
}

// askPassword puts one for a password and gives how it ended.
func askPassword(f *fakeTunnel, fresh bool) error {
	return (<-f.ask(tunnel.Question{Kind: tunnel.AskPassword, Username: "machine", Fresh: fresh})).err
}

func causeOf(err error) diagnose.Cause {
	var f *diagnose.Failure
	if errors.As(err, &f) {
		return f.Cause
	}
	return ""
}

// TestRefusedMachineAcrossRestarts: a password of the machine that the gateway has
// refused is not sent again by a service that is started anew, and is when an
// administrator has set it.
func TestRefusedMachineAcrossRestarts(t *testing.T) {
	file, store := filepath.Join(t.TempDir(), "refused.json"), &machineStore{"wrong"}
	run := func(test func(t *testing.T, r *rig)) {
		c, n := &computer{}, newFakeNetwork()
		inComputerWith(t, c, func(cfg *Config) {
			withRules(n, store, profile.OnDemand{When: profile.WhenAlways})(cfg)
			cfg.Trials = file
		}, func(t *testing.T, r *rig) {
			n.move(cafe, true)
			test(t, r)
		})
	}
	run(func(t *testing.T, r *rig) {
		f := r.tunnel()
		if err := askPassword(f, false); err != nil {
			t.Fatal(err)
		}
		err := askPassword(f, true)
		if causeOf(err) != diagnose.CauseWrongPassword {
			t.Fatal(err)
		}
		f.die(err)
		r.state(control.StateBlocked)
	})
	run(func(t *testing.T, r *rig) {
		f := r.tunnel()
		err := askPassword(f, false)
		if causeOf(err) != diagnose.CauseWrongPassword {
			t.Errorf("after a restart the refused password is sent: %v", err)
		}
		f.die(err)
		r.state(control.StateBlocked)
		store.password = "right"
		if err := r.svc.SetMachine(t.Context(), root, control.MachineCredential{Profile: vaultID, Password: control.Secret("right")}); err != nil {
			t.Fatal(err)
		}
		if f = r.tunnel(); askPassword(f, false) != nil {
			t.Error("the new password is not sent")
		}
		f.do(func() { f.emit(officeUp()) })
		r.state(control.StateConnected)
	})
	run(func(t *testing.T, r *rig) {
		if f := r.tunnel(); askPassword(f, false) != nil {
			t.Error("the password that was right is not sent")
		}
	})
}

// TestCutOffTriesOfTheMachine: an end of the service while the password was under way is
// no refusal, for the computer would stay off the network; three in a row are taken for
// one, for something is wrong that locks the account.
func TestCutOffTriesOfTheMachine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "refused.json")
	for start := range mostLost + 1 {
		m := openTrials(file, nil)
		if known := m.machineKnown(vaultID); known != (start == mostLost) {
			t.Fatalf("at start %d: known for refused %v", start, known)
		}
		if m.known(vaultID, "") {
			t.Error("what persons enter is taken for refused")
		}
		if start < mostLost {
			m.machineSent(vaultID)
		}
	}
	m := openTrials(file, nil)
	m.machineSet(vaultID)
	for range 2 * mostLost { // with a line in between they are not in a row
		m.machineSent(vaultID)
		m = openTrials(file, nil)
		m.machineSent(vaultID)
		m.stood(vaultID)
		if m = openTrials(file, nil); m.machineKnown(vaultID) {
			t.Fatal("a password that is right is taken for refused")
		}
	}
	m.machineSent(vaultID)
	m.ended(vaultID, &diagnose.Failure{Cause: diagnose.CauseRejected})
	if m = openTrials(file, nil); !m.machineKnown(vaultID) {
		t.Error("a refusal without a question is not remembered")
	}
}

// TestNetworkThatComesDuringAnAttempt: an attempt that has looked for a network a moment
// before it came does not leave the line waiting.
func TestNetworkThatComesDuringAnAttempt(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		none := &diagnose.Failure{Cause: diagnose.CauseNoNetwork}
		f.die(none)
		before := r.count()
		c.news <- tunnel.NetworkChange{}
		synctest.Wait()
		if r.count() != before+1 {
			t.Fatal("a change is no new attempt")
		}
		f = r.tunnel()
		c.news <- tunnel.NetworkChange{} // and this attempt has looked already
		synctest.Wait()
		f.die(none)
		elapse(2 * time.Second)
		if r.count() != before+2 {
			t.Error("the line waits although there is a network")
		}
	})
}

// TestProvenAgain: a policy that stands for long is proven by itself, a leak that was
// mended ends its alarm without anybody doing anything, and nothing is proven where
// nothing is held back.
func TestProvenAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &proofs{found: []Proven{holds}}
		r := startProver(t, p)
		r.changed(subject{changes: 1, restrains: true})
		rest()
		first := r.last().verified
		pass(staleTime)
		if v := r.last(); p.asks() != 2 || v.verified.Sub(first) < staleTime || v.again != 0 {
			t.Fatalf("asked %d times, %+v, first verified at %v", p.asks(), v, first)
		}
		p.answer(leaks)
		pass(staleTime)
		if v := r.last(); v.alarm == "" || v.again != 1 || p.asks() != 4 {
			t.Fatalf("with a hole: %+v, asked %d times", v, p.asks())
		}
		pass(alarmedTime)
		if v := r.last(); v.alarm == "" || v.again != 1 || p.asks() != 5 {
			t.Fatalf("with a hole that stays: %+v, asked %d times", v, p.asks())
		}
		p.answer(holds)
		pass(alarmedTime)
		if v := r.last(); v.alarm != "" || v.verified.IsZero() {
			t.Errorf("mended: %+v", v)
		}
		asked := p.asks()
		r.changed(subject{changes: 9})
		pass(3 * staleTime)
		if p.asks() != asked {
			t.Error("proven where nothing is held back")
		}
	})
}

// TestReaddressNamesBoth: until the device has its other addresses and the supervisor
// has ordered the policy anew, both are kept from coming in elsewhere; of a tunnel that
// is not let through nothing is named.
func TestReaddressNamesBoth(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		f := r.tunnel()
		other := netip.MustParsePrefix("10.98.0.99/32")
		if err := f.cfg.Readdress(t.Context(), []netip.Prefix{other}); err != nil || c.now().Tunnel != nil {
			t.Errorf("before the line stands: %v, %+v", err, c.now())
		}
		up := officeUp()
		f.do(func() { f.emit(up) })
		if err := f.cfg.Readdress(t.Context(), []netip.Prefix{other}); err != nil {
			t.Fatal(err)
		}
		if got := c.now().Tunnel.Addresses; len(got) != 2 || got[0] != up.Network.Addresses[0] || got[1] != other {
			t.Errorf("before the device has it the policy names %v", got)
		}
		up.Network.Addresses = []netip.Prefix{other}
		f.do(func() { f.emit(up) })
		if got := c.now().Tunnel.Addresses; len(got) != 1 || got[0] != other {
			t.Errorf("afterwards the policy names %v", got)
		}
		r.fail("closed", errors.New("the kernel refuses"))
		if err := f.cfg.Readdress(t.Context(), officeUp().Network.Addresses); err == nil {
			t.Error("a policy that cannot be set is no reason to keep the address")
		}
		r.fail("closed", nil)
	})
}

// TestWhatABlockSays: who may let go of a block, and how, is said to each who looks.
func TestWhatABlockSays(t *testing.T) {
	for _, tt := range []struct {
		name     string
		mode     string
		owner    uint32
		profile  string
		who      control.Caller
		words    string
		redacted bool
		may      bool
	}{
		{"the one whose line it was", "", ada.UID, vaultID, ada, "«homewardctl disconnect»", false, true},
		{"another user", "", ada.UID, vaultID, bob, "only they, or an administrator with «sudo homewardctl disconnect»", true, false},
		{"an administrator", "", ada.UID, vaultID, root, "«homewardctl disconnect»", false, true},
		{"in lockdown", "lockdown", ada.UID, vaultID, ada, "«sudo homewardctl killswitch off»", false, true},
		{"nobody knows whose", "", 0, "", bob, "«homewardctl disconnect»", false, true},
		{"a profile that is gone", "", ada.UID, "fedcba9876543210fedcba9876543210", ada, "«homewardctl disconnect»", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &computer{}
			c.kernel.holds = &Policy{}
			c.disk.now = Standing{Settings: Choices{KillSwitch: tt.mode}, Engaged: tt.profile != "", Profile: tt.profile, Owner: tt.owner}
			inComputer(t, c, func(t *testing.T, r *rig) {
				r.state(control.StateBlocked)
				st := r.svc.Status(tt.who)
				if st.Error == nil || !strings.Contains(st.Error.Message, tt.words) || st.Redacted != tt.redacted {
					t.Errorf("redacted %v: %+v", st.Redacted, st.Error)
				}
				_, err := r.svc.Disconnect(t.Context(), tt.who)
				if (err == nil) != tt.may {
					t.Errorf("disconnect: %v", err)
				}
				if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: "secret"}); !tt.may && code(err) != control.CodeConflict {
					t.Errorf("another user connects over the block: %v", err)
				}
			})
		})
	}
}
