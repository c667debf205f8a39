package attendant

import (
	"context"
	"fmt"
	"os"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/intake"
)

// Open says what a profile file would do that the person has named, dropped or
// double-clicked, and asks for the password of a certificate in it. Whoever shows the
// plan ends it with TakeOver or Discard.
func (a *Attendant) Open(ctx context.Context, path string) (*intake.Plan, error) {
	// What is no file could keep the program waiting.
	if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file; open the profile that your IT sent you", path)
	}
	data, err := intake.ReadFile(path)
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
	return done, a.choose(ctx, done[0].ID)
}

// Export gives a profile as a file of another format.
func (a *Attendant) Export(ctx context.Context, id, format string) (*intake.Exported, error) {
	return a.intake.Export(ctx, id, format)
}
