package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeward-vpn/homeward/client/control"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON, follow bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether you are connected, and how",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context(), asJSON, follow)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON; with --watch one line for each change")
	cmd.Flags().BoolVar(&follow, "watch", false, "go on with every change until Ctrl-C")
	return cmd
}

func (a *app) status(ctx context.Context, asJSON, follow bool) error {
	if follow {
		err := a.client.Watch(ctx, func(st control.Status) error {
			if asJSON {
				return json.NewEncoder(a.out).Encode(st)
			}
			return a.printStatus(st, time.Now())
		})
		return unlessStopped(ctx, err)
	}
	st, err := a.client.Status(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.out, st)
	}
	return a.printStatus(st, time.Now())
}

// headline is the one answer that comes first.
func headline(st control.Status, now time.Time) string {
	name := plain(st.Profile)
	if name == "" {
		name = "another user's network"
	}
	switch st.State {
	case control.StateConnected:
		if st.Path != nil && st.Path.Waiting {
			return fmt.Sprintf("Connected to %s, and waiting for a network", name)
		}
		return fmt.Sprintf("Connected to %s since %s", name, at(st.Since, now))
	case control.StateConnecting:
		if words := stepWords[st.Step]; words != "" {
			return fmt.Sprintf("Connecting to %s: %s", name, words)
		}
		return "Connecting to " + name
	case control.StateNeedsInput:
		return fmt.Sprintf("Connecting to %s needs your answer: run «homewardctl connect %s»", name, quoteArg(st.Profile))
	case control.StateDisconnecting:
		return "Disconnecting from " + name
	case control.StateBlocked:
		return blocked(st)
	default:
		return "Not connected"
	}
}

// blocked says that nothing leaves, and what opens the network again.
func blocked(st control.Status) string {
	switch {
	case !st.KillSwitch.Engaged:
		return "Not connected, and it is not sure that nothing leaves this computer"
	case st.Redacted:
		return "Blocked: nothing leaves this computer until another user of it, or an administrator, disconnects"
	case st.KillSwitch.Mode == control.KillSwitchLockdown:
		return "Blocked: nothing leaves this computer until you connect"
	default:
		return "Blocked: nothing leaves this computer until you connect or disconnect"
	}
}

// heldBack tells somebody whose attempt has failed that the network is closed now, and
// the way out; empty: it is not.
func heldBack(st control.Status) string {
	switch {
	case st.State != control.StateBlocked || !st.KillSwitch.Engaged:
		return ""
	case st.KillSwitch.Mode == control.KillSwitchLockdown:
		return "Lockdown is on, so nothing leaves this computer until you connect."
	default:
		return "The kill switch holds, so nothing leaves this computer until you connect; «homewardctl disconnect» opens the network."
	}
}

func (a *app) printStatus(st control.Status, now time.Time) error {
	if _, err := fmt.Fprintln(a.out, headline(st, now)); err != nil {
		return err
	}
	var rows []row
	if g := st.Gateway; g != nil {
		rows = append(rows,
			row{"Gateway", fmt.Sprintf("%s (%s)", g.Identity, g.Address)},
			row{"Your address", prefixes(st.Addresses)},
			row{"Through the line", routes(st.Routes)},
			row{"Names", names(st.DNS)})
	}
	if i := st.IKE; i != nil {
		rows = append(rows, row{"IKE", fmt.Sprintf("%s, new keys %s", i.Suite, until(i.RekeyAt, now))})
	}
	if n := st.Network; n != nil {
		rows = append(rows, row{"By", networkWords(*n)})
	}
	if p := st.Path; p != nil && len(p.Moves) > 0 {
		rows = append(rows, row{"Moved", moves(p.Moves, now)})
	}
	if e := st.ESP; e != nil {
		rows = append(rows,
			row{"ESP", e.Suite},
			row{"Sent", fmt.Sprintf("%s in %d packets", size(e.TxBytes), e.TxPackets)},
			row{"Received", fmt.Sprintf("%s in %d packets", size(e.RxBytes), e.RxPackets)},
			row{"Dropped", drops(e.Drops)})
		for _, sa := range e.SAs {
			rows = append(rows, row{"Child SA", childSA(sa, now)})
		}
	}
	if st.KillSwitch.Mode != "" && st.KillSwitch.Mode != control.KillSwitchOff {
		rows = append(rows, row{"Kill switch", killSwitchWords(st.KillSwitch, now)})
	}
	if st.Automatic != nil {
		rows = append(rows, row{"By itself", automatic(*st.Automatic)})
	}
	if err := printRows(a.out, "  ", rows); err != nil {
		return err
	}
	if st.KillSwitch.Alarm != "" {
		if _, err := fmt.Fprintln(a.out, "  ALARM: "+plain(st.KillSwitch.Alarm)); err != nil {
			return err
		}
	}
	notes := slices.Clone(st.Warnings)
	if again := renewal(st, now); again != "" {
		notes = append([]string{again}, notes...)
	}
	if st.Error != nil {
		notes = append([]string{st.Error.Message}, notes...)
	}
	for _, n := range notes {
		if _, err := fmt.Fprintln(a.out, "  "+plain(n)); err != nil {
			return err
		}
	}
	return nil
}

