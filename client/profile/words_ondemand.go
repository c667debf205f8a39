package profile

import (
	"fmt"
	"strings"
)

// Words says when the line comes by itself, for a person; "" for never.
func (o OnDemand) Words() string {
	words := ""
	switch o.When {
	case WhenRules:
		words = "while you are signed in to the computer, where a rule says so"
	case WhenLogin:
		words = "while you are signed in to the computer"
	case WhenBoot:
		words = "from the start of the computer on"
	case WhenAlways:
		words = "always, and again at the next change of network after you disconnect"
	default:
		return ""
	}
	switch n := len(o.Rules); n {
	case 0:
		return words
	case 1:
		return words + " (1 rule)"
	default:
		return fmt.Sprintf("%s (%d rules)", words, n)
	}
}

// Words says what a rule does and where, for a person: "stay disconnected in the
// Wi-Fi “Office”".
func (r Rule) Words() string {
	var where []string
	if r.Interface != "" {
		where = append(where, "over "+interfaceWords[r.Interface])
	}
	if len(r.SSIDs) > 0 {
		where = append(where, "in the Wi-Fi "+either(r.SSIDs, func(s string) string { return "“" + s + "”" }))
	}
	plain := func(s string) string { return s }
	if len(r.DNSDomains) > 0 {
		where = append(where, "where the search domain is "+either(r.DNSDomains, plain))
	}
	if len(r.DNSServers) > 0 {
		where = append(where, "where the name server is "+either(r.DNSServers, plain))
	}
	if r.ProbeURL != "" {
		where = append(where, "where "+r.ProbeURL+" answers")
	}
	if len(where) == 0 {
		where = []string{"in every network"}
	}
	return r.actionWords() + " " + strings.Join(where, ", ")
}

func (r Rule) actionWords() string {
	switch r.Action {
	case RuleDisconnect:
		return "stay disconnected"
	case RuleIgnore:
		return "leave it as it is"
	case RuleEvaluate:
		var names []string
		for _, d := range r.Domains {
			if d.Action == DomainIfNeeded {
				names = append(names, d.Domains...)
			}
		}
		if len(names) == 0 {
			return "leave it as it is"
		}
		return "connect if " + either(names, func(s string) string { return s }) + " cannot be reached from here"
	}
	return "connect"
}

var interfaceWords = map[RuleInterface]string{
	RuleEthernet: "a cable", RuleWiFi: "Wi-Fi", RuleCellular: "a mobile network",
}

// mostNamed bounds how many names one sentence has.
const mostNamed = 4

func either(list []string, word func(string) string) string {
	var words []string
	for _, v := range list[:min(len(list), mostNamed)] {
		words = append(words, word(v))
	}
	if more := len(list) - mostNamed; more > 0 {
		words = append(words, fmt.Sprintf("%d others", more))
	}
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
