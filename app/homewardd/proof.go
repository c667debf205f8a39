package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/platform/canary"
)

// proof lets the service use platform/canary.
type proof struct{ logger *slog.Logger }

// Prove implements service.Proof.
func (p proof) Prove(ctx context.Context, except []string) (service.Proven, error) {
	r, err := canary.Prove(ctx, canary.Config{Except: except, Logger: p.logger})
	if err != nil {
		return service.Proven{}, err
	}
	found := service.Proven{At: r.At, Held: r.Held, Tried: len(r.Probes) - len(r.Untried())}
	for _, l := range r.Leaks() {
		found.Leaks = append(found.Leaks, fmt.Sprintf("%s over %s by %s, sent by %s", l.Kind, l.Family, l.Device, l.User))
		p.logger.Warn("an attempt to leave was not held back", "kind", l.Kind, "family", l.Family, "device", l.Device, "user", l.User, "detail", l.Detail)
	}
	for because, n := range untried(r) {
		p.logger.Info("attempts to leave could not be made", "attempts", n, "because", because)
	}
	return found, nil
}

// untried counts what could not be tried, by reason.
func untried(r canary.Report) map[string]int {
	reasons := map[string]int{}
	for _, u := range r.Untried() {
		reasons[u.Detail]++
	}
	return reasons
}

// canaryCommand is the child that the service starts as another user, to try to
// leave. It is not for people.
func canaryCommand(in io.Reader, out io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:    canary.Command,
		Short:  "Try to leave, as the service wants it (it starts this itself)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return canary.Child(in, out) },
	}
}
