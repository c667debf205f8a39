package service

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// kernel is a kill switch as the kernel would hold it: it outlives the services of a
// test, and somebody else can take it away.
type kernel struct {
	*rig
	mu      sync.Mutex
	holds   *Policy
	foreign bool // somebody else has changed what stands
	told    chan struct{}
}

func (k *kernel) Set(p Policy) error {
	if err := k.note("closed"); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holds, k.foreign = &p, false
	return nil
}

func (k *kernel) Clear() error {
	if err := k.note("open"); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holds, k.foreign = nil, false
	return nil
}

func (k *kernel) Stands() (bool, error) { return k.now() != nil, nil }

func (k *kernel) Check() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.foreign {
		return errors.New("they are gone")
	}
	return nil
}

func (k *kernel) Watch(ctx context.Context) (<-chan struct{}, error) {
	out := make(chan struct{})
	go func() {
		defer close(out)
		for {
			select {
			case <-k.told:
			case <-ctx.Done():
				return
			}
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func (k *kernel) now() *Policy {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holds
}

// flush is what another firewall program does.
func (k *kernel) flush() {
	k.mu.Lock()
	k.foreign, k.holds = true, nil
	k.mu.Unlock()
	k.told <- struct{}{}
	synctest.Wait()
}

// disk is the state file.
type disk struct {
	*rig
	mu     sync.Mutex
	now    Standing
	broken error // to read
}

func (d *disk) Load() (Standing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.broken
}

func (d *disk) Save(s Standing) error {
	if err := d.note("saved"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = s
	return nil
}

// computer is what stays when a service ends.
type computer struct {
	kernel
	disk disk
	home []netip.Prefix // the local networks
	news chan tunnel.NetworkChange
}

// inComputer runs a test with a service on a kernel and a disk.
func inComputer(t *testing.T, c *computer, test func(t *testing.T, r *rig)) {
	t.Helper()
	inComputerWith(t, c, func(*Config) {}, test)
}

func inComputerWith(t *testing.T, c *computer, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	inRigWith(t, func(cfg *Config) {
		change(cfg)
		r := cfg.KillSwitch.(fakeSwitch).rig
		c.kernel.rig, c.disk.rig = r, r
		c.told, c.news = make(chan struct{}), make(chan tunnel.NetworkChange)
		cfg.KillSwitch, cfg.Posture = &c.kernel, &c.disk
		cfg.Tunnel.LocalNetworks = func() []netip.Prefix { return c.home }
		cfg.Tunnel.NetworkChanged = func(context.Context) (<-chan tunnel.NetworkChange, error) { return c.news, nil }
		switch known := c.disk.now.Engaged || c.disk.now.Settings.KillSwitch == control.KillSwitchLockdown; {
		case known:
			r.began = "closed, clean up"
		case c.kernel.holds != nil:
			r.began = "saved, closed, clean up"
		}
	}, test)
}

func (r *rig) set(who control.Caller, mode string) error {
	r.t.Helper()
	_, err := r.svc.ChangeSettings(r.t.Context(), who, control.SettingsChange{KillSwitch: &mode})
	synctest.Wait()
	return err
}

func addrPorts(list ...string) (out []netip.AddrPort) {
	for _, s := range list {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return out
}

// TestPolicyOfEachState: what may leave in each state, by the table in security.md.
func TestPolicyOfEachState(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		r.expect("saved, closed, tunnel starts")
		if p := c.now(); p == nil || len(p.Gateways)+len(p.Resolvers) != 0 || p.Tunnel != nil {
			t.Fatalf("before the tunnel has said where to: %+v", p)
		}
		f := r.tunnel()
		ways := addrPorts("203.0.113.1:500", "203.0.113.1:4500")
		if err := f.cfg.Reach(t.Context(), ways); err != nil || !slices.Equal(c.now().Gateways, ways) {
			t.Fatalf("open to %v (%v)", c.now(), err)
		}
		shut, err := r.svc.OpenResolvers(addrPorts("192.168.1.1:53"))
		if err != nil || len(c.now().Resolvers) != 1 {
			t.Fatalf("%v: %+v", err, c.now())
		}
		shut()
		if p := c.now(); len(p.Resolvers) != 0 || p.Tunnel != nil {
			t.Errorf("after the question: %+v", p)
		}
		r.done()
		f.do(func() { f.emit(officeUp()) })
		r.expect("closed, routes of homeward0, dns of homeward0")
		want := &PolicyTunnel{Interface: "homeward0", Addresses: officeUp().Network.Addresses, DNS: officeUp().Network.DNS, IPv4: true}
		if p := c.now().Tunnel; p == nil || p.Interface != want.Interface || !p.IPv4 || p.IPv6 || !slices.Equal(p.DNS, want.DNS) || !slices.Equal(p.Addresses, want.Addresses) {
			t.Errorf("connected: %+v", p)
		}
		ways = addrPorts("203.0.113.7:4500") // it was sent elsewhere
		if err := f.cfg.Reach(t.Context(), ways); err != nil || !slices.Equal(c.now().Gateways, ways) || c.now().Tunnel == nil {
			t.Errorf("after a redirect open to %+v (%v)", c.now(), err)
		}
		r.done()
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		r.expect("tunnel fails, no dns, no routes, closed")
		if p := c.now(); len(p.Gateways) != 0 || p.Tunnel != nil {
			t.Errorf("between two attempts: %+v", p)
		}
		<-time.After(time.Minute)
		r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		st := r.state(control.StateBlocked)
		if p := c.now(); p == nil || len(p.Gateways) != 0 || st.KillSwitch.Mode != "on" || !st.KillSwitch.Engaged {
			t.Errorf("blocked: %+v, %+v", p, st.KillSwitch)
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		if c.now() != nil || c.disk.now.Engaged {
			t.Errorf("after the user's own disconnect: %+v, %+v", c.now(), c.disk.now)
		}
	})
}

// TestServiceThatIsKilled: what the next run finds is held back before anything else,
// and only the user whose line it was, or an administrator, lets it go.
func TestServiceThatIsKilled(t *testing.T) {
	stored := guarded("vault", ada.UID)
	tests := []struct {
		name   string
		before Standing
		holds  *Policy
		cause  diagnose.Cause // "": nothing is held back
		broken error
	}{
		{name: "nothing"},
		{name: "a line behind the kill switch", before: Standing{Engaged: true, Owner: ada.UID, Profile: stored.Profile.ID}, holds: &Policy{}, cause: diagnose.CauseServiceRestarted},
		{name: "the same, and the table is gone", before: Standing{Engaged: true, Owner: ada.UID, Profile: stored.Profile.ID}, cause: diagnose.CauseServiceRestarted},
		{name: "a table, and nobody knows why", holds: &Policy{}, cause: diagnose.CauseServiceRestarted},
		{name: "lockdown", before: Standing{Settings: Choices{KillSwitch: "lockdown"}}, cause: diagnose.CauseLockdown},
		{name: "lockdown, and a line", before: Standing{Settings: Choices{KillSwitch: "lockdown"}, Engaged: true, Owner: ada.UID, Profile: stored.Profile.ID}, holds: &Policy{}, cause: diagnose.CauseServiceRestarted},
		{name: "lockdown that early boot holds", before: Standing{Settings: Choices{KillSwitch: "lockdown"}}, holds: &Policy{}, cause: diagnose.CauseLockdown},
		{name: "a state that cannot be read, and lockdown is assumed", before: Standing{Settings: Choices{KillSwitch: "lockdown"}}, broken: errors.New("damaged"), cause: diagnose.CauseLockdown},
		{name: "on, and nobody was connected", before: Standing{Settings: Choices{KillSwitch: "on"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &computer{}
			c.kernel.holds, c.disk.now, c.disk.broken = tt.holds, tt.before, tt.broken
			inComputer(t, c, func(t *testing.T, r *rig) {
				if tt.cause == "" {
					r.state(control.StateDisconnected)
					if c.now() != nil {
						t.Error("held back")
					}
					return
				}
				st := r.state(control.StateBlocked)
				if st.Error == nil || st.Error.Cause != string(tt.cause) || c.now() == nil || !st.KillSwitch.Engaged {
					t.Errorf("%+v, %+v", st.Error, st.KillSwitch)
				}
				if (tt.broken != nil) != (st.KillSwitch.Alarm != "") {
					t.Errorf("alarm %q", st.KillSwitch.Alarm)
				}
				if tt.before.Engaged {
					if _, err := r.svc.Disconnect(t.Context(), bob); code(err) != control.CodeForbidden {
						t.Errorf("somebody else lets it go: %v", err)
					}
				}
				if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
					t.Fatal(err)
				}
				if tt.before.Settings.KillSwitch == control.KillSwitchLockdown {
					if st := r.state(control.StateBlocked); st.Error.Cause != string(diagnose.CauseLockdown) || c.disk.now.Engaged {
						t.Errorf("nobody wants a line: %+v, on disk %+v", st.Error, c.disk.now)
					}
					if err := r.set(root, control.KillSwitchOff); err != nil {
						t.Fatal(err)
					}
				}
				r.state(control.StateDisconnected)
				if c.now() != nil || c.disk.now.Engaged {
					t.Errorf("let go: %+v, %+v", c.now(), c.disk.now)
				}
			})
		})
	}
}

// TestOrderlyEndKeepsTheBlock: in on and lockdown; the next run goes on with it.
func TestOrderlyEndKeepsTheBlock(t *testing.T) {
	for _, mode := range []string{control.KillSwitchOff, control.KillSwitchOn, control.KillSwitchLockdown} {
		t.Run(mode, func(t *testing.T) {
			c := &computer{}
			inComputer(t, c, func(t *testing.T, r *rig) {
				if err := r.set(root, mode); err != nil {
					t.Fatal(err)
				}
				r.up()
				r.end()
				if err := <-r.ended; err != nil {
					t.Error(err)
				}
				r.ended <- nil
			})
			if held := c.kernel.holds != nil; held != (mode != control.KillSwitchOff) || c.disk.now.Engaged != held {
				t.Fatalf("held back %v, on disk %+v", held, c.disk.now)
			}
			inComputer(t, c, func(t *testing.T, r *rig) {
				if mode == control.KillSwitchOff {
					r.state(control.StateDisconnected)
					return
				}
				if st := r.state(control.StateBlocked); st.Error.Cause != string(diagnose.CauseServiceRestarted) {
					t.Errorf("%+v", st.Error)
				}
			})
		})
	}
}

// TestAltered: what somebody else takes away is set again at once, and said.
func TestAltered(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		c.flush()
		if r.expect(""); c.now() != nil {
			t.Error("held back in mode off")
		}
		c.foreign = false
		r.connect("vault")
		r.done()
		c.flush()
		r.expect("closed")
		st := r.state(control.StateConnecting)
		if c.now() == nil || !st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "another firewall") {
			t.Errorf("%+v", st.KillSwitch)
		}
		r.fail("closed", errors.New("no nft"))
		c.flush()
		st = r.state(control.StateBlocked)
		if st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "no nft") {
			t.Errorf("lost: %+v", st.KillSwitch)
		}
		r.fail("closed", nil)
		<-time.After(clearPause + time.Second)
		if st = r.state(control.StateBlocked); !st.KillSwitch.Engaged || c.now() == nil {
			t.Errorf("found again: %+v", st.KillSwitch)
		}
	})
}

