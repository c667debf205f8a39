package service

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

func TestConnectAndDisconnect(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		r.state(control.StateConnecting)
		r.expect("policy 1, tunnel starts")
		f := r.tunnel()
		f.do(func() { f.emit(tunnel.Progress{Step: "reaching"}) })
		if st := r.state(control.StateConnecting); st.Step != "reaching" || st.Profile != "office" {
			t.Errorf("step %q of %q", st.Step, st.Profile)
		}
		f.do(func() { f.emit(officeUp()) })
		r.expect("policy 2, routes of homeward0, dns of homeward0")
		f.mu.Lock()
		f.stats = tunnel.Stats{TxBytes: 1, RxBytes: 2, TxPackets: 3, RxPackets: 4, Drops: map[string]uint64{"replay": 5}}
		f.mu.Unlock()
		checkConnected(t, r.state(control.StateConnected))

		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		st := r.state(control.StateDisconnected)
		r.expect("no dns, no routes, tunnel ends")
		if st.Error != nil || st.Profile != "" || st.ESP != nil {
			t.Errorf("disconnected, but %+v", st)
		}
	})
}

// checkConnected looks at the fields that the command line promises.
func checkConnected(t *testing.T, st control.Status) {
	t.Helper()
	data, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"state":"connected"`, `"profile":"office"`, `"since":"`, `"address":"203.0.113.1"`, `"identity":"vpn.example.com"`,
		`"addresses":["10.98.0.2/32"]`, `"servers":["10.99.0.2"]`, `"domains":["corp.example"]`, `"routes":["10.99.0.0/24"]`,
		`"suite":"aes256gcm16-prfsha384-ecp384"`, `"established":"`, `"rekey_at":"`, `"suite":"aes256gcm16"`, `"esn":true`,
		`"tx_bytes":1`, `"rx_bytes":2`, `"tx_packets":3`, `"rx_packets":4`, `"drops":{"replay":5}`,
		"All names go to the company.", "192.168.1.0/24",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the status lacks %s: %s", want, data)
		}
	}
}

func TestEveryEffectMayFail(t *testing.T) {
	broken := errors.New("it broke")
	tests := []struct {
		part  string
		cause diagnose.Cause
		done  string
	}{
		{"tunnel starts", diagnose.CauseInternal, "policy 1, tunnel starts"},
		{"routes of homeward0", diagnose.CauseRoutesFailed, "policy 1, tunnel starts, policy 2, routes of homeward0, no dns, no routes, tunnel ends"},
		{"dns of homeward0", diagnose.CauseDNSFailed, "policy 1, tunnel starts, policy 2, routes of homeward0, dns of homeward0, no dns, no routes, tunnel ends"},
	}
	for _, tt := range tests {
		t.Run(tt.part, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.fail(tt.part, broken)
				r.connect("office")
				if r.count() == 1 && tt.part != "tunnel starts" {
					f := r.tunnel()
					f.do(func() { f.emit(officeUp()) })
				}
				st := r.state(control.StateDisconnected)
				if st.Error == nil || st.Error.Cause != string(tt.cause) || !strings.HasSuffix(st.Error.Message, ".") {
					t.Errorf("error %+v, want %s", st.Error, tt.cause)
				}
				r.expect(tt.done)
				r.fail(tt.part, nil)
				r.up() // nothing stands in the way of the next attempt
			})
		})
	}
}

func TestPolicyThatFailsIsBlocked(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.fail("policy 1", errors.New("no nft"))
		r.connect("office")
		st := r.state(control.StateBlocked)
		if st.Error == nil || st.Error.Cause != string(diagnose.CausePolicyFailed) || len(st.Warnings) == 0 {
			t.Errorf("%+v", st)
		}
		r.expect("policy 1")
		r.fail("policy 1", nil)
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		r.expect("policy 0")
	})
}

