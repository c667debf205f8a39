package locate

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// maxHosts bounds what is read of the hosts file, octets.
const maxHosts = 4 << 20

// fromHosts looks for a name in the system's own list (hosts(5)). What cannot be
// read says nothing.
func fromHosts(path string, name dnsmessage.Name) []netip.Addr {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	found := parseHosts(io.LimitReader(f, maxHosts), strings.TrimSuffix(name.String(), "."))
	if err := f.Close(); err != nil {
		return nil
	}
	return found
}

func parseHosts(r io.Reader, host string) (found []netip.Addr) {
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(found) < maxAddresses {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 || !slices.ContainsFunc(fields[1:], func(f string) bool { return strings.EqualFold(strings.TrimSuffix(f, "."), host) }) {
			continue
		}
		if a, err := netip.ParseAddr(fields[0]); err == nil && !slices.Contains(found, a.Unmap()) {
			found = append(found, a.Unmap())
		}
	}
	return found
}
