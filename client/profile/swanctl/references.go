package swanctl

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile/importer"
)

// resolve gives every section what its references have. References are paths from
// the top, and of several the first that has a thing counts.
func (p *parser) resolve() error { return p.resolveIn(p.root, 0) }

func (p *parser) resolveIn(s *section, depth int) error {
	for _, ref := range s.refs {
		if err := p.inherit(s, ref, []string{s.path}); err != nil {
			return err
		}
	}
	for _, in := range s.sections {
		if depth > maxDepth {
			return importer.Damaged("the file is damaged: its references lead deeper than any profile does")
		}
		if err := p.resolveIn(in, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// inherit copies what the section at that path has, and what its own references have.
func (p *parser) inherit(s *section, path string, through []string) error {
	if slices.Contains(through, path) {
		return importer.Damaged("the file is damaged: the section %s refers to itself", importer.Quote(path))
	}
	from := p.root
	for name := range strings.SplitSeq(path, ".") {
		from = from.sub(name)
	}
	if from == nil {
		return importer.Incomplete("the section %s builds on %s, which is not in the file; ask for the whole file", importer.Quote(s.path), importer.Quote(path))
	}
	if err := p.extend(s, from); err != nil {
		return err
	}
	for _, ref := range from.refs {
		if err := p.inherit(s, ref, append(slices.Clone(through), path)); err != nil {
			return err
		}
	}
	return nil
}

// extend adds what s does not say itself, with the paths of where it stands.
func (p *parser) extend(s, from *section) error {
	if p.count += len(from.settings) + len(from.sections); p.count > maxSettings {
		return importer.Damaged("the file is damaged: its references make more settings than any profile has")
	}
	for _, t := range from.settings {
		if !slices.ContainsFunc(s.settings, func(own *setting) bool { return own.name == t.name }) {
			s.settings = append(s.settings, t)
		}
	}
	for _, in := range from.sections {
		own := s.sub(in.name)
		if own == s || own == in || own == from {
			continue
		}
		if own == nil {
			own = &section{name: in.name, path: in.path, refs: in.refs}
			s.sections = append(s.sections, own)
		}
		if err := p.extend(own, in); err != nil {
			return err
		}
	}
	return nil
}
