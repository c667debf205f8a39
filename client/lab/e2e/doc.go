// Package e2e holds the end-to-end tests: Homeward's own programs, as a person
// starts them, against a real strongSwan gateway in the lab. It has no code
// besides its tests, and knows of Homeward only what a person sees: the
// commands, their words and exit codes, and the JSON of the status. Two things it
// takes from further inside: the suite's list of keywords, so that no algorithm is
// left out, and the form of a stored profile, for what no import format says yet.
package e2e
