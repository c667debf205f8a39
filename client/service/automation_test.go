package service

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// fakeNetwork is the network around the computer, as a test wants it.
type fakeNetwork struct {
	mu      sync.Mutex
	env     ondemand.Environment
	online  bool
	changes chan struct{}
	answers map[string]bool
	probes  []string
	hold    chan struct{} // probes wait until it is closed, or they are ended
}

func newFakeNetwork() *fakeNetwork {
	return &fakeNetwork{env: cafe, online: true, changes: make(chan struct{}, 1), answers: map[string]bool{}}
}

var (
	cafe   = ondemand.Environment{Interface: profile.RuleWiFi, SSID: "Café"}
	inside = ondemand.Environment{Interface: profile.RuleEthernet, Servers: []netip.Addr{netip.MustParseAddr("10.1.0.53")}, Domains: []string{"corp.example"}}
)

func (f *fakeNetwork) automation() *Automation {
	return &Automation{
		Network: func() (ondemand.Environment, bool, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.env, f.online, nil
		},
		Changes: func(context.Context) (<-chan struct{}, error) { return f.changes, nil },
		Probe: func(ctx context.Context, url string) bool {
			f.mu.Lock()
			f.probes = append(f.probes, url)
			answer, hold := f.answers[url], f.hold
			f.mu.Unlock()
			if hold != nil {
				select {
				case <-hold:
				case <-ctx.Done():
					return false
				}
			}
			return answer
		},
	}
}

// move takes the computer into another network.
func (f *fakeNetwork) move(env ondemand.Environment, online bool) {
	f.mu.Lock()
	f.env, f.online = env, online
	f.mu.Unlock()
	f.changes <- struct{}{}
	synctest.Wait()
}

func (f *fakeNetwork) asked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.probes = nil }()
	return strings.Join(f.probes, " ")
}

// trusted connects everywhere but in the company's own network.
func trusted(when profile.When) profile.OnDemand {
	return profile.OnDemand{When: when, Rules: []profile.Rule{{Action: profile.RuleDisconnect, DNSDomains: []string{"corp.example"}}}}
}

// inNetwork runs a test with a service whose profiles want what demands say.
func inNetwork(t *testing.T, demands map[string]profile.OnDemand, change func(*Config), test func(t *testing.T, r *rig, n *fakeNetwork)) {
	t.Helper()
	n := newFakeNetwork()
	inRigWith(t, func(c *Config) {
		n.changes = make(chan struct{}, 1) // of the bubble
		c.Automation = n.automation()
		store := c.Profiles.(*fakeProfiles)
		for i := range store.list {
			store.list[i].Profile.OnDemand = demands[store.list[i].Profile.Name]
		}
		change(c)
	}, func(t *testing.T, r *rig) { test(t, r, n) })
}

func same(*Config) {}

// stands lets the newest tunnel come up.
func (r *rig) stands() {
	r.t.Helper()
	f := r.tunnel()
	f.do(func() { f.emit(officeUp()) })
	r.state(control.StateConnected)
}

func (r *rig) endLine() {
	r.t.Helper()
	if _, err := r.svc.Disconnect(r.t.Context(), ada); err != nil {
		r.t.Fatal(err)
	}
	r.state(control.StateDisconnected)
}

func (r *rig) automatic(action, words string) {
	r.t.Helper()
	synctest.Wait()
	st := r.svc.Status(ada).Automatic
	if st == nil || st.Action != action || !strings.Contains(st.Reason+" "+st.Waiting, words) {
		r.t.Errorf("automatic: %+v, want %s with %q", st, action, words)
	}
}

// TestByItselfAtLogin: the line comes when a program that can sign in watches, goes in
// a trusted network, and comes back outside of it.
func TestByItselfAtLogin(t *testing.T) {
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.state(control.StateDisconnected)
		r.automatic("connect", "Nobody is there to sign in")
		leave := r.svc.Attend(ada)
		r.state(control.StateConnecting)
		r.stands()
		r.automatic("connect", "so it wants the line")
		n.move(inside, true)
		r.state(control.StateDisconnected)
		r.automatic("disconnect", "Rule 1: stay disconnected")
		n.move(cafe, false)
		r.automatic("ignore", "no network")
		r.state(control.StateDisconnected)
		n.move(cafe, true)
		r.state(control.StateConnecting)
		r.stands()
		leave()
		r.state(control.StateConnected) // what stands needs nobody
		if st := r.svc.Status(bob); st.Automatic != nil {
			t.Errorf("another user sees %+v", st.Automatic)
		}
	})
}

