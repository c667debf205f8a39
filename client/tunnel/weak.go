package tunnel

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// useIKE takes the suite of an IKE SA into the status.
func (i *Info) useIKE(p suite.Proposal) {
	i.IKESuite = p.Keyword()
	i.IKEWarnings = slices.Concat(warnings("The connection to the gateway", p), i.signIn)
}

// warnings has a sentence for each thing about a suite that a person should
// know, although the profile allows it.
func warnings(what string, p suite.Proposal) (out []string) {
	if weak := p.Weak(); weak != nil {
		out = append(out, what+" uses "+enumerate(weak)+": the profile allows that, but it is no longer safe; ask your administrator for a gateway that does without it.")
	}
	if !p.Confidential() {
		out = append(out, what+" does not encrypt, as the profile wants it: everybody on the way can read what it carries.")
	}
	return out
}

// enumerate is "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + " and " + words[n]
}
