//go:build !unix

package ledger

// trusted: elsewhere whoever makes the directory says who may write to it.
func trusted(string) error { return nil }
