// Package e2e holds the end-to-end tests: Homeward's own programs, as a person
// starts them, against a real strongSwan gateway in the lab. It has no code
// besides its tests, and knows of Homeward only what a person sees: the
// commands, their words and exit codes, and the JSON of the status.
package e2e
