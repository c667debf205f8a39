package canary

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// inUnit marks the run with the capabilities of the service.
const inUnit = "HOMEWARD_TEST_IN_UNIT"

// TestUnderTheUnit: what the systemd unit leaves of root is enough for every attempt
// of both users, and for ending a child that does not end.
func TestUnderTheUnit(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	if os.Getenv(inUnit) == "" {
		if err := known(Nobody); err != nil {
			t.Skip(err)
		}
		wire(t)
		nft(t, policy(""))
		args := []string{"--bounding-set", bounding(t), "--no-new-privs", "--", os.Args[0], "-test.run=^TestUnderTheUnit$", "-test.v"}
		cmd := exec.Command("setpriv", args...)
		cmd.Env = append(os.Environ(), inUnit+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestUnderTheUnit") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	r := proof(t, eth0)
	r.only(t, Refused, all)
	if !r.Held {
		t.Error("not held")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := asUser(ctx, Nobody, targets("eth0", nil))
	if err == nil || strings.Contains(err.Error(), "not permitted") {
		t.Errorf("a child that has no time: %v", err)
	}
}

// bounding reads the unit's capabilities, as setpriv(1) wants them.
func bounding(t *testing.T) string {
	t.Helper()
	unit, err := os.ReadFile("../../packaging/systemd/homewardd.service")
	if err != nil {
		t.Fatal(err)
	}
	const setting = "CapabilityBoundingSet="
	for line := range strings.Lines(string(unit)) {
		if names, ok := strings.CutPrefix(strings.TrimSpace(line), setting); ok {
			set := "-all"
			for name := range strings.FieldsSeq(names) {
				set += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
			}
			if !strings.Contains(string(unit), "AF_PACKET") {
				t.Error("the unit's RestrictAddressFamilies keeps the wire from being watched")
			}
			return set
		}
	}
	t.Fatal("the unit has no CapabilityBoundingSet")
	return ""
}