// TestSettingsRights: lockdown is the administrators', the rest also the user's whose
// line it is, or anybody's where there is none.
func TestSettingsRights(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		for _, step := range []struct {
			who  control.Caller
			mode string
			may  bool
		}{
			{ada, "on", true}, {bob, "off", true}, {ada, "lockdown", false}, {root, "lockdown", true},
			{ada, "off", false}, {root, "on", true}, {bob, "", true},
		} {
			if err := r.set(step.who, step.mode); (err == nil) != step.may || err != nil && code(err) != control.CodeForbidden {
				t.Errorf("%q by %d: %v", step.mode, step.who.UID, err)
			}
		}
		r.up()
		if err := r.set(bob, "on"); code(err) != control.CodeForbidden {
			t.Errorf("on over another's line: %v", err)
		}
		if err := r.set(ada, "on"); err != nil || c.now() == nil || c.now().Tunnel == nil {
			t.Errorf("on over the own line: %v, %+v", err, c.now())
		}
		allow := control.LocalNetworkAllow
		c.home = []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("198.51.0.0/16")}
		if _, err := r.svc.ChangeSettings(t.Context(), bob, control.SettingsChange{LocalNetwork: &allow}); code(err) != control.CodeForbidden {
			t.Errorf("the local network over another's line: %v", err)
		}
		if _, err := r.svc.ChangeSettings(t.Context(), ada, control.SettingsChange{LocalNetwork: &allow}); err != nil {
			t.Fatal(err)
		}
		if p := c.now().LocalNetworks; !slices.Contains(p, c.home[0]) || slices.Contains(p, c.home[1]) || slices.Contains(p, c.home[2]) {
			t.Errorf("local networks %v: a part of the Internet is none", p)
		}
		c.home = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
		c.news <- tunnel.NetworkChange{}
		synctest.Wait()
		if p := c.now().LocalNetworks; !slices.Contains(p, c.home[0]) || slices.Contains(p, netip.MustParsePrefix("192.168.1.0/24")) {
			t.Errorf("in another network: %v", p)
		}
		if st := r.state(control.StateConnected); !st.KillSwitch.LocalNetwork {
			t.Errorf("%+v", st.KillSwitch)
		}
		want := Choices{KillSwitch: "on", LocalNetwork: "allow"}
		if got := r.svc.Settings(bob); !reflect.DeepEqual(got, want.shown()) || c.disk.now.Settings != want || !c.disk.now.LocalNetwork {
			t.Errorf("settings %+v, on disk %+v", got, c.disk.now)
		}
	})
}

