package main

import (
	"context"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// twiceGateway wants a password, and then another one.
func twiceGateway(first, second string) gateway {
	return func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
		for _, q := range []struct {
			tunnel.Question
			want string
		}{
			{tunnel.Question{Kind: tunnel.AskPassword, Username: cfg.Profile.Client.Username}, first},
			{tunnel.Question{Kind: tunnel.AskFurther, Username: "ada-token", Message: "The code, please"}, second},
		} {
			a, err := cfg.Ask(ctx, q.Question)
			if err != nil {
				return err
			}
			if string(a.Secret) != q.want {
				return &diagnose.Failure{Cause: diagnose.CauseWrongPassword}
			}
		}
		return lineUp(ctx, emit)
	}
}

// The password of a second sign-in is asked for each time; the first one's is kept.
func TestSecondPasswordIsNeverKept(t *testing.T) {
	t.Parallel()
	r := officeRig(t)
	r.setGateway(twiceGateway("right", "123456"))
	r.person.will("right", "123456")
	r.ok("connect", "office")
	want := []string{"Password of ada for office", "Second password of ada-token for office"}
	if q := r.person.questions(); !slices.Equal(q, want) {
		t.Errorf("asked %q", q)
	}
	r.ok("disconnect")
	r.person.will("123456")
	r.ok("connect", "office")
	if q := r.person.questions(); !slices.Equal(q, want[1:]) {
		t.Errorf("asked %q", q)
	}
}
