package main

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// limitedGateway stands, and once told wants a new sign-in (RFC 4478), for which
// only the code will do.
func limitedGateway(code string, want <-chan struct{}, asked chan<- struct{}) func(context.Context, tunnel.Config, func(tunnel.Event)) error {
	return func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
		info := tunnel.Info{
			GatewayAddress: netip.MustParseAddrPort("203.0.113.1:4500"), GatewayIdentity: "vpn.example.com",
			IKEEstablished: time.Now(), SignInAgainBy: time.Now().Add(time.Hour),
		}
		emit(tunnel.Up{Network: tunnel.Network{Interface: "homeward0"}, Info: info})
		select {
		case <-want:
		case <-ctx.Done():
			return nil
		}
		for {
			close(asked)
			a, err := cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskPassword, Username: "ada", Again: true, Fresh: true, Until: time.Now().Add(time.Minute)})
			if err == nil && string(a.Secret) == code {
				break
			}
			if ctx.Err() != nil {
				return nil
			}
			asked = make(chan struct{})
		}
		info.IKEEstablished, info.SignInAgainBy = info.IKEEstablished.Add(time.Second), info.SignInAgainBy.Add(time.Hour)
		emit(tunnel.Changed{Info: info})
		<-ctx.Done()
		return nil
	}
}

// prompted waits until the status has a prompt.
func (r *rig) prompted() control.Status {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	var last control.Status
	err := r.app.client.Watch(ctx, func(st control.Status) error {
		last = st
		if len(st.Prompts) > 0 {
			cancel()
		}
		return nil
	})
	if len(last.Prompts) == 0 {
		r.t.Fatalf("no prompt: %v", err)
	}
	return last
}

// TestSignInAgain: a line that stands says until when it is signed in, and connect
// answers what it asks for a new sign-in, until that is through.
func TestSignInAgain(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	want, asked := make(chan struct{}), make(chan struct{})
	r.setGateway(limitedGateway("123456", want, asked))
	r.ok("connect", "office")
	if s := r.ok("status"); !strings.Contains(s, "Signed in until ") {
		t.Errorf("status says %q", s)
	}
	r.fails([]string{"is connected already"}, "connect", "office")
	close(want)
	<-asked
	st := r.prompted()
	if st.State != control.StateConnected {
		t.Errorf("the line is %s", st.State)
	}
	if s := r.ok("status"); !strings.Contains(s, "Sign in again until ") || !strings.Contains(s, "homewardctl connect office") {
		t.Errorf("status says %q", s)
	}
	r.person.will("654321", "123456")
	if s := r.ok("connect", "office"); !strings.Contains(s, "Connected to office") {
		t.Errorf("connect says %q", s)
	}
	if n := len(r.person.questions()); n != 2 {
		t.Errorf("the person was asked %d times, want twice", n)
	}
	if s := r.ok("status"); !strings.Contains(s, "Signed in until ") {
		t.Errorf("status says %q", s)
	}
}

// TestSignInAgainIsNotAReasonToHangUp: who gives up answering leaves the line as
// it is.
func TestSignInAgainIsNotAReasonToHangUp(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	want, asked := make(chan struct{}), make(chan struct{})
	r.setGateway(limitedGateway("123456", want, asked))
	r.ok("connect", "office")
	close(want)
	<-asked
	r.prompted()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.person.silent = make(chan struct{})
	go func() { <-r.person.silent; cancel() }()
	if code := r.runWith(ctx, "connect", "office"); code == 0 {
		t.Error("an interrupted connect says that all is well")
	}
	if st, err := r.app.client.Status(t.Context()); err != nil || st.State != control.StateConnected {
		t.Errorf("the line is %s, %v", st.State, err)
	}
}
