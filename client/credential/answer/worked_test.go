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
	mode credential.Mode
}

func (d *drawer) Get(_ context.Context, id string) (profile.Secrets, error) {
	if s, ok := d.kept[id]; ok {
		return s, nil
	}
	return profile.Secrets{}, credential.ErrNotKept
}

func (d *drawer) Put(_ context.Context, id string, s profile.Secrets) error {
	if d.mode == credential.ModeAsk {
		return credential.ErrKeepsNothing
	}
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

func (d *drawer) Mode() (credential.Mode, error) { return d.mode, nil }

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

// person answers each question with the same, and notes it.
type person struct {
	reply func() credential.Reply
	asked []credential.Prompt
}

func (p *person) Prompt(_ context.Context, q credential.Prompt) (credential.Reply, error) {
	p.asked = append(p.asked, q)
	return p.reply(), nil
}

// TestOnce: a password that worked is kept, and one that the person wants to enter each
// time is not; where it takes the place of one that is kept, that one goes. The person
// is asked only where something would be kept.
func TestOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		once   bool
		prompt control.Prompt
		mode   credential.Mode
		before string // what is kept
		keptIn credential.Mode
		after  string
	}{
		{"kept as ever", false, control.Prompt{Kind: control.PromptPassword, Username: "ada"}, credential.ModeKeychain, "", credential.ModeKeychain, "typed"},
		{"this time only", true, control.Prompt{Kind: control.PromptPassword, Username: "ada"}, credential.ModeKeychain, "", credential.ModeKeychain, ""},
		{"behind a passphrase", false, control.Prompt{Kind: control.PromptPassword, Username: "ada"}, credential.ModePassphrase, "", credential.ModePassphrase, "typed"},
		{"somebody else's", false, control.Prompt{Kind: control.PromptPassword, Username: "eve"}, credential.ModeKeychain, "", "", ""},
		{"in place of the old one", false, control.Prompt{Kind: control.PromptNewPassword, Username: "ada"}, credential.ModeKeychain, "old", credential.ModeKeychain, "typed"},
		{"the old one is of no use", true, control.Prompt{Kind: control.PromptNewPassword, Username: "ada"}, credential.ModeKeychain, "old", credential.ModeKeychain, ""},
		{"a code", false, control.Prompt{Kind: control.PromptCode, Username: "ada"}, credential.ModeKeychain, "", "", ""},
		{"nothing is kept", false, control.Prompt{Kind: control.PromptPassword, Username: "ada"}, credential.ModeAsk, "", "", ""},
	} {
		id := profile.NewID()
		store := &drawer{kept: map[string]profile.Secrets{}, meet: func() {}, mode: c.mode}
		if c.before != "" {
			store.kept[id] = profile.Secrets{Password: []byte(c.before)}
		}
		p := &person{reply: func() credential.Reply { return credential.Reply{Secret: []byte("typed"), Once: c.once} }}
		w := New(Config{
			Service: new(noted), Profile: control.ProfileInfo{ID: id, Name: "office", Username: "ada"},
			Prompter: p, OpenStore: func() (Store, error) { return store, nil }, Tell: func(string) {},
		})
		c.prompt.ID, c.prompt.ProfileID = 1, id
		if err := w.Give(t.Context(), c.prompt); err != nil {
			t.Fatal(err)
		}
		w.Worked(t.Context())
		if len(p.asked) != 1 || p.asked[0].KeptIn != c.keptIn || p.asked[0].Profile != "office" || p.asked[0].Username != c.prompt.Username {
			t.Errorf("%s: asked %+v", c.name, p.asked)
		}
		if got := string(store.kept[id].Password); got != c.after {
			t.Errorf("%s: %q is kept, want %q", c.name, got, c.after)
		}
	}
}
