package dns

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// text is what a resolv.conf says.
type text struct {
	servers []string
	search  []string
	options []string // words
}

// parseText reads a resolv.conf as the C library does: a later search line
// replaces an earlier one, `domain` is a search list of one.
func parseText(b []byte) text {
	var t text
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			t.servers = append(t.servers, words[1])
		case "search", "domain":
			t.search = words[1:]
		case "options":
			t.options = append(t.options, words[1:]...)
		}
	}
	return t
}

// marker begins every resolv.conf that we write.
const marker = "# Homeward wrote this file"

// maxServers is how many servers the C library reads (MAXNS).
const maxServers = 3

// compose writes the resolv.conf for c in place of before. Of the file before,
// the options stay. Where names should have been split and cannot be, the
// servers and search names of before follow ours: a company resolver that
// refuses a foreign name then passes it on to them.
func compose(c Config, before []byte) []byte {
	old := parseText(before)
	search := slices.Clone(c.Search)
	servers := make([]string, 0, maxServers)
	for _, a := range c.Servers {
		servers = appendNew(servers, a.String())
	}
	if len(c.Domains) > 0 {
		for _, s := range old.search {
			search = appendNew(search, s)
		}
		for _, s := range old.servers {
			servers = appendNew(servers, s)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s for the tunnel %s. The one before it\n# comes back when the tunnel goes down.\n", marker, c.Interface)
	for _, s := range servers[:min(len(servers), maxServers)] {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	if len(old.options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(old.options, " "))
	}
	return b.Bytes()
}

// isMix tells whether now is what an interrupted writing of to over from
// leaves: some first bytes of to, then the rest of from. Both ends count.
func isMix(now, from, to []byte) bool {
	if bytes.Equal(now, from) || bytes.Equal(now, to) {
		return true
	}
	for k := 0; k <= len(to) && k <= len(now) && (k == 0 || now[k-1] == to[k-1]); k++ {
		if bytes.Equal(now[k:], from[min(k, len(from)):]) {
			return true
		}
	}
	return false
}

// domain brings a name into the form that all back ends take: lower case,
// without dots at its ends. It refuses what could break a configuration line.
func domain(name string) (string, error) {
	clean := strings.ToLower(strings.Trim(name, "."))
	if clean == "" || len(clean) > 253 {
		return "", fmt.Errorf("%q is not a domain name", name)
	}
	for _, r := range clean {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`"'\#;/`, r) {
			return "", fmt.Errorf("%q is not a domain name", name)
		}
	}
	return clean, nil
}
