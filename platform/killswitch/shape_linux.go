package killswitch

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
)

// shape is what the kernel is to show of the message.
func (m *message) shape() *standing {
	var s standing
	for i, set := range m.sets {
		s.set(set, m.values[i])
	}
	for i, c := range m.chains {
		s.chain(c)
		for n, r := range m.rules[i] {
			s.rule(c.Name, n, r.Exprs, r.UserData)
		}
	}
	slices.Sort(s.lines)
	return &s
}

// set adds a set's lines. Which elements a learnt set has is nobody's business.
func (s *standing) set(set *nftables.Set, values []nftables.SetElement) {
	s.lines = append(s.lines, fmt.Sprintf("set %s of %s, interval %t, learnt %t, size %d", set.Name, set.KeyType.Name, set.Interval, set.Dynamic, set.Size))
	if set.Dynamic {
		return
	}
	for _, v := range values {
		line := make([]byte, 0, 64)
		line = append(append(append(line, "in set "...), set.Name...), ' ')
		line = hex.AppendEncode(line, v.Key)
		if v.IntervalEnd {
			line = append(line, " end"...)
		}
		s.lines = append(s.lines, string(line))
	}
}

func (s *standing) chain(c *nftables.Chain) {
	line := "chain " + c.Name
	if c.Hooknum != nil && c.Priority != nil && c.Policy != nil {
		line += fmt.Sprintf(", %s hook %d priority %d policy %d", c.Type, *c.Hooknum, *c.Priority, *c.Policy)
	}
	s.lines = append(s.lines, line)
}

// rule adds a rule's line. One comment is the note.
func (s *standing) rule(chain string, n int, parts []expr.Any, about []byte) {
	line := fmt.Sprintf("rule %d of %s:", n, chain)
	for _, e := range parts {
		if l, ok := e.(*expr.Lookup); ok {
			named := *l
			named.SetID = 0 // known within one transaction only
			e = &named
		}
		line += fmt.Sprintf(" %T%+v", e, e)
	}
	comment, _ := userdata.GetString(about, userdata.TypeComment)
	if isNote(comment) {
		s.note, comment = comment, ""
	}
	s.lines = append(s.lines, line+" "+comment)
}
