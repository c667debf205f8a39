package main

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestOverlap: a person chooses who has the addresses of both, sees the choice, and takes
// it back; the rest of the profile stays as it is.
func TestOverlap(t *testing.T) {
	r := newRig(t)
	r.ok("import", r.file("office.mobileconfig", mobileconfig("office", eapUser, "")))
	stored := func() *profile.Profile {
		p, err := r.app.client.Profile(t.Context(), "office")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := stored()
	for _, c := range []struct {
		word, said string
		want       profile.Overlap
	}{
		{"company", "belong to the company", profile.OverlapCompany},
		{"local", "belong to the network you are in", profile.OverlapLocal},
		{"default", "but for what the profile names of it", profile.OverlapDefault},
	} {
		if out := r.ok("overlap", "office", c.word); !strings.Contains(out, c.said) {
			t.Errorf("%s says %q", c.word, out)
		}
		if got := stored().Traffic.Overlap; got != c.want {
			t.Errorf("%s stores %q", c.word, got)
		}
		if out := r.ok("overlap", "office"); !strings.Contains(out, c.said) {
			t.Errorf("shown: %q", out)
		}
	}
	if after := stored(); !after.Gateway.Equal(before.Gateway) || after.ID != before.ID || after.Client.Auth != before.Client.Auth {
		t.Errorf("the profile has changed: %+v", after)
	}
	r.fails([]string{"wants a profile's name"}, "overlap")
	r.fails([]string{"both", "company", "local or default"}, "overlap", "office", "both")
	r.fails([]string{"nobody", "homewardctl profiles"}, "overlap", "nobody", "local")
}
