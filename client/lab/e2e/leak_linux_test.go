package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// guarded is a rig whose client is watched from outside while another user of the
// client's machine talks to everybody without a pause.
type guarded struct {
	*rig
	sniffer  *lab.Sniffer
	stranger *lab.Stranger
	open     bool // leaks are to be expected between the scenes
	rows     []string
}

// watch begins to watch.
func (r *rig) watch() *guarded {
	r.t.Helper()
	g := r.watchFor(lab.GatewayOnly(), r.StrangerFlows())
	// Neighbours that have just come up may take a second to be found.
	if err := lab.Until(r.ctx, "the sniffer sees everything that the stranger sends", func() (bool, error) {
		return len(missing(g.sniffer.Leaked())) == 0, nil
	}); err != nil {
		r.t.Fatalf("%v: missing are %v", err, missing(g.sniffer.Leaked()))
	}
	return g
}

// watchFor begins to watch for what is not allowed, with a stranger who tries these, and
// of whom nothing may leave already.
func (r *rig) watchFor(may lab.Allowed, flows []lab.Flow) *guarded {
	r.t.Helper()
	g := &guarded{rig: r, open: true}
	var err error
	if g.sniffer, err = r.Sniff(interlude, may); err != nil {
		r.t.Fatal(err)
	}
	if g.stranger, err = r.Stranger(r.Client, flows); err != nil {
		r.t.Fatal(err)
	}
	if g.stranger.UID == 0 {
		r.t.Log("this user namespace has one user only, so the stranger is no second one: package uidmap and an entry in /etc/subuid give it more")
	}
	r.t.Cleanup(g.print)
	return g
}

// count is what the stranger has tried so far.
func (g *guarded) count() map[lab.Flow]lab.Ends {
	g.t.Helper()
	counts, err := g.stranger.Count()
	if err != nil {
		g.t.Fatal(err)
	}
	return counts
}

// round returns when the stranger has tried everything once more.
func (g *guarded) round() {
	g.t.Helper()
	before := g.count()
	if err := lab.Until(g.ctx, "the stranger has tried everything again", func() (bool, error) {
		now, err := g.stranger.Count()
		for f, e := range now {
			if e.Attempts < before[f].Attempts+2 {
				return false, err
			}
		}
		return true, err
	}); err != nil {
		g.t.Fatal(err)
	}
}

// phase ends what the sniffer counts together and begins to count anew.
func (g *guarded) phase(name string) lab.Tally {
	g.t.Helper()
	t, err := g.sniffer.Phase(g.ctx, name)
	if err != nil {
		g.t.Fatal(err)
	}
	return t
}

const interlude = "between the scenes"

// play plays one scene, with the stranger's attempts to everywhere in it, and gives
// what left the machine meanwhile and how the attempts ended.
func (g *guarded) play(name string, scene func()) (lab.Tally, map[lab.Flow]lab.Ends) {
	g.t.Helper()
	if t := g.phase(name); t.Leaks() > 0 && !g.open {
		g.leaked(t)
	}
	before := g.count()
	scene()
	g.round()
	t, now := g.phase(interlude), g.count()
	for f, e := range now {
		now[f] = e.Less(before[f])
	}
	g.row(t, now)
	return t, now
}

// scene plays one scene, in which nothing may leak: neither does the sniffer see
// anything, nor does the stranger get an answer that did not come through the tunnel.
func (g *guarded) scene(name string, scene func()) map[lab.Flow]lab.Ends {
	g.t.Helper()
	begin := time.Now()
	t, ends := g.play(name, scene)
	if t.Leaks() > 0 {
		g.leaked(t)
	}
	for f, e := range ends {
		if e.Attempts == 0 || f.Device != "" && e.Answered > 0 || e.Odd > 0 {
			g.t.Errorf("%s: %s: %+v", name, f, e)
		}
	}
	if g.t.Failed() {
		g.t.Logf("%s lasted from %s to %s", name, begin.Format(time.TimeOnly), time.Now().Format(time.TimeOnly))
	}
	return ends
}

// leaked reports what left in a phase.
func (g *guarded) leaked(t lab.Tally) {
	g.t.Helper()
	var first []string
	for _, k := range t.First {
		first = append(first, k.String())
	}
	g.t.Errorf("%s: %d frames leaked, the first\n%s", t.Phase, t.Leaks(), strings.Join(first, "\n"))
}

// row keeps a line of the table.
func (g *guarded) row(t lab.Tally, ends map[lab.Flow]lab.Ends) {
	var attempts []string
	var sum lab.Ends
	for _, k := range lab.Kinds {
		var of [2]int
		for f, e := range ends {
			if f.Kind == k {
				of[(f.Family()-4)/2] += e.Attempts
				sum.Add(e)
			}
		}
		attempts = append(attempts, fmt.Sprintf("%5d/%-5d", of[0], of[1]))
	}
	g.rows = append(g.rows, fmt.Sprintf("%-44s %6.1fs %s %6d %6d %6d %5d %5d", t.Phase, t.Took.Seconds(), strings.Join(attempts, " "),
		sum.Answered, sum.Refused, sum.Silent+sum.Unreachable, t.Seen(), t.Leaks()))
}

// print prints the table.
func (g *guarded) print() {
	var kinds []string
	for _, k := range lab.Kinds {
		kinds = append(kinds, fmt.Sprintf("%-11s", fmt.Sprintf("%s v4/v6", k)))
	}
	head := fmt.Sprintf("%-44s %7s %s %6s %6s %6s %5s %5s", "scene", "took", strings.Join(kinds, " "), "answer", "refuse", "other", "may", "leaks")
	g.t.Log("what a stranger tried, how it ended, and what the sniffer saw leave:\n" + head + "\n" + strings.Join(g.rows, "\n"))
}

// missing are the kinds and families that were not seen to leave.
func missing(leaked map[lab.Sort]int) (without []string) {
	for _, k := range lab.Kinds {
		for _, family := range []int{4, 6} {
			n := 0
			for s, c := range leaked {
				if s.Kind == k && s.Family() == family {
					n += c
				}
			}
			if n == 0 {
				without = append(without, fmt.Sprintf("%s over IPv%d", k, family))
			}
		}
	}
	slices.Sort(without)
	return without
}

// TestLeaksWithoutKillSwitch is the control run: without a kill switch each scene
// leaks every kind over both families, and the same sniffer sees it.
func TestLeaksWithoutKillSwitch(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	g := r.watch()
	for _, s := range []struct {
		name string
		play func()
	}{
		{"without a line", func() {}},
		{"connecting", func() { r.connect(lab.OfficeProfile) }},
		{"connected, bound to the device", func() {}},
		{"kill -9", func() {
			if err := r.Kill(); err != nil {
				t.Fatal(err)
			}
		}},
		{"started again", func() {
			if err := r.Homeward.Start(r.ctx); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		tally, _ := g.play(s.name, s.play)
		if without := missing(tally.Leaked); len(without) > 0 {
			t.Errorf("%s: the sniffer saw no %s leave", s.name, strings.Join(without, ", no "))
		}
	}
}
