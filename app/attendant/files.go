package attendant

import (
	"cmp"
	"context"
	"fmt"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/intake"
)

// Open says what a profile file would do that the person has named, dropped or
// double-clicked, and asks for the password of a certificate in it. Whoever shows the
// plan ends it with TakeOver or Discard.
func (a *Attendant) Open(ctx context.Context, path string) (*intake.Plan, error) {
	if in := a.Input(); in.HoldsOwnProfiles() {
		return nil, control.Refuse(control.CodeForbidden, "by the policy of %s only administrators add and change profiles on this computer; ask yours", cmp.Or(in.Settings.ManagedBy, "this computer's administrator"))
	}
	data, err := intake.ReadPlain(path)
	if err != nil {
		return nil, err
	}
	found, err := intake.Read(ctx, path, data, a)
	if err != nil {
		return nil, err
	}
	plan, err := a.intake.Plan(ctx, found)
	if err == nil {
		err = a.intake.Rename(ctx, plan)
	}
	if err != nil {
		intake.Clear(found)
		return nil, err
	}
	return plan, nil
}

// TakeOver does what the person has agreed to, all or nothing, and has the window be
// about the first profile of it.
func (a *Attendant) TakeOver(ctx context.Context, plan *intake.Plan) ([]intake.Result, error) {
	defer plan.Discard()
	a.wish(viewmodel.Action{Kind: viewmodel.ActionOpenFile})
	done, err := a.intake.TakeOver(ctx, plan)
	if err != nil {
		return nil, err
	}
	a.refreshOwn()
	for _, r := range done {
		if r.Forgotten {
			a.update(func(in *viewmodel.Input) { in.Forgotten = r.Name })
		}
		if r.NotKept != "" {
			a.Tell(fmt.Sprintf("The %s in the file is not kept, because %s; you will be asked for it when you connect.", r.NotKept, answer.Trouble(r.Why)))
		}
	}
	return done, a.choose(ctx, done[0].ID)
}

// Export gives a profile as a file of another format.
func (a *Attendant) Export(ctx context.Context, id, format string) (*intake.Exported, error) {
	return a.intake.Export(ctx, id, format)
}
