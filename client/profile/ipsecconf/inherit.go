package ipsecconf

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// view is a connection with all that it builds on: what it says itself counts first,
// then whom it builds on, in the order of the file, then what holds for all.
type view struct {
	from []*section
}

func (f *file) inherit(s *section) (*view, error) {
	v := &view{}
	if err := f.add(v, s, 0); err != nil {
		return nil, err
	}
	for _, o := range f.sections {
		if o.kind == kindConn && o.name == defaults {
			return v, f.add(v, o, 0)
		}
	}
	return v, nil
}

func (f *file) add(v *view, s *section, depth int) error {
	if slices.Contains(v.from, s) {
		return nil
	}
	if depth > maxAlso {
		return importer.Damaged("the file is damaged: the connection %s builds on too many others", importer.Quote(s.name))
	}
	v.from = append(v.from, s)
	for _, name := range s.also {
		i := slices.IndexFunc(f.sections, func(o *section) bool { return o.kind == s.kind && o.name == name })
		if i < 0 {
			return importer.Incomplete("the connection %s builds on %s, which is not in the file; ask for the whole file", importer.Quote(s.name), importer.Quote(name))
		}
		if err := f.add(v, f.sections[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// get finds a setting by one of its spellings; false: it is not set.
func (v *view) get(names ...string) (setting, bool) {
	for _, s := range v.from {
		for _, name := range names {
			if t, ok := s.own(name); ok {
				return t, t.value != ""
			}
		}
	}
	return setting{}, false
}

// value gives a setting's text, or "".
func (v *view) value(names ...string) string {
	t, _ := v.get(names...)
	return t.value
}

// path is where a setting stands, or would stand.
func (v *view) path(names ...string) string {
	if t, ok := v.get(names...); ok {
		return t.path
	}
	return profile.CleanText(v.from[0].path()+"."+names[0], maxPath)
}

// list cuts a setting at its commas.
func (v *view) list(names ...string) (entries []string) {
	for e := range strings.SplitSeq(v.value(names...), ",") {
		if e = strings.TrimSpace(e); e != "" {
			entries = append(entries, e)
		}
	}
	return entries
}
