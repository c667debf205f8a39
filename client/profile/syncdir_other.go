//go:build !unix

package profile

// SyncDir does nothing here: the file system journals names by itself, and a
// directory cannot be opened for it.
func SyncDir(string) error { return nil }
