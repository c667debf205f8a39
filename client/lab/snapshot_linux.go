package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Snapshot is everything of a machine that a VPN client may change, as text,
// by name of what was looked at.
type Snapshot map[string]string

// looks are the commands whose output belongs to a snapshot. None of them
// prints times or counters.
var looks = []string{
	"ip -details -oneline link show",
	"ip -oneline address show",
	"ip -4 route show table all",
	"ip -6 route show table all",
	"ip -4 rule show",
	"ip -6 rule show",
	"nft list ruleset",
}

// settings are the kernel's settings, under /proc/sys/net, that a client may
// change per device.
var settings = []string{
	"ipv4/conf/*/rp_filter", "ipv4/conf/*/forwarding", "ipv4/conf/*/src_valid_mark", "ipv4/conf/*/accept_local",
	"ipv6/conf/*/disable_ipv6", "ipv6/conf/*/forwarding", "ipv6/conf/*/accept_ra",
}

// Snapshot looks at a machine's devices, addresses, routes, rules, packet
// filter, settings, resolv.conf, and at what its name service has been told.
func (n *Namespace) Snapshot(ctx context.Context) (Snapshot, error) {
	s := Snapshot{}
	for _, look := range append(slices.Clone(looks), n.looks...) {
		words := strings.Fields(look)
		out, err := n.Run(ctx, words[0], words[1:]...)
		if err != nil {
			return nil, err
		}
		s[look] = out
	}
	if err := n.Do(func() error { return s.readSettings("/proc/sys/net") }); err != nil {
		return nil, err
	}
	return s, s.readResolv(n.Path("/etc"))
}

func (s Snapshot) readSettings(root string) error {
	for _, pattern := range settings {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if errors.Is(err, fs.ErrNotExist) {
				continue // a device that has just gone
			}
			if err != nil {
				return fmt.Errorf("lab: reading a setting: %w", err)
			}
			s[strings.TrimPrefix(p, root+"/")] = string(b)
		}
	}
	return nil
}

// readResolv keeps resolv.conf's content, kind and mode, and the names of
// whatever else a client may have left in /etc.
func (s Snapshot) readResolv(etc string) error {
	info, err := os.Lstat(filepath.Join(etc, "resolv.conf"))
	if err != nil {
		return fmt.Errorf("lab: looking at resolv.conf: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(etc, "resolv.conf"))
	if err != nil {
		return fmt.Errorf("lab: reading resolv.conf: %w", err)
	}
	kind := info.Mode().String()
	if info.Mode().Type() == fs.ModeSymlink {
		target, err := os.Readlink(filepath.Join(etc, "resolv.conf"))
		if err != nil {
			return fmt.Errorf("lab: looking at resolv.conf: %w", err)
		}
		kind += " -> " + target
	}
	s["/etc/resolv.conf"] = kind + "\n" + string(b)
	entries, err := os.ReadDir(etc)
	if err != nil {
		return fmt.Errorf("lab: looking into /etc: %w", err)
	}
	var names strings.Builder
	for _, e := range entries {
		names.WriteString(e.Name() + "\n")
	}
	s["ls /etc"] = names.String()
	return nil
}

// Diff says in which lines the later snapshot differs; empty: in none.
func (s Snapshot) Diff(later Snapshot) string {
	names := map[string]bool{}
	for k := range s {
		names[k] = true
	}
	for k := range later {
		names[k] = true
	}
	sorted := make([]string, 0, len(names))
	for k := range names {
		sorted = append(sorted, k)
	}
	sort.Strings(sorted)
	var b strings.Builder
	for _, k := range sorted {
		if s[k] == later[k] {
			continue
		}
		fmt.Fprintf(&b, "%s\n", k)
		diffLines(&b, s[k], later[k])
	}
	return b.String()
}

// diffLines prints lines that only one side has, or the whole of both where
// only their order differs.
func diffLines(b *strings.Builder, before, after string) {
	count := map[string]int{}
	for l := range strings.Lines(before) {
		count[l]++
	}
	for l := range strings.Lines(after) {
		count[l]--
	}
	start := b.Len()
	for l := range strings.Lines(before) {
		if count[l] > 0 {
			count[l]--
			fmt.Fprintf(b, "  - %s\n", strings.TrimRight(l, "\n"))
		}
	}
	for l := range strings.Lines(after) {
		if count[l] < 0 {
			count[l]++
			fmt.Fprintf(b, "  + %s\n", strings.TrimRight(l, "\n"))
		}
	}
	if b.Len() == start {
		fmt.Fprintf(b, "  before %q\n  after  %q\n", before, after)
	}
}
