package viewmodel

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Draft is a profile as it stands in the form. It is a value: With gives a new one.
//
//	profile -> Edit -> Draft -> With, for each change -> Editor shows it
//	                     -> Profile: what was not changed stays as it was
type Draft struct {
	base    profile.Profile
	fresh   bool
	locked  []string // paths in the JSON form, and what is below them
	by      string   // who keeps them
	taken   []string // the names of the other profiles
	values  map[FieldID]string
	touched map[FieldID]bool
}

// NewDraft makes the form of a new profile. id is a fresh profile.NewID.
func NewDraft(id string, others []control.ProfileInfo) Draft {
	return newDraft(profile.Profile{
		Version: profile.Version, ID: id, Origin: profile.Origin{Format: "homeward"},
		Gateway: profile.Gateway{Auth: profile.GatewayCertificate},
		Client:  profile.Client{Auth: profile.ClientMSCHAPv2},
		Traffic: profile.Traffic{Full: true},
	}, true, others)
}

// Edit makes the form of a profile. locked are the paths that a person may not
// change, and by says who keeps them.
func Edit(p *profile.Profile, locked []string, by string, others []control.ProfileInfo) Draft {
	d := newDraft(*p, false, others)
	d.locked, d.by = slices.Clone(locked), by
	return d
}

func newDraft(base profile.Profile, fresh bool, others []control.ProfileInfo) Draft {
	d := Draft{base: base, fresh: fresh, values: map[FieldID]string{}, touched: map[FieldID]bool{}}
	for _, o := range others {
		if o.ID != base.ID {
			d.taken = append(d.taken, o.Name)
		}
	}
	for _, r := range formRules {
		d.values[r.id] = r.get(&d.base)
	}
	return d
}

// With is the draft with another value in a field: text, lines, the ID of a choice,
// or the content of a file. A locked field keeps its value.
func (d Draft) With(id FieldID, value string) Draft {
	r := ruleOf(id)
	if r == nil || d.isLocked(*r) || len(value) > profile.MaxFile {
		return d
	}
	d.values, d.touched = maps.Clone(d.values), maps.Clone(d.touched)
	d.values[id], d.touched[id] = value, true
	return d
}

func (d Draft) isLocked(r formRule) bool {
	return slices.ContainsFunc(d.locked, func(path string) bool {
		return slices.ContainsFunc(slices.Concat(r.paths, r.also), func(own string) bool { return below(own, path) || below(path, own) })
	})
}

// below says that path is at, or a part of it.
func below(path, at string) bool {
	rest, ok := strings.CutPrefix(path, at)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// problem is what is wrong with a field: a key of the translations with its data.
type problem struct {
	key  string
	data data
}

// Profile is what the draft says, and what is wrong with it by field.
func (d Draft) profile() (*profile.Profile, map[FieldID]problem) {
	p := clonedProfile(d.base)
	wrong := map[FieldID]problem{}
	for _, r := range formRules {
		value := d.values[r.id]
		if !r.shown(d) || value == r.get(&d.base) && !d.fresh {
			continue
		}
		if w := r.set(&p, value); w.key != "" {
			wrong[r.id] = w
		}
	}
	if slices.ContainsFunc(d.taken, func(name string) bool { return strings.EqualFold(name, p.Name) }) {
		wrong[FieldName] = problem{"problem.name.taken", nil}
	}
	if len(wrong) == 0 {
		if err := p.Validate(); err != nil {
			wrong[fieldOf(err)] = problem{"problem.other", data{"Reason": reason(err)}}
		}
	}
	return &p, wrong
}

// clonedProfile copies what the form writes to.
func clonedProfile(p profile.Profile) profile.Profile {
	p.Client.Further = slices.Clone(p.Client.Further)
	p.Client.EAP.Methods = slices.Clone(p.Client.EAP.Methods)
	return p
}

// Profile gives the profile that the draft stands for. ok is false while something
// is wrong with it.
func (d Draft) Profile() (p *profile.Profile, ok bool) {
	p, wrong := d.profile()
	if len(wrong) > 0 {
		return nil, false
	}
	return p, true
}

// fieldOf is the field in which a profile is wrong; the name, where it is none of
// the form's.
func fieldOf(err error) FieldID {
	var invalid *profile.InvalidError
	if errors.As(err, &invalid) {
		for _, r := range formRules {
			if slices.ContainsFunc(r.paths, func(path string) bool { return below(invalid.Field, path) }) {
				return r.id
			}
		}
	}
	return FieldName
}

func reason(err error) string {
	var invalid *profile.InvalidError
	if errors.As(err, &invalid) {
		return invalid.Field + " " + invalid.Reason
	}
	return err.Error()
}

// Editor makes the form of a draft.
func Editor(d Draft, say Say) EditorView {
	t := texts{say: say}
	v := EditorView{Title: t.s("editor.new"), Cancel: t.s("button.cancel"), More: t.s("editor.more"), Sentence: t.s("editor.new.sentence")}
	if !d.fresh {
		v.Title, v.Sentence = t.with("editor.edit", data{"Profile": d.base.Name}), ""
	}
	if len(d.locked) > 0 {
		v.Locked = t.s("editor.locked")
		if d.by != "" {
			v.Locked = t.with("editor.locked.by", data{"Who": d.by})
		}
	}
	_, wrong := d.profile()
	v.Save = Button{Text: t.s("editor.save"), Primary: true, Disabled: len(wrong) > 0}
	for _, g := range formGroups {
		group := FormGroup{Title: t.s("editor." + g.word), Rare: g.rare}
		for _, r := range formRules {
			if r.group == g.word && r.shown(d) {
				group.Fields = append(group.Fields, t.formField(d, r, wrong[r.id]))
			}
		}
		if len(group.Fields) > 0 {
			v.Groups = append(v.Groups, group)
		}
	}
	return v
}

func (t texts) formField(d Draft, r formRule, w problem) FormField {
	f := FormField{ID: r.id, Kind: r.kind, Label: t.s("field." + string(r.id)), Value: d.values[r.id], Locked: d.isLocked(r)}
	if r.help {
		f.Help = t.s("field." + string(r.id) + ".help")
	}
	if r.hint != nil {
		f.Hint = Clean(r.hint(d), maxName)
	}
	switch r.kind {
	case FieldChoice:
		for _, word := range r.options(d) {
			key := word
			if key == "" {
				key = "default"
			}
			f.Options = append(f.Options, PromptOption{ID: word, Label: t.s("field." + string(r.id) + "." + key)})
		}
	case FieldFile:
		f.Value, f.Choose = fileWords(t, d.values[r.id]), t.s("field.choose-file")
	case FieldText, FieldLines:
	}
	if w.key != "" && (d.touched[r.id] || !d.fresh) {
		f.Problem = t.upTo(w.key, maxWords, w.data)
	}
	return f
}
