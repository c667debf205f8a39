//go:build cgo

package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/intake"
	"github.com/homeward-vpn/homeward/client/profile"
)

// A file on its way to a profile:
//
//	dropped, chosen, double-clicked -> open: read, understood, held against what is there
//	  -> the sheet: who signed it, what it wants -> accepted: taken over -> connected

// open shows what a file wants.
func (p *program) open(path string) {
	p.show()
	name := filepath.Base(path)
	p.aside(func(ctx context.Context) {
		plan, err := p.staff.Open(ctx, path)
		p.doze.do(func() {
			if err != nil {
				p.problem(name, err)
				return
			}
			o := offer(plan)
			o.Idle = p.staff.Input().Status.State == control.StateDisconnected
			p.desk.ShowImport(viewmodel.ImportSheet(o, p.say), func(accepted bool) {
				if !accepted {
					plan.Discard()
					return
				}
				p.aside(func(ctx context.Context) { p.takeOver(ctx, name, plan, o.Connects()) })
			})
		})
	})
}

// offer is a plan as the sheet wants it.
func offer(plan *intake.Plan) viewmodel.Offer {
	o := viewmodel.Offer{Now: time.Now()}
	for i := range plan.Items {
		item := &plan.Items[i]
		o.Found = append(o.Found, *item.Imported)
		replaces := ""
		if item.Replaces != nil {
			replaces = item.Replaces.Name
		}
		o.Replaces, o.Elsewhere = append(o.Replaces, replaces), append(o.Elsewhere, item.Elsewhere)
	}
	return o
}

// takeOver does what was accepted. Whoever opens the profile that IT sent wants to be
// connected by it: where nothing is connected yet, that is next, as the sheet has said.
func (p *program) takeOver(ctx context.Context, name string, plan *intake.Plan, connect bool) {
	done, err := p.staff.TakeOver(ctx, plan)
	if err != nil {
		p.doze.do(func() { p.problem(name, err) })
		return
	}
	if st := p.staff.Input().Status; connect && len(done) == 1 && st.State == control.StateDisconnected {
		p.doze.do(func() { p.do(viewmodel.Action{Kind: viewmodel.ActionConnect, Profile: done[0].ID}) })
	}
}

// problem says why a file was not taken over, unless the person has said no.
func (p *program) problem(name string, err error) {
	if p.ctx.Err() != nil || errors.Is(err, credential.ErrDeclined) {
		return
	}
	p.desk.ShowProblem(viewmodel.ImportProblem(name, err, p.say))
}

// edit opens the form of a profile, or an empty one.
func (p *program) edit(a viewmodel.Action) {
	others := p.staff.Input().Profiles
	if a.Kind == viewmodel.ActionNew {
		p.desk.ShowEditor(viewmodel.NewDraft(profile.NewID(), others), p.save)
		return
	}
	p.aside(func(ctx context.Context) {
		whole, err := p.staff.Profile(ctx, a.Profile)
		p.doze.do(func() {
			if err != nil {
				p.problem("", err)
				return
			}
			p.desk.ShowEditor(viewmodel.Edit(whole, locked(others, a.Profile), p.staff.Input().Settings.ManagedBy, others), p.save)
		})
	})
}

// locked are the parts of a profile that its administrator keeps.
func locked(all []control.ProfileInfo, id string) []string {
	for _, info := range all {
		if info.ID == id {
			return info.Locked
		}
	}
	return nil
}

// save stores what the person has made of a form, which stays until that is done.
func (p *program) save(made *profile.Profile) {
	p.aside(func(ctx context.Context) {
		err := p.staff.Save(ctx, made)
		p.doze.do(func() {
			if err != nil {
				p.problem(made.Name, err)
				return
			}
			p.desk.CloseEditor()
		})
	})
}

// export writes a profile as a file of the format that was chosen, where the person says.
func (p *program) export(a viewmodel.Action) {
	p.aside(func(ctx context.Context) {
		file, err := p.staff.Export(ctx, a.Profile, a.Value)
		p.doze.do(func() {
			if err != nil {
				p.problem("", err)
				return
			}
			p.desk.SaveFile(file.Name, file.Data, func(_ string, err error) {
				if err != nil {
					p.problem(file.Name, err)
				}
			})
		})
	})
}
