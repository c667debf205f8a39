package answer

import (
	"context"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// drawer is a store in memory that something can happen beside.
type drawer struct {
	kept map[string]profile.Secrets
	meet func() // before something is kept
}

func (d *drawer) Get(_ context.Context, id string) (profile.Secrets, error) {
	if s, ok := d.kept[id]; ok {
		return s, nil
	}
	return profile.Secrets{}, credential.ErrNotKept
}

func (d *drawer) Put(_ context.Context, id string, s profile.Secrets) error {
	d.meet()
	delete(d.kept, id)
	if !s.Empty() {
		d.kept[id] = s
	}
	return nil
}

func (d *drawer) Update(ctx context.Context, id string, change func(*profile.Secrets) error) error {
	s := d.kept[id]
	if err := change(&s); err != nil {
		return err
	}
	return d.Put(ctx, id, s)
}

// forgetful is a service whose profile can be forgotten.
type forgetful struct {
	noted
	gone bool
}

func (f *forgetful) Profile(context.Context, string) (*profile.Profile, error) {
	if f.gone {
		return nil, control.Refuse(control.CodeNotFound, "there is no such profile")
	}
	return new(profile.Profile), nil
}

// TestForgottenMeanwhile: a password that worked is not kept for a profile that another
// program forgets while the keychain takes its time.
func TestForgottenMeanwhile(t *testing.T) {
	t.Parallel()
	for _, forgets := range []bool{false, true} {
		id, service, told := profile.NewID(), &forgetful{}, 0
		store := &drawer{kept: map[string]profile.Secrets{}, meet: func() { service.gone = forgets }}
		w := New(Config{
			Service: service, Profile: control.ProfileInfo{ID: id, Name: "office", Username: "ada"},
			OpenStore: func() (Store, error) { return store, nil }, Tell: func(string) { told++ }, Piped: []byte("right"),
		})
		if err := w.Give(t.Context(), control.Prompt{ID: 1, Kind: control.PromptPassword, ProfileID: id, Username: "ada"}); err != nil {
			t.Fatal(err)
		}
		w.Worked(t.Context())
		if _, kept := store.kept[id]; kept == forgets || forgets != (told == 1) {
			t.Errorf("forgotten %v: kept %v, told %d times", forgets, kept, told)
		}
	}
}
