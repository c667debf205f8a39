package tunnel

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
)

// Every quirk that a profile may name is one that the core can be told of, and the
// other way round; what a profile names reaches the core.
func TestQuirksOfProfileAreThoseOfTheCore(t *testing.T) {
	t.Parallel()
	var core []string
	for _, row := range ike.Quirks() {
		if row.Chosen {
			core = append(core, string(row.Name))
		}
	}
	var named []string
	for _, q := range profile.Quirks() {
		named = append(named, string(q))
	}
	slices.Sort(core)
	slices.Sort(named)
	if !slices.Equal(core, named) {
		t.Errorf("profiles have %q, the core %q", named, core)
	}
	p := &profile.Profile{
		Gateway: profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayPSK, Quirks: profile.Quirks()},
		Client:  profile.Client{Auth: profile.ClientPSK},
	}
	cfg, err := New(Config{Profile: p}).sessionConfig(clientAddr, netip.AddrPortFrom(gatewayAddr, 500), &credentials{})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Quirks) != len(named) || cfg.Quirks[0] != ike.Quirk(profile.Quirks()[0]) {
		t.Errorf("the core is told %q", cfg.Quirks)
	}
	if _, err := ike.New(cfg); err != nil {
		t.Error(err)
	}
}
