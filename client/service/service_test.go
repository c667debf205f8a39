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
	"github.com/homeward-vpn/homeward/client/tunnel"
)

func TestConnectAndDisconnect(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.connect("office")
		r.state(control.StateConnecting)
		r.expect("tunnel starts")
		f := r.tunnel()
		f.do(func() { f.emit(tunnel.Progress{Step: "reaching"}) })
		if st := r.state(control.StateConnecting); st.Step != "reaching" || st.Profile != "office" {
			t.Errorf("step %q of %q", st.Step, st.Profile)
		}
		f.do(func() { f.emit(officeUp()) })
		r.expect("routes of homeward0, dns of homeward0")
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

func TestLostLineComesBack(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		f.die(&diagnose.Failure{Cause: diagnose.CauseLineLost})
		st := r.state(control.StateConnecting)
		if st.Error == nil || st.Error.Cause != string(diagnose.CauseLineLost) {
			t.Errorf("a line that is coming back does not say why it went: %+v", st.Error)
		}
		r.expect("tunnel fails, no dns, no routes")
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

func TestStatusNeverWaits(t *testing.T) {
	for _, part := range []string{"closed", "routes of homeward0", "dns of homeward0"} {
		t.Run(part, func(t *testing.T) {
			inRig(t, func(t *testing.T, r *rig) {
				r.blocks[part] = make(chan struct{})
				r.connect("vault")
				if part != "closed" {
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
		r.expect("routes of homeward0, dns of homeward0")
		r.state(control.StateConnected)
	})
}

func TestNewWantsEveryPart(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil {
		t.Error("a service of nothing")
	}
}

func TestRecoversOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) { // Run has recovered
		r.svc.Recover()
		r.expect("")
	})
}