// renewal says that a line which stands wants a new sign-in, and whether somebody
// has to do something about it.
func renewal(st control.Status, now time.Time) string {
	if st.SignInAgainBy == nil || st.State != control.StateConnected {
		return ""
	}
	by := at(*st.SignInAgainBy, now)
	if slices.ContainsFunc(st.Prompts, func(p control.Prompt) bool { return p.Again }) {
		return fmt.Sprintf("Sign in again until %s: run «homewardctl connect %s».", by, quoteArg(st.Profile))
	}
	return fmt.Sprintf("Signed in until %s; it is renewed before.", by)
}

// childSA is one line about a Child SA: its names at both ends, what it may carry
// and has carried, and how long it has.
func childSA(sa control.ESPSA, now time.Time) string {
	return fmt.Sprintf("%08x/%08x to %s with %s since %s, new keys %s, %s sent, %s received",
		sa.InboundSPI, sa.OutboundSPI, plain(strings.Join(sa.Remote, ", ")), plain(sa.Suite), at(sa.Since, now), until(sa.RekeyAt, now),
		size(sa.TxBytes), size(sa.RxBytes))
}

// networkWords says what the line goes by.
func networkWords(n control.Network) string {
	kind := map[string]string{
		control.NetworkWiFi: "Wi-Fi", control.NetworkEthernet: "Ethernet", control.NetworkCellular: "mobile data",
	}[n.Kind]
	switch {
	case kind == "":
		return n.Name
	case n.Name == "":
		return kind
	default:
		return fmt.Sprintf("%s (%s)", kind, n.Name)
	}
}

// moves tells the last change of network, and how many more are known.
func moves(list []control.Move, now time.Time) string {
	last := list[len(list)-1]
	s := fmt.Sprintf("from %s to %s since %s", last.From, last.To, at(last.At, now))
	if last.From == last.To {
		s = fmt.Sprintf("to another address of the gateway since %s", at(last.At, now))
	}
	if more := len(list) - 1; more > 0 {
		s += fmt.Sprintf(", and %d times before", more)
	}
	return s
}

func routes(list []netip.Prefix) string {
	full := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Bits() == 0 })
	if !full {
		return prefixes(list)
	}
	both := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Bits() == 0 && p.Addr().Is4() }) &&
		slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Bits() == 0 && p.Addr().Is6() })
	if both {
		return "everything"
	}
	return "everything of " + prefixes(list)
}

func names(d control.DNS) string {
	var servers []string
	for _, s := range d.Servers {
		servers = append(servers, s.String())
	}
	switch {
	case len(servers) == 0:
		return ""
	case len(d.Domains) == 0:
		return "all asked at " + strings.Join(servers, ", ")
	default:
		return strings.Join(d.Domains, ", ") + " asked at " + strings.Join(servers, ", ")
	}
}

func drops(d map[string]uint64) string {
	var words []string
	for reason, n := range d {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, reason))
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
