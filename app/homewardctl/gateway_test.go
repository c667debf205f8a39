package main

import (
	"context"
	"sync/atomic"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

type gateway = func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error

// passwordGateway signs in who knows the password.
func passwordGateway(password string) gateway {
	return func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
		for _, step := range []string{"resolving", "reaching", "checking", "signing-in"} {
			emit(tunnel.Progress{Step: step})
		}
		user := cfg.Username
		if user == "" {
			user = cfg.Profile.Client.Username
		}
		a, err := cfg.Ask(ctx, tunnel.Question{Kind: tunnel.AskPassword, Username: user})
		if err != nil {
			return err
		}
		if string(a.Secret) != password || a.Username == "" {
			return &diagnose.Failure{Cause: diagnose.CauseWrongPassword}
		}
		emit(tunnel.Progress{Step: "setting-up"})
		return lineUp(ctx, emit)
	}
}

// askingGateway asks one question and hands the answer to look.
func askingGateway(q tunnel.Question, look func(tunnel.Answer) bool) gateway {
	return func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error {
		a, err := cfg.Ask(ctx, q)
		if err != nil {
			return err
		}
		if !look(a) {
			return &diagnose.Failure{Cause: diagnose.CauseRejected}
		}
		return lineUp(ctx, emit)
	}
}

// silentGateway never answers; it notes when it was given up.
func silentGateway(started chan<- struct{}, left *atomic.Bool) gateway {
	return func(ctx context.Context, _ tunnel.Config, emit func(tunnel.Event)) error {
		emit(tunnel.Progress{Step: "reaching"})
		close(started)
		<-ctx.Done()
		left.Store(true)
		return nil
	}
}

func failingGateway(f *diagnose.Failure) gateway {
	return func(context.Context, tunnel.Config, func(tunnel.Event)) error { return f }
}