// TestBySSID: a Wi-Fi's name decides, and the first rule that matches.
func TestBySSID(t *testing.T) {
	demand := profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{
		{Action: profile.RuleDisconnect, SSIDs: []string{"Office"}}, {Action: profile.RuleConnect, Interface: profile.RuleWiFi},
	}}
	inNetwork(t, map[string]profile.OnDemand{"office": demand}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.svc.Attend(ada)
		r.stands()
		n.move(ondemand.Environment{Interface: profile.RuleEthernet}, true)
		r.state(control.StateConnected) // no rule: it stays as it is
		r.automatic("ignore", "No rule")
		n.move(ondemand.Environment{Interface: profile.RuleWiFi, SSID: "Office"}, true)
		r.state(control.StateDisconnected)
		n.move(ondemand.Environment{Interface: profile.RuleEthernet}, true)
		r.state(control.StateDisconnected)
	})
}

// TestDisconnectIsRespected: a person who disconnects has their way until the rules
// change their mind; with "always" until the network changes.
func TestDisconnectIsRespected(t *testing.T) {
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.svc.Attend(ada)
		r.stands()
		r.endLine()
		r.automatic("connect", "You have disconnected yourself")
		n.move(ondemand.Environment{Interface: profile.RuleWiFi, SSID: "Hotel"}, true)
		r.state(control.StateDisconnected)
		r.svc.Attend(ada)
		r.state(control.StateDisconnected)
		n.move(inside, true)
		r.state(control.StateDisconnected)
		n.move(cafe, true)
		r.state(control.StateConnecting)
	})
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenAlways)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.svc.Attend(ada)
		r.stands()
		r.endLine()
		n.move(ondemand.Environment{Interface: profile.RuleWiFi, SSID: "Hotel"}, true)
		r.state(control.StateConnecting)
	})
}

// TestConnectIsRespected: a person who connects in a trusted network has their way
// until the rules change their mind, and then change it back.
func TestConnectIsRespected(t *testing.T) {
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		n.move(inside, true)
		r.svc.Attend(ada)
		r.state(control.StateDisconnected)
		r.connect("office")
		r.stands()
		r.automatic("disconnect", "You have connected yourself")
		n.move(inside, true)
		r.state(control.StateConnected)
		n.move(cafe, true)
		r.state(control.StateConnected)
		n.move(inside, true)
		r.state(control.StateDisconnected)
	})
}

// TestFailuresThatLast: what will not pass is not tried again by itself, in any
// network, until something changes that could help.
func TestFailuresThatLast(t *testing.T) {
	hotel := ondemand.Environment{Interface: profile.RuleWiFi, SSID: "Hotel"}
	for _, c := range []struct {
		cause  diagnose.Cause
		moving int // attempts after another network
		coming int // attempts after another program that answers
	}{
		{diagnose.CauseWrongPassword, 1, 1}, {diagnose.CauseUnanswered, 1, 2}, {diagnose.CauseGatewayUntrusted, 2, 2},
	} {
		inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
			r.svc.Attend(ada)
			r.tunnel().die(&diagnose.Failure{Cause: c.cause})
			r.state(control.StateDisconnected)
			r.automatic("connect", "not tried again by itself")
			elapse(time.Hour)
			if got := r.count(); got != 1 {
				t.Fatalf("%s: %d attempts within an hour", c.cause, got)
			}
			n.move(hotel, true)
			if got := r.count(); got != c.moving {
				t.Errorf("%s: %d attempts in another network, want %d", c.cause, got, c.moving)
			}
			r.svc.Attend(ada)
			if got := r.count(); got != c.coming {
				t.Errorf("%s: %d attempts with another program, want %d", c.cause, got, c.coming)
			}
			stored, err := r.profiles.ByName("office", ada.UID)
			if err != nil {
				t.Fatal(err)
			}
			r.svc.auto.changed(stored.Profile.ID)
			r.state(control.StateConnecting)
		})
	}
}

