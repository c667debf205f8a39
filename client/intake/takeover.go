package intake

import (
	"context"
	"errors"
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Result is what has become of one connection.
type Result struct {
	ID, Name string
	Replaced bool
	// Forgotten: the gateway, or what it must prove, is not what it was, so that the
	// password that was kept is not given to it.
	Forgotten bool
	// NotKept is the secret of the file that could not be kept, and will be asked for:
	// SecretPassword or SecretSharedKey; empty: none. Why is the reason.
	NotKept string
	Why     error
}

// The secrets that a person can enter instead.
const (
	SecretPassword  = "password"
	SecretSharedKey = "shared key"
)

// TakeOver takes over all of a plan, or nothing of it. It stores no secret of what the
// service has refused. Errors are *Problem, the service's and the store's.
func (k *Intake) TakeOver(ctx context.Context, plan *Plan) ([]Result, error) {
	var done undoStack
	var results []Result
	for i := range plan.Items {
		r, err := k.takeOver(ctx, &plan.Items[i], &done)
		if err != nil {
			return nil, errors.Join(err, done.undo())
		}
		results = append(results, r)
	}
	done.forget()
	return results, nil
}

func (k *Intake) takeOver(ctx context.Context, item *Item, done *undoStack) (Result, error) {
	p := &item.Profile
	result := Result{ID: p.ID, Name: p.Name, Replaced: item.Replaces != nil}
	var before *profile.Profile
	if item.Replaces != nil {
		var err error
		if before, err = k.cfg.Service.Profile(ctx, p.ID); err != nil {
			return result, err
		}
	}
	if err := k.keep(ctx, item.Imported, before, &result, done); err != nil {
		return result, err
	}
	if err := k.cfg.Service.AddProfile(ctx, p); err != nil {
		return result, err
	}
	done.add(func() error {
		if before != nil {
			return k.cfg.Service.AddProfile(context.WithoutCancel(ctx), before)
		}
		return k.cfg.Service.DeleteProfile(context.WithoutCancel(ctx), p.ID)
	})
	return result, nil
}

// undoStack takes back what was done, newest first.
type undoStack struct {
	steps []func() error
	// held are secrets that a step would bring back.
	held []*profile.Secrets
}

func (u *undoStack) add(f func() error) { u.steps = append(u.steps, f) }

// hold keeps secrets until all is done or undone, and clears them then.
func (u *undoStack) hold(s *profile.Secrets) { u.held = append(u.held, s) }

func (u *undoStack) undo() error {
	var errs []error
	for _, f := range slices.Backward(u.steps) {
		errs = append(errs, f())
	}
	u.forget()
	return errors.Join(errs...)
}

// forget makes what was done final.
func (u *undoStack) forget() {
	for _, s := range u.held {
		s.Clear()
	}
	u.steps, u.held = nil, nil
}