func TestWhatCannotBeTakenBackIsSaid(t *testing.T) {
	for _, part := range []string{"no dns", "no routes"} {
		t.Run(part, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.up()
				r.fail(part, errors.New("busy"))
				if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
					t.Fatal(err)
				}
				st := r.state(control.StateDisconnected)
				r.expect("no dns, no routes, tunnel ends") // the rest is done all the same
				if len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], "keeps trying") {
					t.Errorf("warnings %q", st.Warnings)
				}
				for range 3 { // it is tried until it is done, and then no more
					<-time.After(clearPause)
					r.expect(part)
				}
				r.fail(part, nil)
				<-time.After(clearPause)
				r.expect(part)
				if st := r.state(control.StateDisconnected); len(st.Warnings) != 0 {
					t.Errorf("warnings %q of what is taken back", st.Warnings)
				}
				<-time.After(time.Hour)
				r.expect("")
			})
		})
	}
}

// TestDeadNameServersDoNotKeepTheLineAway: while a line is coming back, name
// servers of the last one that could not be taken away are tried again, but
// never those that a new line has set.
func TestDeadNameServersDoNotKeepTheLineAway(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		r.fail("no dns", errors.New("busy"))
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		r.expect("tunnel fails, no dns, no routes, no dns, policy 1")
		<-time.After(2 * time.Second)
		r.expect("no dns, tunnel starts") // as the next batch begins
		r.fail("no dns", nil)
		<-time.After(clearPause)
		r.expect("no dns")
		r.fail("no dns", errors.New("busy"))
		f = r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		<-time.After(time.Minute)
		r.done()
		f = r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		r.state(control.StateConnected)
		r.fail("no dns", nil)
		r.done()
		<-time.After(time.Hour)
		r.expect("") // what the new line has set stays
	})
}

func TestProfileThatVanished(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.blocks["policy 1"] = make(chan struct{})
		r.connect("office")
		if err := r.profiles.Delete(r.svc.Profiles(ada)[0].ID); err != nil {
			t.Fatal(err)
		}
		close(r.blocks["policy 1"])
		if st := r.state(control.StateDisconnected); st.Error == nil || st.Error.Cause != string(diagnose.CauseProfile) {
			t.Errorf("%+v", st.Error)
		}
	})
}

func TestLostLineComesBack(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		st := r.state(control.StateConnecting)
		if st.Error == nil || st.Error.Cause != string(diagnose.CauseLineLost) {
			t.Errorf("a line that is coming back does not say why it went: %+v", st.Error)
		}
		r.expect("tunnel fails, no dns, no routes, policy 1")
		for attempt := range 3 {
			<-time.After(time.Minute)
			if n := r.count(); n != attempt+2 {
				t.Fatalf("%d tunnels after attempt %d", n, attempt+1)
			}
			r.tunnel().die(&diagnose.Failure{Cause: diagnose.CauseGatewaySilent})
			r.state(control.StateConnecting)
		}
		<-time.After(time.Minute)
		f = r.tunnel()
		f.do(func() { f.emit(officeUp()) })
		if st := r.state(control.StateConnected); st.Error != nil {
			t.Errorf("connected with %+v", st.Error)
		}
	})
}

func TestDisconnectWhileWaiting(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.up().die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		r.state(control.StateConnecting)
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		<-time.After(time.Hour)
		if n := r.count(); n != 1 {
			t.Errorf("%d tunnels: a wait outlived the wish", n)
		}
	})
}

func TestSecondConnect(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.up()
		for _, name := range []string{"office", "lab"} {
			_, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: name})
			var refusal *control.Refusal
			if !errors.As(err, &refusal) || refusal.Code != control.CodeConflict || !strings.Contains(refusal.Message, "office is connected already") {
				t.Errorf("connect %s: %v", name, err)
			}
		}
		_, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "unheard-of"})
		var refusal *control.Refusal
		if !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
			t.Errorf("%v", err)
		}
		r.expect("")
	})
}

