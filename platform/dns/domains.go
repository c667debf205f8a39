package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errTooManyDomains says that a link takes fewer domains.
var errTooManyDomains = errors.New("too many domains for one link")

// TooManyDomainsError is a warning: the system takes fewer domains than there
// are, so wider ones that hold them go to the company's resolvers, or (Told 0)
// every name does. None of the company's names goes elsewhere. Find it with
// errors.As.
type TooManyDomainsError struct {
	Mode   string
	Wanted int
	Told   int
}

// Error implements error.
func (e *TooManyDomainsError) Error() string {
	if e.Told == 0 {
		return fmt.Sprintf("%s cannot tell %d domains apart: every name is asked at the company's resolvers", e.Mode, e.Wanted)
	}
	return fmt.Sprintf("%s cannot tell %d domains apart: %d wider ones that hold them are asked at the company's resolvers", e.Mode, e.Wanted, e.Told)
}

// narrow drops the domains that lie below another one: they say nothing. What
// stays keeps its order.
func narrow(domains []string) []string {
	have := make(map[string]bool, len(domains))
	for _, d := range domains {
		have[d] = true
	}
	return slices.DeleteFunc(slices.Clone(domains), func(d string) bool {
		for up := parent(d); up != ""; up = parent(up) {
			if have[up] {
				return true
			}
		}
		return false
	})
}

// parent is the domain above, "" above a top-level one.
func parent(d string) string {
	_, up, _ := strings.Cut(d, ".")
	return up
}

// widen makes at most most domains that hold all of these: as long as there are
// too many, the deepest give way to their parents. A top-level domain is never
// the result: nil says that only every name would hold them.
func widen(domains []string, most int) []string {
	out := domains
	depth := 0
	for _, d := range out {
		depth = max(depth, strings.Count(d, "."))
	}
	for ; len(out) > most; depth-- {
		if depth < 2 {
			return nil // parents of the deepest would be top-level domains
		}
		seen := make(map[string]bool, len(out))
		var next []string
		for _, d := range out {
			if strings.Count(d, ".") == depth {
				d = parent(d)
			}
			if !seen[d] {
				seen[d] = true
				next = append(next, d)
			}
		}
		out = narrow(next)
	}
	return out
}