// TestFailuresThatPass: they are tried again, with longer and longer pauses.
func TestFailuresThatPass(t *testing.T) {
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.svc.Attend(ada)
		begin := time.Now()
		for i := range 12 {
			if got := r.count(); got != i+1 {
				t.Fatalf("%d attempts, want %d", got, i+1)
			}
			r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent})
			r.state(control.StateConnecting)
			elapse(time.Minute)
		}
		if time.Since(begin) < 10*time.Minute {
			t.Errorf("after %v", time.Since(begin))
		}
		r.stands()
	})
}

// TestProbes: a rule waits for its probe; one that failed is tried again a few times,
// and a change of network ends one that is under way.
func TestProbes(t *testing.T) {
	const url = "https://intranet.corp.example/"
	demand := profile.OnDemand{When: profile.WhenLogin, Rules: []profile.Rule{{Action: profile.RuleDisconnect, ProbeURL: url}}}
	inNetwork(t, map[string]profile.OnDemand{"office": demand}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.svc.Attend(ada)
		r.stands()
		if got := n.asked(); got != url {
			t.Errorf("asked for %q", got)
		}
		elapse(time.Hour)
		if got := strings.Count(n.asked(), url); got != mostProbings {
			t.Errorf("asked %d times more, want %d", got, mostProbings)
		}
		n.mu.Lock()
		n.hold = make(chan struct{})
		n.mu.Unlock()
		n.move(inside, true) // the probe hangs
		r.state(control.StateConnected)
		n.mu.Lock()
		n.hold, n.answers[url] = nil, true
		n.mu.Unlock()
		n.move(inside, true)
		r.state(control.StateDisconnected)
		r.automatic("disconnect", "answers")
	})
}

// TestNobodyIsCalled: an attempt that nobody asked for puts no question to anybody
// where no program of the owner's is there.
func TestNobodyIsCalled(t *testing.T) {
	inNetwork(t, map[string]profile.OnDemand{"office": trusted(profile.WhenLogin)}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		leave := r.svc.Attend(ada)
		f := r.tunnel()
		leave()
		unanswered := f.ask(tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"})
		if st := r.svc.Status(ada); len(st.Prompts) != 0 {
			t.Errorf("%+v", st.Prompts)
		}
		if got := <-unanswered; failureOf(got.err) == nil || failureOf(got.err).Cause != diagnose.CauseUnanswered {
			t.Errorf("%+v", got)
		}
		r.svc.Attend(ada)
		answer := f.ask(tunnel.Question{Kind: tunnel.AskPassword, Username: "ada"})
		if st := r.state(control.StateNeedsInput); len(st.Prompts) != 1 {
			t.Errorf("%+v", st.Prompts)
		}
		r.endLine()
		<-answer
	})
}

// TestSeveralProfiles: the first that wants a line has it; one that no longer does
// makes room for another that wants.
func TestSeveralProfiles(t *testing.T) {
	cable := profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{{Action: profile.RuleConnect, Interface: profile.RuleEthernet}}}
	wifi := profile.OnDemand{When: profile.WhenRules, Rules: []profile.Rule{{Action: profile.RuleConnect, Interface: profile.RuleWiFi}}}
	inNetwork(t, map[string]profile.OnDemand{"office": cable, "lab": wifi, "secret": wifi}, same, func(t *testing.T, r *rig, n *fakeNetwork) {
		r.svc.Attend(ada)
		r.stands()
		if st := r.svc.Status(ada); st.Profile != "lab" {
			t.Errorf("%s is up", st.Profile)
		}
		n.move(ondemand.Environment{Interface: profile.RuleEthernet}, true)
		r.stands()
		if st := r.svc.Status(ada); st.Profile != "office" {
			t.Errorf("%s is up", st.Profile)
		}
	})
}

func failureOf(err error) *diagnose.Failure {
	if err == nil {
		return nil
	}
	return diagnose.From(err)
}

// elapse lets virtual time go by.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
