package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// held is what status says of the kill switch.
type held struct {
	State      string `json:"state"`
	KillSwitch struct {
		Mode     string     `json:"mode"`
		Verified *time.Time `json:"verified"`
		Alarm    string     `json:"alarm"`
	} `json:"killswitch"`
}

func (r *rig) held() held {
	r.t.Helper()
	var h held
	if err := json.Unmarshal([]byte(r.must("", "status", "--json")), &h); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// verified waits until a state is there and it is proven, by attempts that began
// after a moment, that what stands in it holds.
func (r *rig) verified(state string, since time.Time) {
	r.t.Helper()
	if err := lab.Until(r.ctx, "the kill switch is verified, "+state, func() (bool, error) {
		h := r.held()
		if h.KillSwitch.Alarm != "" {
			r.t.Fatalf("%s: %s", state, h.KillSwitch.Alarm)
		}
		at := h.KillSwitch.Verified
		return h.State == state && at != nil && at.After(since), nil
	}); err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("%s: verified after %v", state, time.Since(since).Round(time.Millisecond))
}

// nothing wants that nothing left, but what may.
func nothing(t *testing.T, tally lab.Tally) {
	t.Helper()
	if tally.Leaks() == 0 {
		t.Logf("%s: %s", tally.Phase, tally)
		return
	}
	for _, k := range tally.First {
		t.Errorf("leaked: %s", k)
	}
}

// TestNameFoundInLockdown: while nothing may leave the service finds the gateway's
// name, and no packet leaves but that question; where the network's name server is
// dead it uses the addresses of before; and the kill switch is verified in every state.
func TestNameFoundInLockdown(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	begun := time.Now()
	r.must("", "killswitch", "lockdown")
	r.verified("blocked", begun)
	if n := r.PublicDNS.Queries(lab.GatewayName); n != 0 {
		t.Errorf("the name was asked for %d times before anybody wanted it", n)
	}
	sniffer, err := r.Sniff("connecting in lockdown", lab.GatewayOnly())
	if err != nil {
		t.Fatal(err)
	}
	phase := func(next string) {
		t.Helper()
		tally, err := sniffer.Phase(r.ctx, next)
		if err != nil {
			t.Fatal(err)
		}
		nothing(t, tally)
	}
	begun = time.Now()
	r.connect(lab.OfficeProfile)
	if n := r.PublicDNS.Queries(lab.GatewayName); n == 0 {
		t.Error("the name server was not asked")
	}
	r.verified("connected", begun)
	r.opens(intranet("/"), "")
	phase("disconnected in lockdown")
	left := time.Now()
	r.must("", "disconnect")
	r.verified("blocked", left)
	phase("connecting without a name server")

	before := r.PublicDNS.Queries(lab.GatewayName)
	for _, args := range []string{"add table inet dead", "add chain inet dead in { type filter hook input priority 0; }", "add rule inet dead in udp dport 53 drop", "add rule inet dead in tcp dport 53 drop"} {
		if _, err := r.Router.Run(r.ctx, "nft", args); err != nil {
			t.Fatal(err)
		}
	}
	if err := lab.Until(r.ctx, "the answer of before is no longer new", func() (bool, error) {
		return time.Since(begun) > 3*time.Second, nil // the lab's TTL is one
	}); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	r.connect(lab.OfficeProfile)
	t.Logf("connected without a name server after %v", time.Since(begun).Round(time.Millisecond))
	if n := r.PublicDNS.Queries(lab.GatewayName); n != before {
		t.Errorf("the dead name server has answered %d times", n-before)
	}
	if !strings.Contains(r.Homeward.Log(), "the addresses of before are used") {
		t.Error("the service does not say that it uses the addresses of before")
	}
	r.verified("connected", begun)
	phase("over")
	r.must("", "disconnect")
	r.must("", "killswitch", "off")
	if k := r.held().KillSwitch; k.Mode != "off" || k.Verified != nil || k.Alarm != "" {
		t.Errorf("off: %+v", k)
	}
}

// TestKillSwitchFlushed: rules that somebody flushes are set again, and that they hold
// is proven anew.
func TestKillSwitchFlushed(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	begun := time.Now()
	r.must("", "killswitch", "lockdown")
	r.verified("blocked", begun)
	sets := strings.Count(r.Homeward.Log(), "the kill switch holds")
	if _, err := r.Client.Run(r.ctx, "nft", "flush", "ruleset"); err != nil {
		t.Fatal(err)
	}
	if err := lab.Until(r.ctx, "the kill switch is proven again after a flush", func() (bool, error) {
		return strings.Count(r.Homeward.Log(), "the kill switch holds") > sets, nil
	}); err != nil {
		t.Fatal(err)
	}
	rules, err := r.Client.Run(r.ctx, "nft", "list", "ruleset")
	if err != nil || !strings.Contains(rules, "table inet homeward") {
		t.Errorf("after a flush there stands %q, %v", rules, err)
	}
	r.must("", "killswitch", "off")
}
