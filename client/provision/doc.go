// Package provision reads what an administrator lays down for a computer, and for
// everybody who uses it: profiles, one file each, and a policy.
//
//	/etc/homeward/profiles.d/*.json   profiles (file.go)
//	/etc/homeward/policy.json         the policy (policy.go)
//
//	a change of a file -> Folder.Watch (watch.go) -> read what is trusted (trust*.go,
//	  folder.go) -> a generation: profiles, policy, and a sentence for each thing that
//	  is not used -> Store (store.go): what each user has of it
//
// A file counts only where nobody but root could have written it. One that cannot be
// read, damaged or half written say, changes nothing: what it said when it was good last
// counts, of which the service keeps a copy, also over its restart. Only a file that is
// gone takes back what it said.
//
// Store puts what was laid down and what users have of their own into one list. Each
// user has a profile that was laid down as their own, with their own values in the
// fields that the administrator leaves to them, and nobody can take it away but by its
// file.
//
// The package decides nothing about a line and knows no caller; README.md describes
// the files. client/service asks it, app/homewardd opens it.
package provision