// TestSettingsThatCannotBeKept do not hold.
func TestSettingsThatCannotBeKept(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.fail("saved", errors.New("no space left"))
		if err := r.set(root, "lockdown"); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v", err)
		}
		r.state(control.StateDisconnected)
		if c.now() != nil || r.svc.Settings(root).KillSwitch != "" {
			t.Error("it holds all the same")
		}
		// A line is held back also where that cannot be noted, but it is said.
		r.connect("vault")
		if st := r.state(control.StateConnecting); c.now() == nil || !strings.Contains(st.KillSwitch.Alarm, "no space left") {
			t.Errorf("%+v", st.KillSwitch)
		}
		r.fail("saved", nil)
		r.profiles.list = nil
		if err := r.set(root, "lockdown"); code(err) != control.CodeConflict {
			t.Errorf("lockdown without a profile: %v", err)
		}
	})
}

// TestModeOverAHangingEffect: a mode holds when the call returns, whatever was under way.
func TestModeOverAHangingEffect(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		block := make(chan struct{})
		r.mu.Lock()
		r.blocks["routes of homeward0"] = block
		r.mu.Unlock()
		r.connect("office")
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		set := make(chan error, 1)
		go func() { set <- r.set(ada, "on") }()
		synctest.Wait()
		select {
		case err := <-set:
			t.Fatalf("set while it cannot be: %v", err)
		default:
		}
		close(block)
		if err := <-set; err != nil || c.now() == nil || c.now().Tunnel == nil {
			t.Errorf("%v: %+v", err, c.now())
		}
		r.state(control.StateConnected)
	})
}

