package killswitch

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
)

// shape is what the kernel is to show of the message.
func (m *message) shape() *standing {
	var s standing
	for _, set := range m.sets {
		s.set(set)
	}
	for _, c := range m.chains {
		s.chain(c)
		for n, r := range c.rules {
			s.rule(c.name, n, r)
		}
	}
	slices.Sort(s.lines)
	return &s
}

// annotate puts the note of what all is into the last rule of the last chain.
func (m *message) annotate(s *standing) {
	last := &m.chains[len(m.chains)-1]
	last.rules[len(last.rules)-1].comment = s.fingerprint()
}

// set adds a set's lines: what it is, and what it holds. Which elements a learnt
// set has is nobody's business.
func (s *standing) set(set kernelSet) {
	s.lines = append(s.lines, fmt.Sprintf("set %s: type %#x, key length %d, flags %#x, size %d", set.name, set.keyType, set.keyLength, set.flags, set.size))
	if set.learns() {
		return
	}
	keys := slices.Clone(set.keys)
	slices.SortFunc(keys, func(a, b key) int {
		if c := bytes.Compare(a.data, b.data); c != 0 || a.end == b.end {
			return c
		} else if a.end {
			return -1
		}
		return 1
	})
	line := append(make([]byte, 0, 64+len(keys)*40), "elements of "...)
	line = append(append(line, set.name...), ':')
	for _, k := range keys {
		line = append(line, ' ')
		if k.end {
			line = append(line, '-')
		}
		line = hex.AppendEncode(line, k.data)
	}
	s.lines = append(s.lines, string(line))
}

func (s *standing) chain(c kernelChain) {
	line := "chain " + c.name + ":"
	if c.base {
		line += fmt.Sprintf(" hook %d, priority %d, drop %t", c.hook, c.order, c.drop)
	}
	s.lines = append(s.lines, line)
}

// rule adds a rule's line. One comment is the note.
func (s *standing) rule(chain string, n int, r kernelRule) {
	line := fmt.Sprintf("rule %d of %s:", n, chain)
	for _, e := range r.parts {
		if l, ok := e.(*expr.Lookup); ok {
			named := *l
			named.SetID = 0 // known within one transaction only
			e = &named
		}
		line += fmt.Sprintf(" %T%+v", e, e)
	}
	comment := r.comment
	if isNote(comment) {
		s.note, comment = comment, ""
	}
	s.lines = append(s.lines, line+" "+comment)
}
