package desktop

import (
	"testing"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
)

// TestHeldProfiles: where only administrators add profiles, the list ends with who does,
// which is nothing to press, and with the button again when that has changed.
func TestHeldProfiles(t *testing.T) {
	d, _ := testDesktop(t, Config{})
	in := viewmodel.Input{Now: today(12, 0), Link: viewmodel.LinkReady, UID: 1000, Profiles: []control.ProfileInfo{harbour}}
	for _, held := range []bool{false, true, false} {
		in.Settings = control.Settings{}
		if held {
			in.Settings.Managed, in.Settings.ManagedBy = []string{control.ManagedOwnProfiles}, "Harbour IT"
		}
		d.Show(viewmodel.Main(in, d.config.Say))
		open := d.sidebar.open
		if open.Disabled() != held || open.sign.Visible() == held || (open.Text() == "Harbour IT adds the profiles.") != held {
			t.Errorf("held %t: %q, disabled %t, with its sign %t", held, open.Text(), open.Disabled(), open.sign.Visible())
		}
	}
}
