package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/platform/ledger"
)

// cleaning is what cleanup works on.
type cleaning struct {
	dir string
	// keepBlock: a block that the posture asks for stays. Without it nothing
	// stays, and the posture is forgotten, too: this is the way out.
	keepBlock bool
	barrier   barrier
	out       io.Writer
	logger    *slog.Logger
}

// cleanup takes back what the service has changed in the system: what the
// ledger holds, and the block. Under a running service it changes nothing.
func cleanup(c cleaning) error {
	l, err := openLedger(c.dir)
	if locked := (*ledger.LockedError)(nil); errors.As(err, &locked) {
		return err
	}
	// A ledger that is damaged keeps nobody from lifting a block, or holding it.
	var did []string
	if c.keepBlock { // before the routes that lead into the tunnel are taken away
		said, berr := c.keep()
		did, err = append(did, said...), errors.Join(err, berr)
	}
	if l != nil {
		said, rerr := c.replay(l)
		did, err = append(did, said...), errors.Join(err, rerr, l.Close())
	}
	if !c.keepBlock {
		said, berr := c.lift()
		did, err = append(did, said...), errors.Join(err, berr)
	}
	if err == nil && len(did) == 0 {
		did = []string{"Nothing to clean up."}
	}
	if len(did) > 0 {
		_, werr := fmt.Fprintln(c.out, strings.Join(did, "\n"))
		err = errors.Join(err, werr)
	}
	return err
}

// openLedger opens the ledger of a state directory, where there is one.
func openLedger(dir string) (*ledger.Ledger, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return ledger.Open(dir)
}

// replay takes back what the ledger holds.
func (c cleaning) replay(l *ledger.Ledger) ([]string, error) {
	before := l.Len()
	if err := l.Replay(undo()); err != nil {
		c.logger.Error("not everything could be taken back", "left", l.Len(), "error", err)
		return nil, fmt.Errorf("%d of %d changes could not be taken back; run it again, and restart the computer if that does not help: %w", l.Len(), before, err)
	}
	if before == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("Cleaned up: %d changes taken back.", before)}, nil
}

// keep leaves the block, and nothing but that, where the posture asks for one:
// what the service's last policy let through (a tunnel, a portal's sign-in) has
// ended with it.
func (c cleaning) keep() ([]string, error) {
	d := posture.AtBoot(c.dir)
	if !d.Block {
		return nil, c.barrier.Lift()
	}
	if err := c.barrier.Block(d.LocalNetwork); err != nil {
		return nil, fmt.Errorf("the network should be blocked (%s); what the service has put up was left as it is: %w", d.Reason, err)
	}
	return []string{"The network stays blocked: " + d.Reason + "; «homewardctl killswitch off», or «homewardd cleanup» while the service is stopped, opens it."}, nil
}

// lift takes the block away, for good. The posture goes first: a computer that
// is switched off between the two starts without a block.
func (c cleaning) lift() ([]string, error) {
	d := posture.AtBoot(c.dir)
	standing, serr := c.barrier.Stands()
	err := errors.Join(posture.Clear(c.dir), c.barrier.Lift())
	if err == nil && serr != nil {
		c.logger.Debug("whether the network was blocked is not known", "error", serr)
	}
	if err != nil {
		return nil, fmt.Errorf("the kill switch could not be taken back whole: %w", err)
	}
	if !standing && !d.Block {
		return nil, nil
	}
	return []string{"The kill switch is off: the network is open again."}, nil
}

func cleanupCommand(out, errOut io.Writer) *cobra.Command {
	c := cleaning{out: out}
	cmd := &cobra.Command{
		Use:   "cleanup",
		Short: "Take back everything the service has changed: routes, rules, name servers, devices, the kill switch",
		Long: `Takes back what a service that does not run any more has left: routes, rules, name servers, devices.
It also lifts the kill switch, lockdown included, and forgets that it was set. This is the way out for the
administrator of a computer that is blocked:

    systemctl stop homewardd && homewardd cleanup`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			handler, err := logHandler(errOut, "warn")
			if err != nil {
				return err
			}
			c.logger = slog.New(handler)
			c.barrier = firewall{c.logger}
			return cleanup(c)
		},
	}
	stateDirFlag(cmd, &c.dir)
	cmd.Flags().BoolVar(&c.keepBlock, "keep-block", false, "leave the network blocked where the kill switch asks for that; for the service's unit")
	return cmd
}
