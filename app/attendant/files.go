package attendant

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/intake"
	"github.com/homeward-vpn/homeward/client/profile"
)

// ReadFile reads a profile file that the person has named, dropped or double-clicked.
// What is no file could keep the program waiting, and is refused.
func (a *Attendant) ReadFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a file")}
	}
	return intake.ReadFile(path)
}

// Open says what a file would do, and asks for the password of a certificate in it. It
// clears data. Whoever shows the plan ends it with TakeOver or Discard.
func (a *Attendant) Open(ctx context.Context, data []byte) (*intake.Plan, error) {
	defer clear(data)
	found, err := intake.Read(ctx, data, a)
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

// Export gives a profile as a file in another format.
func (a *Attendant) Export(ctx context.Context, id string, write func(*profile.Profile) ([]byte, error)) ([]byte, error) {
	p, err := a.cfg.Service.Profile(ctx, id)
	if err != nil {
		return nil, err
	}
	return write(p)
}
