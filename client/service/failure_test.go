package service

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

func TestEveryEffectMayFail(t *testing.T) {
	broken := errors.New("it broke")
	tests := []struct {
		part  string
		cause diagnose.Cause
		done  string
	}{
		{"tunnel starts", diagnose.CauseInternal, "tunnel starts"},
		{"routes of homeward0", diagnose.CauseRoutesFailed, "tunnel starts, routes of homeward0, no dns, no routes, tunnel ends"},
		{"dns of homeward0", diagnose.CauseDNSFailed, "tunnel starts, routes of homeward0, dns of homeward0, no dns, no routes, tunnel ends"},
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

// TestPolicyThatFailsIsBlocked: nothing is tried, it is said, and tried again until
// the policy stands.
func TestPolicyThatFailsIsBlocked(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.fail("closed", errors.New("no nft"))
		r.connect("vault")
		st := r.state(control.StateBlocked)
		if st.Error == nil || st.Error.Cause != string(diagnose.CausePolicyFailed) || len(st.Warnings) == 0 ||
			st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "no nft") {
			t.Errorf("%+v", st)
		}
		r.expect("closed, closed") // the gateway's, then the one that lets nothing out
		<-time.After(clearPause)
		r.expect("closed")
		r.fail("closed", nil)
		<-time.After(clearPause)
		r.expect("closed")
		st = r.state(control.StateBlocked)
		if len(st.Warnings) != 0 || !st.KillSwitch.Engaged || st.KillSwitch.Alarm != "" {
			t.Errorf("what stands again is doubted: %+v", st)
		}
		if _, err := r.svc.Disconnect(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		r.state(control.StateDisconnected)
		r.expect("open")
		<-time.After(time.Hour)
		r.expect("")
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
		r.expect("tunnel fails, no dns, no routes, no dns")
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
		r.blocks["closed"] = make(chan struct{})
		r.connect("vault")
		stored, err := r.profiles.ByName("vault", ada.UID)
		if err == nil {
			err = r.profiles.Delete(stored.Profile.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		close(r.blocks["closed"])
		if st := r.state(control.StateBlocked); st.Error == nil || st.Error.Cause != string(diagnose.CauseProfile) {
			t.Errorf("%+v", st.Error)
		}
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
