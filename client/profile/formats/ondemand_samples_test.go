package formats

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/profiletest"
)

// TestSamplesByThemselves: which of the samples connect by themselves, and by what.
func TestSamplesByThemselves(t *testing.T) {
	t.Parallel()
	dir := profiletest.Samples(t)
	for file, want := range map[string]struct {
		when  profile.When
		words []string
		guard profile.KillSwitch
	}{
		"jawj-2022-no-localid.mobileconfig": {profile.WhenRules, []string{"connect in every network"}, ""},
		"gaomd-psk.mobileconfig":            {profile.WhenRules, []string{"connect in every network"}, ""},
		"synth-ios26-keys.mobileconfig":     {profile.WhenRules, []string{"connect in every network"}, profile.KillSwitchOn},
		"hwdsl2-vpnclient.mobileconfig":     {profile.WhenNever, nil, ""},
		"algo-testuser1.mobileconfig":       {profile.WhenNever, nil, ""},
		"passimx-minimal.mobileconfig":      {profile.WhenNever, nil, ""},
	} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		found, err := Import(data)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %d connections, %v", file, len(found), err)
		}
		p := found[0].Profile
		if p.OnDemand.When != want.when || len(p.OnDemand.Rules) != len(want.words) || p.Traffic.KillSwitch != want.guard {
			t.Errorf("%s: %+v, kill switch %q", file, p.OnDemand, p.Traffic.KillSwitch)
			continue
		}
		for i, words := range want.words {
			if got := p.OnDemand.Rules[i].Words(); got != words {
				t.Errorf("%s: rule %d is %q, want %q", file, i+1, got, words)
			}
		}
	}
}
