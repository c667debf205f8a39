// Package diagnose puts causes into plain words: it names why a connection
// failed and turns the name into one sentence that says what is wrong and what
// to do about it.
//
// It owns the list of causes and their words. README.md has the table of what goes
// wrong when signing in, row by row, with the tests that make it happen. It never
// finds a cause itself and knows nothing of IKE or of the operating system:
// client/tunnel and client/service make Failures from the errors they meet, and
// the user's programs print their sentences.
package diagnose
