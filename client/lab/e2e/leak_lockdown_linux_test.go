package e2e

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestNothingLeaksInLockdown: from the word of the administrator until the word that
// lifts it nothing leaves, with a line and without, and however the service ends.
func TestNothingLeaksInLockdown(t *testing.T) {
	t.Parallel()
	g := guard(t, lab.Options{}, "")
	g.importFile(lab.OfficeProfile)
	g.round()
	g.must("", "killswitch", "lockdown")
	g.phase(interlude)
	g.open = false
	g.scene("lockdown, nobody wants a line", func() { g.tellsTruth("lockdown") })
	g.scene("connect", g.signIn)
	g.scene("connected", func() { g.tellsTruth("lockdown") })
	g.scene("Disconnect", func() { g.must("", "disconnect"); g.tellsTruth("lockdown") })
	g.scene("a wrong password", func() {
		g.fails("wrong\n", "connect", guardedProfile, "--user", lab.UserName, "--password-stdin")
	})
	g.scene("kill -9 without a line", func() { g.do(g.Kill); g.cleanedUp() })
	g.scene("started again", func() { g.do(func() error { return g.Homeward.Start(g.ctx) }); g.tellsTruth("lockdown") })
	g.scene("kill -9 while connecting", func() {
		g.connectUntil("signing-in")
		g.do(g.Kill)
	})
	g.scene("started once more", func() { g.do(func() error { return g.Homeward.Start(g.ctx) }) })
	g.scene("kill -9 of a line", func() {
		g.signIn()
		g.do(g.Kill)
	})
	g.scene("the service started, and stopped", func() {
		g.do(func() error { return g.Homeward.Start(g.ctx) })
		g.do(func() error { return g.Homeward.Stop(g.ctx) })
		g.cleanedUp()
	})
	g.do(func() error { return g.Homeward.Start(g.ctx) })
	g.reopens("lockdown lifted", func() { g.must("", "killswitch", "off") })
	g.untouched("with the lockdown lifted")
}

const (
	// stormCycles is how often a storm connects and lets go.
	stormCycles = 100
	// stormTime bounds the storm, on a machine that is busy with other tests.
	stormTime = 6 * time.Minute
)

// TestNothingLeaksInAStorm: lines that come and go a hundred times, each as soon as
// the one before is gone.
func TestNothingLeaksInAStorm(t *testing.T) {
	t.Parallel()
	g := guardFor(t, stormTime, lab.Options{}, "lockdown")
	g.phase(interlude)
	g.open = false
	g.scene("a storm of connections", func() {
		for range stormCycles {
			g.signIn()
			g.must("", "disconnect")
		}
	})
	g.reopens("lockdown lifted", func() { g.must("", "killswitch", "off") })
	g.untouched("with the lockdown lifted")
}