func TestOthersSeeAndTouchNothing(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		st := r.svc.Status(bob)
		if data, err := json.Marshal(st); err != nil || st.State != control.StateConnected || !st.Redacted {
			t.Errorf("%s, %v", data, err)
		} else {
			for _, private := range []string{"office", "203.0.113.1", "vpn.example.com", "10.9", "corp.example", "192.168"} {
				if strings.Contains(string(data), private) {
					t.Errorf("another user reads %s in %s", private, data)
				}
			}
		}
		var refusal *control.Refusal
		if _, err := r.svc.Disconnect(t.Context(), bob); !errors.As(err, &refusal) || refusal.Code != control.CodeForbidden {
			t.Errorf("disconnect by another user: %v", err)
		}
		if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: "secret"}); !errors.As(err, &refusal) ||
			refusal.Code != control.CodeConflict || strings.Contains(refusal.Message, "office") {
			t.Errorf("connect by another user: %v", err)
		}
		id := r.svc.Profiles(ada)[0].ID
		for _, name := range []string{"office", id} {
			if _, err := r.svc.Profile(bob, name); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
				t.Errorf("another user's profile %q: %v", name, err)
			}
			if err := r.svc.DeleteProfile(bob, name); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
				t.Errorf("deleting another user's profile %q: %v", name, err)
			}
			if _, err := r.svc.Connect(t.Context(), bob, control.ConnectRequest{Profile: name}); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
				t.Errorf("connecting another user's profile %q: %v", name, err)
			}
		}
		if list := r.svc.Profiles(bob); len(list) != 1 || list[0].Name != "secret" {
			t.Errorf("another user's list: %+v", list)
		}
		f.die(&diagnose.Failure{Cause: diagnose.CauseRejected, Seen: "vpn.example.com"})
		synctest.Wait()
		if st := r.svc.Status(bob); st.Error == nil || st.Error.Cause != string(diagnose.CauseRejected) || strings.Contains(st.Error.Message+st.Error.Detail, "example") {
			t.Errorf("another user's failure: %+v", st.Error)
		}
	})
}

func TestAdministratorMay(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.up()
		if st := r.svc.Status(root); st.Redacted || st.Profile != "office" {
			t.Errorf("%+v", st)
		}
		if list := r.svc.Profiles(root); len(list) != 3 {
			t.Errorf("%d profiles", len(list))
		}
		if p, err := r.svc.Profile(root, "secret"); err != nil || p.Name != "secret" {
			t.Errorf("%v, %v", p, err)
		}
		var refusal *control.Refusal
		if err := r.svc.DeleteProfile(root, "office"); !errors.As(err, &refusal) || refusal.Code != control.CodeConflict {
			t.Errorf("deleting what is in use: %v", err)
		}
		if _, err := r.svc.Disconnect(t.Context(), root); err != nil {
			t.Error(err)
		}
		r.state(control.StateDisconnected)
		if err := r.svc.DeleteProfile(root, "office"); err != nil {
			t.Error(err)
		}
		r.profiles.list = append(r.profiles.list, named("twice", ada.UID), named("twice", bob.UID))
		if _, err := r.svc.Profile(root, "twice"); !errors.As(err, &refusal) || refusal.Code != control.CodeConflict {
			t.Errorf("a name that two users have: %v", err)
		}
	})
}

func TestStatusNeverWaits(t *testing.T) {
	for _, part := range []string{"policy 1", "routes of homeward0", "dns of homeward0"} {
		t.Run(part, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.blocks[part] = make(chan struct{})
				r.connect("office")
				if part != "policy 1" {
					f := r.tunnel()
					f.do(func() { f.emit(officeUp()) })
				}
				before := time.Now()
				r.state(control.StateConnecting)
				if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
					t.Fatal(err)
				}
				r.state(control.StateDisconnecting)
				if waited := time.Since(before); waited != 0 {
					t.Errorf("waited %v for a part that hangs", waited)
				}
				close(r.blocks[part])
				r.state(control.StateDisconnected)
			})
		})
	}
}

func TestShutdownTakesTheLineDown(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.up()
		r.end()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.expect("no dns, no routes, tunnel ends, clean up")
		if _, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "office"}); !errors.Is(err, errEnding) {
			t.Errorf("a wish to a service that has ended: %v", err)
		}
		r.ended <- nil
	})
}

func TestShutdownOfATunnelThatHangs(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		f.deaf = true
		start := time.Now()
		r.end()
		if err := <-r.ended; err == nil {
			t.Error("nobody is told")
		}
		if took := time.Since(start); took > shutdownTime+restTime {
			t.Errorf("took %v", took)
		}
		r.expect("no dns, no routes, clean up")
		close(f.finish)
		r.ended <- nil
	})
}