// TestWhatTheKillSwitchKeepsFromWorking is said in the status.
func TestWhatTheKillSwitchKeepsFromWorking(t *testing.T) {
	full := officeUp()
	full.Network.Full = true
	full.Network.Routes = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	excludes, silent := full, full
	excludes.Network.Exclude = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}
	silent.Network.DNS = nil
	for _, tt := range []struct {
		up   tunnel.Up
		want string
	}{
		{officeUp(), "refuses everything else"},
		{full, ""},
		{excludes, "leaves 192.168.0.0/16 out"},
		{silent, "no names can be looked up"},
	} {
		inComputer(t, &computer{}, func(t *testing.T, r *rig) {
			r.connect("vault")
			f := r.tunnel()
			f.do(func() { f.emit(tt.up) })
			said := strings.Join(r.state(control.StateConnected).Warnings, " ")
			for _, words := range []string{"refuses everything else", "leaves 192.168.0.0/16 out", "no names can be looked up"} {
				if strings.Contains(said, words) != (words == tt.want) {
					t.Errorf("%q: said %q", words, said)
				}
			}
			if silent := len(tt.up.Network.DNS) == 0; strings.Contains(said, "All names go") == silent {
				t.Errorf("of name servers: %q", said)
			}
		})
	}
}

// TestCalmWithoutANetwork: a line that waits for a network is no failure, and comes
// back when there is one.
func TestCalmWithoutANetwork(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		r.connect("vault")
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		f.die(&diagnose.Failure{Cause: diagnose.CauseNoNetwork})
		st := r.state(control.StateConnecting)
		if st.Step != stepWaiting || st.Error != nil || !st.KillSwitch.Engaged {
			t.Errorf("%+v", st)
		}
		n := r.count()
		<-time.After(20 * time.Second)
		if r.count() != n {
			t.Error("tried without a network")
		}
		c.news <- tunnel.NetworkChange{}
		if r.count() != n+1 {
			t.Error("not tried when there is a network")
		}
	})
}

// TestProofOfThePolicy: status says when it was verified, or raises the alarm; a new
// policy is to be proven anew.
func TestProofOfThePolicy(t *testing.T) {
	found := &proofs{found: []Proven{holds}}
	inRigWith(t, func(cfg *Config) { cfg.Proof = found }, func(t *testing.T, r *rig) {
		r.connect("vault")
		if st := r.state(control.StateConnecting); st.KillSwitch.Verified != nil {
			t.Error("verified before anybody has tried")
		}
		<-time.After(time.Minute)
		st := r.state(control.StateConnecting)
		if st.KillSwitch.Verified == nil || st.KillSwitch.Alarm != "" {
			t.Fatalf("%+v", st.KillSwitch)
		}
		found.mu.Lock()
		found.found = []Proven{leaks}
		found.mu.Unlock()
		r.done()
		f := r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		if st := r.state(control.StateConnected); st.KillSwitch.Verified != nil {
			t.Error("another policy is verified by the proof of the last one")
		}
		<-time.After(time.Minute)
		if st := r.state(control.StateConnected); st.KillSwitch.Verified != nil || !strings.Contains(st.KillSwitch.Alarm, "dns over ipv6") {
			t.Errorf("%+v", st.KillSwitch)
		}
		r.expect("closed but for homeward0, routes of homeward0, dns of homeward0, closed but for homeward0")
	})
}
