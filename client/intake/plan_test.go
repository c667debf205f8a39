package intake

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// listing is a service that has profiles.
type listing struct {
	Service
	list []control.ProfileInfo
}

func (l listing) Profiles(context.Context) ([]control.ProfileInfo, error) { return l.list, nil }

// TestLaidDownIsNotReplaced: the file of a profile that the administrator has laid down
// for everybody is refused before a person is shown what it would replace.
func TestLaidDownIsNotReplaced(t *testing.T) {
	t.Parallel()
	const user = 1000
	k := New(Config{UID: user, Service: listing{list: []control.ProfileInfo{
		{ID: "1", Name: "Harbour Office", Owner: user, Format: "mobileconfig", Identifier: "example.harbour", Managed: true},
	}}})
	file := func(identifier string) []profile.Imported {
		return []profile.Imported{{Profile: profile.Profile{Name: "Office", Origin: profile.Origin{Format: "mobileconfig", Identifier: identifier}}}}
	}
	var problem *Problem
	if _, err := k.Plan(t.Context(), file("example.harbour")); !errors.As(err, &problem) || problem.Kind != LaidDown || !strings.Contains(err.Error(), "Harbour Office is laid down") {
		t.Errorf("%v", err)
	}
	plan, err := k.Plan(t.Context(), file("example.other"))
	if err != nil || plan.Items[0].Replaces != nil {
		t.Errorf("another one: %+v, %v", plan, err)
	}
}