func TestWaitGivesTheNewest(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		first := r.svc.Status(ada)
		got := make(chan control.Status)
		go func() {
			st, err := r.svc.Wait(context.Background(), ada, first.Revision)
			if err != nil {
				t.Error(err)
			}
			got <- st
		}()
		synctest.Wait()
		accepted, err := r.svc.Connect(t.Context(), ada, control.ConnectRequest{Profile: "office"})
		if err != nil {
			t.Fatal(err)
		}
		if st := <-got; st.Revision <= first.Revision || st.State != control.StateConnecting {
			t.Errorf("%+v", st)
		}
		if accepted.Revision <= first.Revision {
			t.Errorf("the wish shows from revision %d on, before it was made", accepted.Revision)
		}
		synctest.Wait()
		if st, err := r.svc.Wait(t.Context(), ada, 0); err != nil || st.Revision != r.svc.Status(ada).Revision {
			t.Errorf("not the newest: %+v, %v", st, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.svc.Wait(ctx, ada, r.svc.Status(ada).Revision); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestSinceIsWhenTheStateBegan(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		since := r.svc.Status(ada).Since
		<-time.After(time.Hour)
		f.do(func() { f.emit(tunnel.Changed{Info: officeUp().Info}) })
		if now := r.state(control.StateConnected); !now.Since.Equal(since) {
			t.Errorf("since %v after a rekey, %v before", now.Since, since)
		}
	})
}

func TestNewNetworkIsSet(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		f.do(func() { f.emit(officeUp()) })
		r.expect("policy 2, routes of homeward0, dns of homeward0")
		r.state(control.StateConnected)
	})
}

func TestNewWantsEveryPart(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil {
		t.Error("a service of nothing")
	}
}

// TestProfileInUseKeepsItsGateway: a line that is lost comes back with the
// password of before, so its profile does not lead elsewhere meanwhile.
func TestProfileInUseKeepsItsGateway(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		replaced := r.profiles.list[0].Profile
		f := r.up()
		change := func(edit func(*profile.Profile)) error {
			p := replaced
			edit(&p)
			return r.svc.AddProfile(ada, &p)
		}
		elsewhere := func(p *profile.Profile) { p.Gateway.Address = "vpn.elsewhere.example" }
		trusting := func(p *profile.Profile) { p.Gateway.Anchors = [][]byte{{1}} }
		check := func(when string) {
			t.Helper()
			for _, edit := range []func(*profile.Profile){elsewhere, trusting} {
				if err := change(edit); code(err) != control.CodeConflict {
					t.Errorf("%s: %v, want a conflict", when, err)
				}
			}
		}
		check("connected")
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		check("coming back")
		var taken *control.Refusal // by the fake store: it was asked
		if err := change(func(p *profile.Profile) { p.Client.Username = "ada" }); !errors.As(err, &taken) || strings.Contains(taken.Message, "in use") {
			t.Errorf("another user name: %v", err)
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		if err := change(elsewhere); err != nil && strings.Contains(err.Error(), "in use") {
			t.Errorf("disconnected: %v", err)
		}
	})
}

func TestProfilesAreStoredForTheCaller(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		p := named("home", 0).Profile
		if err := r.svc.AddProfile(bob, &p); err != nil {
			t.Fatal(err)
		}
		if got, err := r.svc.Profile(bob, "home"); err != nil || got.ID != p.ID {
			t.Errorf("%v, %v", got, err)
		}
		again := named("home", 0).Profile
		var refusal *control.Refusal
		if err := r.svc.AddProfile(bob, &again); !errors.As(err, &refusal) || refusal.Code != control.CodeConflict {
			t.Errorf("a name that is taken: %v", err)
		}
		if err := r.svc.DeleteProfile(bob, "home"); err != nil {
			t.Error(err)
		}
		if err := r.svc.DeleteProfile(bob, "home"); !errors.As(err, &refusal) || refusal.Code != control.CodeNotFound {
			t.Errorf("%v", err)
		}
	})
}

func TestRecoversOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) { // Run has recovered
		r.svc.Recover()
		r.expect("")
	})
}
