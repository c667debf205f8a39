package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestKill kills the service with SIGKILL at every step of a connection and at
// many moments between, then recovers by `homewardd cleanup` or by a start, in
// turn, and compares the machine byte for byte with what it was before.
func TestKill(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.SplitProfile)
	r.importFile(lab.OfficeProfile)

	turn := 0
	recover := func(when string) {
		t.Helper()
		if err := r.Kill(); err != nil {
			t.Fatal(err)
		}
		turn++
		if turn%2 == 0 {
			if out, err := r.CleanUp(r.ctx); err != nil {
				t.Fatalf("%s: homewardd cleanup: %v: %s", when, err, out)
			}
			r.untouched("killed " + when + ", after cleanup")
		}
		if err := r.Homeward.Start(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.untouched("killed " + when + ", after the next start")
	}

	for _, step := range []string{"reaching", "checking", "signing-in", "setting-up", "connected"} {
		r.connectUntil(step)
		recover("at " + step)
	}
	for _, profile := range []string{lab.OfficeProfile, lab.SplitProfile} {
		for after := time.Duration(0); after < 160*time.Millisecond; after += 10 * time.Millisecond {
			ctx, cancel := context.WithCancel(r.ctx)
			done := r.connecting(ctx, profile)
			<-time.After(after)
			recover(fmt.Sprintf("%v after connect %s", after, profile))
			cancel()
			<-done
		}
	}
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
}

// connecting runs `homewardctl connect` beside the test; the channel closes
// when it has ended, however.
func (r *rig) connecting(ctx context.Context, profile string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := r.Ctl(ctx, lab.UserPassword+"\n", "connect", profile, "--user", lab.UserName, "--password-stdin"); err != nil && ctx.Err() == nil {
			r.t.Error(err)
		}
	}()
	return done
}

// connectUntil connects and returns as soon as the status has told of a step,
// or of a later one, for steps may be too short to be seen.
func (r *rig) connectUntil(step string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
	defer cancel()
	watch := r.CtlCommand(ctx, "status", "--json", "--watch")
	out, err := watch.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() { // the state before
		r.t.Fatal("the watch says nothing")
	}
	done := r.connecting(ctx, lab.OfficeProfile)
	order := map[string]int{"reaching": 1, "checking": 2, "signing-in": 3, "setting-up": 4, "connected": 5}
	for lines.Scan() {
		var s struct{ State, Step string }
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			r.t.Fatalf("the watch prints %q: %v", lines.Text(), err)
		}
		at := order[s.Step]
		if s.State == "connected" {
			at = order["connected"]
		}
		if at >= order[step] {
			break
		}
	}
	go func() {
		<-done
		cancel()
	}()
	if err := watch.Process.Kill(); err != nil {
		r.t.Error(err)
	}
	if err := watch.Wait(); err == nil {
		r.t.Error("the watch ended by itself")
	}
}
