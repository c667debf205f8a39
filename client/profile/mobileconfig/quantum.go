package mobileconfig

import (
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
)

// What protects against quantum computers: additional key exchanges (RFC 9370),
// which are taken over, and a shared key beside them (RFC 8784), which this
// version does not have.

const (
	additionalKey = "PostQuantumKeyExchangeMethods"
	fallbackKey   = "AllowPostQuantumKeyExchangeFallback"
	maxAdditional = 7 // RFC 9370 2.2.2
)

// additionalNumbers are the methods by their numbers in IANA's list.
var additionalNumbers = map[int64]string{36: "mlkem768", 37: "mlkem1024"}

// additional reads the additional key exchanges of an SA: the first entry is the
// first of them, and 0 stands for none in its place.
func (c *connection) additional(a *association) error {
	if a == nil || a.section.get(additionalKey) == nil {
		return nil
	}
	v, optional := a.section.get(additionalKey), c.ike.flag(fallbackKey, false)
	list := v.list
	if v.kind != kindArray {
		list = []*value{v}
	}
	words := ""
	for i, e := range list {
		n, ok := e.asInteger()
		name, known := additionalNumbers[n]
		switch {
		case ok && n == 0:
			continue
		case known && i < maxAdditional:
			words += fmt.Sprintf("-ke%d_%s", i+1, name)
			if optional {
				words += fmt.Sprintf("-ke%d_none", i+1)
			}
			continue
		case !optional:
			return unsupported("%s insists on a post-quantum key exchange (%s) that this version does not know", quote(c.profile.Name), e.show())
		}
		a.section.refuse(additionalKey, "has a method that this version does not know; the profile does not insist on it")
		return nil
	}
	a.additional, a.insists = words, words != "" && !optional
	return nil
}

// checkAdditional refuses a profile that insists on additional key exchanges beside
// a set that is not offered: this version's own would do without.
func (c *connection) checkAdditional(ike, child *association) error {
	c.ike.honour(fallbackKey, "")
	for _, a := range []struct {
		*association
		sa *profile.SA
	}{{ike, &c.profile.IKE}, {child, &c.profile.Child}} {
		if a.association != nil && a.insists && len(a.sa.Proposals) == 0 {
			return unsupported("%s insists on a post-quantum key exchange beside algorithms that this version does not offer; ask for a corrected profile", quote(c.profile.Name))
		}
	}
	return nil
}

// tellAdditional reports the additional key exchanges of an SA.
func (a *association) tellAdditional(whole bool) {
	switch {
	case a.additional == "":
		a.section.honour(additionalKey, "")
	case !whole:
		a.section.approx(additionalKey, "offered only as a part of this version's own set, because the file's set is not usable as a whole")
	case a.insists:
		a.section.honour(additionalKey, "only what the file says is offered, so that there is no way around it")
	default:
		a.section.honour(additionalKey, "used where the gateway can")
	}
}

// postQuantum reads the shared key, which this version does not have. A profile that
// insists on it is refused; one that does not goes without.
func (c *connection) postQuantum() error {
	if c.ike.get("PPK") != nil || c.ike.get("PPKIdentifier") != nil {
		if c.ike.flag("PPKMandatory", true) {
			return unsupported("%s insists on a post-quantum shared key (RFC 8784), which this version does not do", quote(c.profile.Name))
		}
		const note = "post-quantum shared keys are not in this version; the profile does not insist on one"
		c.ike.refuse("PPK", note)
		c.ike.refuse("PPKIdentifier", note)
	}
	c.ike.ignore("PPKMandatory", "")
	return nil
}

// additionalOf writes the additional key exchanges of a group's words, the first
// behind the group itself; optional says that each may be left out. ok is false
// where Apple's devices have no way to say it.
func additionalOf(words []string) (numbers []any, optional, ok bool) {
	for i := 1; i <= maxAdditional; i++ {
		number := 0
		for n, name := range additionalNumbers {
			if slices.Contains(words, fmt.Sprintf("ke%d_%s", i, name)) {
				if number != 0 {
					return nil, false, false // a choice between two
				}
				number = int(n)
			}
		}
		numbers = append(numbers, number)
	}
	for len(numbers) > 0 && numbers[len(numbers)-1] == 0 {
		numbers = numbers[:len(numbers)-1]
	}
	said, none := 0, 0
	for i, n := range numbers {
		if n != 0 {
			said++
			if slices.Contains(words, fmt.Sprintf("ke%d_none", i+1)) {
				none++
			}
		}
	}
	return numbers, none > 0, said+none == len(words) && (none == 0 || none == said)
}
