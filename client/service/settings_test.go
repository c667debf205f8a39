package service

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
)

// TestOffIsAlwaysAWayOut: the administrator's off opens the network also where the disk
// takes nothing, says how long that lasts, and is kept as soon as it can be.
func TestOffIsAlwaysAWayOut(t *testing.T) {
	c := &computer{}
	inComputer(t, c, func(t *testing.T, r *rig) {
		if err := r.set(root, "lockdown"); err != nil || c.now() == nil {
			t.Fatalf("%v: %+v", err, c.now())
		}
		r.fail("saved", errors.New("no space left"))
		if err := r.set(root, "on"); err == nil || c.now() == nil {
			t.Errorf("another mode than off: %v", err)
		}
		err := r.set(root, "off")
		if err == nil || !strings.Contains(err.Error(), "the kill switch is off") || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v", err)
		}
		if st := r.state(control.StateDisconnected); c.now() != nil || st.KillSwitch.Engaged || !strings.Contains(st.KillSwitch.Alarm, "no space left") {
			t.Errorf("%+v: %+v", c.now(), st.KillSwitch)
		}
		if c.disk.now.Settings.KillSwitch != control.KillSwitchLockdown || r.svc.Settings(root).KillSwitch != control.KillSwitchOff {
			t.Errorf("on disk %+v, in force %+v", c.disk.now.Settings, r.svc.Settings(root))
		}
		r.fail("saved", nil)
		if err := r.set(root, "off"); err != nil {
			t.Error(err)
		}
		if st := r.state(control.StateDisconnected); c.disk.now.Settings.KillSwitch != control.KillSwitchOff || st.KillSwitch.Alarm != "" {
			t.Errorf("on disk %+v, %+v", c.disk.now.Settings, st.KillSwitch)
		}
		r.done()
	})
}
