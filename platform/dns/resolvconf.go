package dns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// resolvconfKind is the ledger's name for an entry given to resolvconf.
const resolvconfKind = "dns-resolvconf"

// resolvconfEntry is the record.
type resolvconfEntry struct {
	Flavour string `json:"flavour"`
	Name    string `json:"name"`
}

// resolvconfBackend hands our servers to the program that keeps resolv.conf.
type resolvconfBackend struct {
	held[resolvconfEntry]
	flavour string
	widened error // as resolvedBackend's
}

func (b *resolvconfBackend) limited() error { return b.widened }

// openresolvLimit is how many domains openresolv is given: its shell script
// compares each with all others, and takes minutes for ten thousand.
const openresolvLimit = 256

func newResolvconf(env Environment, l *ledger.Ledger, flavour string) *resolvconfBackend {
	return &resolvconfBackend{held[resolvconfEntry]{env: env, ledger: l, kind: resolvconfKind, undo: undoResolvconf}, flavour, nil}
}

func (b *resolvconfBackend) mode() string { return b.flavour }

func (b *resolvconfBackend) holds() bool { return b.entry != nil }

func (b *resolvconfBackend) set(c Config, split bool) error {
	program := b.env.program("resolvconf")
	if program == "" {
		return errors.New("resolvconf is not installed any more")
	}
	b.widened = nil
	if all := narrow(c.Domains); split && len(all) > openresolvLimit {
		c.Domains = widen(all, openresolvLimit)
		split = len(c.Domains) > 0
		b.widened = &TooManyDomainsError{Mode: b.flavour, Wanted: len(all), Told: len(c.Domains)}
	} else if split {
		c.Domains = all
	}
	next := resolvconfEntry{Flavour: b.flavour, Name: entryName(b.flavour, c.Interface)}
	if err := b.take(next); err != nil {
		return err
	}
	return runProgram(b.env, stanza(c, split), program, addArgs(next, split)...)
}

// entryName names our entry. Debian's resolvconf orders entries by patterns of
// their names, and knows tun* as what stands before the physical interfaces.
func entryName(flavour, iface string) string {
	if flavour == flavourDebian {
		return "tun." + iface + ourEntry
	}
	return iface + ourEntry
}

// ourEntry ends the names of our entries.
const ourEntry = ".homeward"

// addArgs: openresolv takes a metric, and an entry may be the only one (-x),
// or serve none but its own domains (-p).
func addArgs(e resolvconfEntry, split bool) []string {
	if e.Flavour != flavourOpenresolv {
		return []string{"-a", e.Name}
	}
	exclusive := "-x"
	if split {
		exclusive = "-p"
	}
	return []string{"-m", "0", exclusive, "-a", e.Name}
}

// stanza is the resolv.conf of our entry.
func stanza(c Config, split bool) []byte {
	var b bytes.Buffer
	for _, a := range c.Servers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	search := c.Search
	if split {
		for _, d := range c.Domains {
			search = appendNew(search, d)
		}
	}
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	return b.Bytes()
}

// undoResolvconf deletes our entry; resolvconf writes the file anew without it.
func undoResolvconf(env Environment, e resolvconfEntry) error {
	program := env.program("resolvconf")
	if program == "" {
		return nil // removed, and its entries with it
	}
	args := []string{"-d", e.Name}
	if e.Flavour == flavourOpenresolv {
		args = []string{"-f", "-d", e.Name} // an entry that is gone is no error
	}
	return runProgram(env, nil, program, args...)
}

// runProgram runs a program; what it printed goes into the error.
func runProgram(env Environment, stdin []byte, program string, args ...string) error {
	return within(func(ctx context.Context) error {
		out, err := env.Run(ctx, stdin, program, args...)
		if err == nil {
			return nil
		}
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	})
}
