package locate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

const (
	maxNames = 64
	maxFile  = 256 << 10 // octets
	// oldest is how long an answer is a last resort.
	oldest = 180 * 24 * time.Hour
	// rewrite is how old an answer in the file may be that is found again.
	rewrite = 10 * time.Minute
	version = 1
)

// entry is what was answered about a name.
type entry struct {
	Addresses []netip.Addr     `json:"addresses"`
	Servers   []netip.AddrPort `json:"servers"` // who were to be asked: another network may answer otherwise
	At        time.Time        `json:"at"`
	Until     time.Time        `json:"until"`
}

// entry is how an answer is remembered.
func (a answer) entry(now time.Time, servers []netip.AddrPort) entry {
	now = now.Round(0).UTC()
	return entry{Addresses: a.addrs, Servers: servers, At: now, Until: now.Add(min(max(a.ttl, pause), maxTTL))}
}

// fresh: the same servers would say the same, or may not be asked yet.
func (e entry) fresh(now time.Time, servers []netip.AddrPort) bool {
	return e.usable(now) && now.Before(e.Until) && slices.Equal(e.Servers, servers)
}

// usable: as a last resort. What is from the future is from a clock that was wrong.
func (e entry) usable(now time.Time) bool {
	return !now.Before(e.At) && now.Sub(e.At) < oldest
}

// file is what is on disk.
type file struct {
	Version int              `json:"version"`
	Names   map[string]entry `json:"names"`
}

// cache remembers answers, in memory and on disk.
type cache struct {
	path   string
	logger *slog.Logger

	mu    sync.Mutex
	names map[string]entry
	saved map[string]entry // what the file says
}

func openCache(path string, now time.Time, logger *slog.Logger) *cache {
	c := &cache{path: path, logger: logger, names: map[string]entry{}, saved: map[string]entry{}}
	if path == "" {
		return c
	}
	names, err := readCache(path)
	if err != nil {
		logger.Warn("the addresses of before are not known any more", "error", err)
	}
	for host, e := range names {
		if e.usable(now) {
			c.names[host] = e
		}
	}
	c.saved = maps.Clone(c.names)
	return c
}

func readCache(path string) (names map[string]entry, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return parseCache(text)
}

// parseCache reads the file. All of it is right, or none of it is used.
func parseCache(text []byte) (map[string]entry, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("locate: the file is larger than %d octets", maxFile)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f file
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("locate: the file: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("locate: the file goes on after its end")
	}
	if f.Version != version || len(f.Names) > maxNames {
		return nil, errors.New("locate: the file is of another version, or too full")
	}
	for host, e := range f.Names {
		name, err := parseName(host)
		if err != nil || name.String() != host+"." {
			return nil, fmt.Errorf("locate: the file names %q", host)
		}
		if len(e.Addresses) == 0 || len(e.Addresses) > 2*maxAddresses || len(e.Servers) > maxServers {
			return nil, fmt.Errorf("locate: the file has %d addresses of %s", len(e.Addresses), host)
		}
		for _, a := range e.Addresses {
			if !possible(a) || a.Is4In6() {
				return nil, fmt.Errorf("locate: the file has the address %v of %s", a, host)
			}
		}
		if life := e.Until.Sub(e.At); life < 0 || life > maxTTL {
			return nil, fmt.Errorf("locate: the file has %s for %v", host, life)
		}
	}
	return f.Names, nil
}

func (c *cache) get(host string) (entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.names[host]
	return e, ok
}

// put remembers an answer. The file is written where it says something else, and
// else now and then: a line that comes and goes does not wear out a disk.
func (c *cache) put(host string, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.names[host]; !ok {
		c.makeRoom()
	}
	c.names[host] = e
	old, ok := c.saved[host]
	if c.path == "" || ok && e.At.Sub(old.At).Abs() < rewrite && sameAddresses(e.Addresses, old.Addresses) {
		return
	}
	text, err := json.Marshal(file{version, c.names})
	if err == nil {
		err = profile.WriteFile(c.path, text)
	}
	if err != nil {
		c.logger.Warn("the gateway's addresses could not be kept", "error", err)
		return
	}
	c.saved = maps.Clone(c.names)
}

func sameAddresses(a, b []netip.Addr) bool {
	return slices.Equal(slices.SortedFunc(slices.Values(a), netip.Addr.Compare), slices.SortedFunc(slices.Values(b), netip.Addr.Compare))
}

// makeRoom forgets the oldest. The caller holds the lock.
func (c *cache) makeRoom() {
	for len(c.names) >= maxNames {
		hosts := slices.SortedFunc(maps.Keys(c.names), func(a, b string) int {
			if n := c.names[a].At.Compare(c.names[b].At); n != 0 {
				return n
			}
			return strings.Compare(a, b)
		})
		delete(c.names, hosts[0])
	}
}
