package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Change stores a profile that a person has changed, in place of the one with the same
// ID, or made, where there is none. Where it leads to another gateway, or one that proves itself in another way, what
// is kept is forgotten, for it was not meant for that one.
func (k *Intake) Change(ctx context.Context, p *profile.Profile) (forgotten bool, err error) {
	before, err := k.cfg.Service.Profile(ctx, p.ID)
	var refusal *control.Refusal
	if errors.As(err, &refusal) && refusal.Code == control.CodeNotFound {
		return false, k.cfg.Service.AddProfile(ctx, p)
	}
	if err != nil {
		return false, err
	}
	if err := k.cfg.Service.AddProfile(ctx, p); err != nil || before.SameServers(p) {
		return false, err
	}
	if err := k.Forget(p.ID); err != nil {
		err = &Problem{Kind: KeptStays, ID: p.ID, Name: p.Name, Err: err}
		return false, errors.Join(err, k.cfg.Service.AddProfile(context.WithoutCancel(ctx), before))
	}
	return true, nil
}

// RenameProfile gives a profile another name.
func (k *Intake) RenameProfile(ctx context.Context, id, name string) error {
	p, err := k.cfg.Service.Profile(ctx, id)
	if err != nil {
		return err
	}
	p.Name = name
	return k.cfg.Service.AddProfile(ctx, p)
}

// Duplicate stores a copy of a profile under a name that is free, with what is kept for
// it, and gives the copy. A file that replaces the first one later leaves the copy alone.
func (k *Intake) Duplicate(ctx context.Context, id string) (*profile.Profile, error) {
	p, err := k.cfg.Service.Profile(ctx, id)
	if err != nil {
		return nil, err
	}
	from := p.ID
	p.ID, p.Origin.Identifier = profile.NewID(), ""
	in := profile.Imported{Profile: *p}
	plan := &Plan{Items: []Item{{Imported: &in}}}
	if err := k.Rename(ctx, plan); err != nil {
		return nil, err
	}
	var done undoStack
	if err := k.copyKept(ctx, from, &in, &done); err != nil {
		return nil, err
	}
	if err := k.cfg.Service.AddProfile(ctx, &in.Profile); err != nil {
		return nil, errors.Join(err, done.undo())
	}
	done.forget()
	return &in.Profile, nil
}

// copyKept keeps for a copy what is kept for the first. A key that cannot be copied would
// leave a copy that can never sign in; a password is asked for again.
func (k *Intake) copyKept(ctx context.Context, from string, in *profile.Imported, done *undoStack) error {
	needed := k.wantsKey(in)
	store, err := k.cfg.OpenStore()
	if err == nil {
		in.Secrets, err = answer.Kept(ctx, store, from)
	}
	defer in.Secrets.Clear()
	if err == nil && !in.Secrets.Empty() {
		err = addKept(ctx, store, in, done)
	}
	if err != nil && needed {
		return &Problem{Kind: KeyNotKept, Name: in.Profile.Name, Err: err}
	}
	return nil
}

// numbered gives a name the number n at its end, in place of the number n-1 that it may
// have got before.
func numbered(name string, n int) string {
	name = strings.TrimSuffix(name, fmt.Sprintf(" (%d)", n-1))
	end := fmt.Sprintf(" (%d)", n)
	for len(name)+len(end) > profile.MaxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimRight(name, " ") + end
}
