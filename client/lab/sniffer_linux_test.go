package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everyFlowHas waits until every flow has at least n ends of a sort.
func everyFlowHas(ctx context.Context, s *Stranger, n int, what string, of func(Flow, Ends) int) error {
	var missing []string
	err := Until(ctx, what, func() (bool, error) {
		counts, err := s.Count()
		if err != nil {
			return false, err
		}
		missing = missing[:0]
		for f, e := range counts {
			if of(f, e) < n {
				missing = append(missing, fmt.Sprintf("%s: %+v", f, e))
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		slices.Sort(missing)
		return fmt.Errorf("%w; not so are\n%s", err, strings.Join(missing, "\n"))
	}
	return nil
}

// answerable says whether a flow of a stranger gets answers where nothing holds
// it up: the intranet is out of reach, the gateway and the link say nothing.
func answerable(f Flow) bool {
	to := f.To.Addr()
	return to != IntranetAddress && to != IntranetAddress6 && !to.IsMulticast() &&
		(to != GatewayAddress && to != GatewayAddress6 || f.Kind == Echo)
}

// TestStrangerIsSeen: where nothing holds a stranger up, everything that it
// tries leaves the machine and is answered, from new sockets and old ones, and the
// sniffer counts each kind of each family to each destination. So where it counts none,
// there was none.
func TestStrangerIsSeen(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	sniffer, err := l.Sniff("nobody", GatewayOnly())
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := sniffer.Phase(ctx, "the stranger")
	if err != nil || nobody.Leaks() != 0 {
		t.Errorf("with nobody there, %d leaks: %v, %v", nobody.Leaks(), nobody.First, err)
	}
	flows := l.StrangerFlows()
	s, err := l.Stranger(l.Client, flows)
	if err != nil {
		t.Fatal(err)
	}
	if s.UID == 0 {
		t.Log("this user namespace has one user only, so the stranger is root")
	}
	if err := everyFlowHas(ctx, s, 6, "every flow has been answered", func(f Flow, e Ends) int {
		if answerable(f) {
			return e.Answered
		}
		return e.Attempts
	}); err != nil {
		t.Error(err)
	}
	neighbour, err := l.Stranger(l.Router, l.NeighbourFlows())
	if err != nil {
		t.Fatal(err)
	}
	if err := everyFlowHas(ctx, neighbour, 3, "the client's system has answered", func(_ Flow, e Ends) int { return e.Answered + e.Refused }); err != nil {
		t.Error(err)
	}
	tally, err := sniffer.Phase(ctx, "afterwards")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flows {
		if n := tally.Leaked[Sort{f.Kind, f.To.Addr()}]; n < 3 {
			t.Errorf("%s: the sniffer saw %d frames", f, n)
		}
	}
	for _, to := range []netip.Addr{RouterInside, RouterInside6} {
		if n := tally.Leaked[Sort{Echo, to}]; n < 3 {
			t.Errorf("the sniffer saw %d answers to the neighbour at %v", n, to)
		}
	}
	for _, k := range tally.First {
		if k.Phase != "the stranger" || k.Device != "eth0" || k.At.IsZero() || k.Frame.Text == "" {
			t.Errorf("a leak says %q", k)
		}
	}
	if tally.Allowed[ARP]+tally.Allowed[NDP] == 0 {
		t.Errorf("allowed were %v, want what finds neighbours", tally)
	}
	for _, p := range []Protocol{IKE, ESP, DNS, DHCP} {
		if tally.Allowed[p] != 0 {
			t.Errorf("%d frames of %s were taken for the service's", tally.Allowed[p], p)
		}
	}
	counts, err := s.Count()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]Ends{}
	for f, e := range counts {
		k := fmt.Sprintf("%s over IPv%d", f.Kind, f.Family())
		sum := kinds[k]
		sum.Add(e)
		kinds[k] = sum
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%-17s %+v", k, kinds[k])
	}
}

// TestStrangerIsRefused: behind a filter that refuses everything but ARP and what finds
// neighbours, the same stranger is refused in each flow and the sniffer counts
// nothing; it hears at once when the filter is gone.
func TestStrangerIsRefused(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true})
	const rules = `
table inet wall {
	chain output {
		type filter hook output priority 0; policy accept;
		oifname "lo" accept
		icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld2-listener-report } accept
		meta l4proto tcp reject with tcp reset
		reject with icmpx admin-prohibited
	}
}
`
	if err := nft(l.Client, rules); err != nil {
		t.Fatal(err)
	}
	sniffer, err := l.Sniff("behind the wall", GatewayOnly())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Stranger(l.Client, l.StrangerFlows())
	if err != nil {
		t.Fatal(err)
	}
	if err := everyFlowHas(ctx, s, 6, "every flow has been refused", func(_ Flow, e Ends) int { return e.Refused }); err != nil {
		t.Error(err)
	}
	neighbour, err := l.Stranger(l.Router, l.NeighbourFlows())
	if err != nil {
		t.Fatal(err)
	}
	if err := everyFlowHas(ctx, neighbour, 3, "the neighbour has heard nothing", func(_ Flow, e Ends) int { return e.Silent }); err != nil {
		t.Error(err)
	}
	counts, err := s.Count()
	if err != nil {
		t.Fatal(err)
	}
	for f, e := range counts {
		if e.Answered+e.Silent+e.Odd+e.Unreachable > 0 {
			t.Errorf("%s: %+v, want it refused alone", f, e)
		}
	}
	tally, err := sniffer.Phase(ctx, "no wall")
	if err != nil || tally.Leaks() != 0 {
		t.Errorf("behind the wall %d frames leaked: %v, %v", tally.Leaks(), tally.First, err)
	}
	if _, err := l.Client.Run(ctx, "nft", "delete", "table", "inet", "wall"); err != nil {
		t.Fatal(err)
	}
	if err := Until(ctx, "the sniffer sees the stranger", func() (bool, error) { return len(sniffer.Leaked()) > 0, nil }); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := s.Count(); err == nil {
		t.Error("a stranger that was ended still counts")
	}
}

// TestStrangerIsAnotherUser: its processes are not root's, and have no rights.
func TestStrangerIsAnotherUser(t *testing.T) {
	t.Parallel()
	l, _ := start(t, Options{NoGateway: true})
	s, err := l.Stranger(l.Client, l.StrangerFlows()[:1])
	if err != nil {
		t.Fatal(err)
	}
	if s.UID == 0 {
		t.Skip("this user namespace has one user only: package uidmap and an entry in /etc/subuid give it more")
	}
	status, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(s.process.PID()), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t4242\t4242\t4242\t4242\n", "Gid:\t4242\t4242\t4242\t4242\n", "Groups:\t \n", "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the stranger's process is\n%s\nwant %q", status, want)
		}
	}
}
