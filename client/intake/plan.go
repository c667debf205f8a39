package intake

import (
	"context"
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

// Plan is what a file would do, in its order. A person is shown it before it is done.
type Plan struct{ Items []Item }

// Discard clears the secrets of a plan, which is not used afterwards.
func (p *Plan) Discard() {
	for i := range p.Items {
		p.Items[i].Secrets.Clear()
	}
}

// Item is one connection of a file.
type Item struct {
	*profile.Imported
	// Replaces is the profile that came from the same source before, whose ID and name
	// the new one has taken; nil: it is a new one.
	Replaces *control.ProfileInfo
	// Elsewhere: the one that it replaces has another gateway, or one that proves itself
	// in another way, so that what is kept for it will be forgotten.
	Elsewhere bool
	// Taken: another profile of the user's has the same name, so that the service would
	// refuse this one.
	Taken bool
}

// Lowers says that something in the file lowers security, and wants a yes.
func (i *Item) Lowers() bool {
	return slices.ContainsFunc(i.Report, func(l profile.Line) bool { return l.Lowers })
}

// Lowers says so of the whole file.
func (p *Plan) Lowers() bool {
	return slices.ContainsFunc(p.Items, func(i Item) bool { return i.Lowers() })
}

// Consents are the texts of the file's author that a person has to agree to.
func (p *Plan) Consents() []string {
	var texts []string
	for _, i := range p.Items {
		if i.Consent != "" && !slices.Contains(texts, i.Consent) {
			texts = append(texts, i.Consent)
		}
	}
	return texts
}

// Plan looks at what is there already. It changes the IDs and names of those that
// replace a profile. What an administrator has laid down is not replaced: *Problem.
func (k *Intake) Plan(ctx context.Context, found []profile.Imported) (*Plan, error) {
	existing, err := k.cfg.Service.Profiles(ctx)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	left := slices.Clone(existing)
	for i := range found {
		item := Item{Imported: &found[i]}
		p := &found[i].Profile
		if old := k.replaces(p, left); old != nil {
			if old.Managed {
				return nil, &Problem{Kind: LaidDown, ID: old.ID, Name: old.Name}
			}
			// A second connection of the same file must not replace this one.
			left = slices.DeleteFunc(left, func(e control.ProfileInfo) bool { return e.ID == old.ID })
			before, err := k.cfg.Service.Profile(ctx, old.ID)
			if err != nil {
				return nil, err
			}
			p.ID, p.Name, item.Replaces, item.Elsewhere = old.ID, old.Name, old, !before.SameServers(p)
		}
		plan.Items = append(plan.Items, item)
	}
	for i := range plan.Items {
		plan.Items[i].Taken = k.taken(plan, i, existing)
	}
	return plan, nil
}

// taken says whether another profile has the name of an item.
func (k *Intake) taken(plan *Plan, at int, existing []control.ProfileInfo) bool {
	p := &plan.Items[at].Profile
	if slices.ContainsFunc(existing, func(e control.ProfileInfo) bool {
		return e.ID != p.ID && k.mine(&e) && profile.SameName(e.Name, p.Name)
	}) {
		return true
	}
	return slices.ContainsFunc(plan.Items[:at], func(i Item) bool { return profile.SameName(i.Profile.Name, p.Name) })
}

// Rename gives the names that are taken a number at their end.
func (k *Intake) Rename(ctx context.Context, plan *Plan) error {
	existing, err := k.cfg.Service.Profiles(ctx)
	if err != nil {
		return err
	}
	for i := range plan.Items {
		item := &plan.Items[i]
		for n := 2; k.taken(plan, i, existing); n++ {
			item.Profile.Name = numbered(item.Profile.Name, n)
		}
		item.Taken = false
	}
	return nil
}

// replaces finds the profile that came from the same source before. Homeward's own
// format also holds profiles that came in another, for it can write each of them.
func (k *Intake) replaces(p *profile.Profile, existing []control.ProfileInfo) *control.ProfileInfo {
	if p.Origin.Identifier == "" {
		return nil
	}
	for i := range existing {
		e := existing[i]
		sameFormat := e.Format == p.Origin.Format || e.Format == native.Format || p.Origin.Format == native.Format
		if sameFormat && e.Identifier == p.Origin.Identifier && k.mine(&e) {
			return &e
		}
	}
	return nil
}
