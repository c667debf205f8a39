package profile

import (
	"slices"
	"strings"
)

// The words of Proposal.Group: a group, and behind it additional key exchanges,
// such as "x25519-ke1_mlkem768" (RFC 9370). One that may be left out has "none"
// beside it: "x25519-ke1_mlkem768-ke1_none".

// additionalKeywords are for additional key exchanges only: their values are too
// long for the first message.
var additionalKeywords = []string{"mlkem768", "mlkem1024"}

// validExchanges checks the words of a group.
func (s *SA) validExchanges(field, group string) error {
	words := strings.Split(group, "-")
	if _, err := s.lookUp(groupKeywords, field, words[0]); err != nil {
		return err
	}
	for i, word := range words[1:] {
		number, name, _ := strings.Cut(word, "_")
		switch {
		case len(number) != 3 || number < "ke1" || number > "ke7" || slices.Contains(words[1:][:i], word):
			return invalid(field, "has an additional key exchange that is not written as ke1_ to ke7_ and a keyword")
		case name == "none", slices.Contains(additionalKeywords, name):
		default:
			if _, err := s.lookUp(groupKeywords, field, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchangeWords are the keywords of a group, without the marks of additional ones.
func exchangeWords(group string) []string {
	words := strings.Split(group, "-")
	for i, word := range words[1:] {
		_, words[i+1], _ = strings.Cut(word, "_")
	}
	return words
}
