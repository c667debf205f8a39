package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/platform/killswitch"
)

// barrier is the block as it is put up and taken away where no service runs:
// early at boot, behind a service that has ended, and by an administrator.
type barrier interface {
	// Stands says whether a policy of any process holds the machine.
	Stands() (bool, error)
	// Block lets nothing out but what every policy does, and the local network
	// where it is permitted, in the place of whatever policy there was.
	Block(localNetwork bool) error
	// Lift takes every policy away. Where there is none it does nothing.
	Lift() error
}

// firewall is the real one.
type firewall struct{ logger *slog.Logger }

func (f firewall) Stands() (bool, error) {
	s, err := killswitch.New(killswitch.Config{Logger: f.logger})
	if err != nil {
		return false, err
	}
	return s.Stands()
}

func (f firewall) Block(localNetwork bool) error {
	s, err := killswitch.New(killswitch.Config{Logger: f.logger})
	if err != nil {
		return err
	}
	var p killswitch.Policy
	if localNetwork { // which networks the machine is on is not known yet
		p.LocalNetworks = killswitch.CommonLocalNetworks()
	}
	return s.Set(p)
}

func (f firewall) Lift() error {
	err := killswitch.Remove()
	if none := (*killswitch.UnavailableError)(nil); errors.As(err, &none) && !errors.Is(err, fs.ErrPermission) {
		return nil // a kernel that can hold no policy holds none
	}
	return err
}

// bootRetry is how long boot waits before it tries again.
const bootRetry = time.Second

// bootParts are what boot works on.
type bootParts struct {
	dir     string
	config  string // the administrator's
	wait    bool   // until what is asked for stands, or is no longer asked for
	barrier barrier
	retry   <-chan time.Time // one tick for each further try
	out     io.Writer
	logger  *slog.Logger
}

// boot blocks the network where the posture asks for it. It reads the state
// directory and writes nothing there, for early at boot nothing may be writable.
// A block that stands already is left alone: it may be that of a live service.
//
// With wait it does not come back while it cannot do what is asked: the unit is
// ordered before the network, which is so kept from coming up without a block.
func boot(ctx context.Context, b bootParts) error {
	said := ""
	for {
		done, err := b.once()
		if err == nil {
			_, err := fmt.Fprintln(b.out, done)
			return err
		}
		if !b.wait {
			return err
		}
		if text := err.Error(); text != said {
			b.logger.Error("the network is kept from starting, for it cannot be blocked; «homewardd cleanup» lifts that", "error", err)
			said = text
		}
		select {
		case <-b.retry:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// once does it, and says what it did.
func (b bootParts) once() (string, error) {
	d := underPolicy(posture.AtBoot(b.dir), b.dir, b.config, b.logger)
	if d.Unreadable != nil {
		b.logger.Error("the kill switch's state cannot be read", "error", d.Unreadable, "block", d.Block)
	}
	if !d.Block {
		return "Not blocked: " + d.Reason + ".", nil
	}
	standing, err := b.barrier.Stands()
	if err == nil && standing {
		return "Blocked already: " + d.Reason + ".", nil
	}
	if err := errors.Join(err, b.barrier.Block(d.LocalNetwork)); err != nil {
		return "", fmt.Errorf("the network should be blocked (%s), and is not: %w", d.Reason, err)
	}
	return "Blocked: " + d.Reason + ".", nil
}

// underPolicy is a decision with what the administrator's policy has to say: it can have
// the network blocked that was not, the first time after it was laid down, say. What
// holds already is for the service to lift, and stays while a policy cannot be read.
func underPolicy(d posture.Decision, dir, config string, logger *slog.Logger) posture.Decision {
	p, laidDown, err := provision.AtBoot(config)
	if err != nil {
		logger.Error("the administrator's policy cannot be read, and what was before holds", "error", err, "block", d.Block)
		return d
	}
	if d.Block || p.KillSwitch != provision.KillSwitchLockdown {
		return d
	}
	var now posture.Posture
	store, err := posture.Open(dir)
	if err == nil {
		now, err = store.Get()
	}
	own := now.Mode
	if now.Policed {
		own = now.OwnMode
	}
	switch {
	case err == nil && !p.Holds(provision.KillSwitchField) && own != posture.Unset:
		return d // somebody has set another mode, which the policy leaves to them
	case !laidDown && !now.Profiled:
		return d // lockdown waits for the first profile
	}
	d.Block, d.Reason, d.LocalNetwork = true, "the administrator's policy wants lockdown", p.LocalNetwork == provision.LocalNetworkAllow
	return d
}

func bootCommand(out, errOut io.Writer) *cobra.Command {
	b := bootParts{out: out}
	cmd := &cobra.Command{
		Use:   "boot",
		Short: "Block the network before it is up, where the kill switch asks for that; for the early-boot unit",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			handler, err := logHandler(errOut, "warn")
			if err != nil {
				return err
			}
			b.logger = slog.New(handler)
			b.barrier = firewall{b.logger}
			tick := time.NewTicker(bootRetry)
			defer tick.Stop()
			b.retry = tick.C
			return boot(cmd.Context(), b)
		},
	}
	stateDirFlag(cmd, &b.dir)
	configDirFlag(cmd, &b.config)
	cmd.Flags().BoolVar(&b.wait, "wait", false, "while it cannot be blocked, try again instead of failing")
	return cmd
}
