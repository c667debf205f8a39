package dns

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os/exec"
	"time"
)

// Environment is the system as this package sees it. Tests build worlds of
// it; System returns the real one. Files and the paths must be set, any
// function may be nil: then the system has no such thing.
type Environment struct {
	ResolvConf     string // /etc/resolv.conf
	ResolvconfConf string // /etc/resolvconf.conf, openresolv's own configuration
	NscdSocket     string // /run/nscd/socket
	// ResolvconfEntries are the folders in which a resolvconf keeps its entries.
	ResolvconfEntries []string
	Uplinks           string // systemd-resolved's list of uplink resolvers

	Files    Files
	LookPath func(program string) (path string, err error)
	Run      func(ctx context.Context, stdin []byte, program string, args ...string) ([]byte, error)
	Resolved func(ctx context.Context) (Resolved, error) // fails where it does not run
	// NetworkManager tells what it has given to whom.
	NetworkManager func(ctx context.Context) ([]NetworkDNS, error)
	// Changes tells what happens at the files that files names, at any time, and
	// to systemd-resolved, until ctx ends; then the channel is closed.
	Changes        func(ctx context.Context, files func() []string) (<-chan Event, error)
	Now            func() time.Time // nil: time.Now
	InterfaceIndex func(name string) (int, error)
	InterfaceName  func(index int) (string, error)
}

// Files is a file system: the calls that a crash can fall between.
type Files interface {
	// State looks at a path without following it; an absent one is no error.
	State(path string) (FileState, error)
	// List names what is in a directory, sorted; an absent one is empty.
	List(dir string) ([]string, error)
	// Resolve follows links to the end.
	Resolve(path string) (string, error)
	// Write makes or replaces a file, durably, with the state's content, mode and owner.
	Write(path string, s FileState) error
	Symlink(target, path string) error
	Rename(from, to string) error
	// WriteAt and Truncate change a file where it is, durably.
	WriteAt(path string, b []byte) error
	Truncate(path string, size int64) error
	// Remove removes a file; an absent one is no error.
	Remove(path string) error
}

// FileKind is what stands at a path.
type FileKind string

// The kinds of files.
const (
	Absent  FileKind = "absent"
	Regular FileKind = "regular"
	Symlink FileKind = "symlink"
)

// FileState is a file, enough to make it again.
type FileState struct {
	Kind    FileKind    `json:"kind"`
	Target  string      `json:"target,omitempty"`  // of a link, as written in it
	Content []byte      `json:"content,omitempty"` // of a link: what it leads to
	Mode    fs.FileMode `json:"mode,omitempty"`
	UID     int         `json:"uid,omitempty"` // of a file, -1: whoever makes it
	GID     int         `json:"gid,omitempty"`
}

func (s FileState) equal(o FileState) bool {
	return s.Kind == o.Kind && s.Target == o.Target && s.Mode == o.Mode && s.UID == o.UID && s.GID == o.GID && bytes.Equal(s.Content, o.Content)
}

// LinkDomain is one domain of a link, as systemd-resolved takes it.
type LinkDomain struct {
	Name        string // "." for every name
	RoutingOnly bool   // not searched
}

// LinkServer is a server of a link; index 0: for the whole system.
type LinkServer struct {
	Index  int
	Server netip.AddrPort
}

// KnownDomain is a domain of a link; index 0: for the whole system.
type KnownDomain struct {
	Index int
	LinkDomain
}

// Known is what systemd-resolved knows, of every link.
type Known struct {
	Servers  []LinkServer
	Fallback []LinkServer // asked where no link has servers
	Domains  []KnownDomain
}

// NetworkDNS is what NetworkManager has given to the system for one connection.
type NetworkDNS struct {
	Interface string
	VPN       bool
	Servers   []netip.Addr
	Domains   []string
}

// errNoNetworkManager says that NetworkManager cannot be reached.
var errNoNetworkManager = errors.New("NetworkManager does not run")

// Resolved is a conversation with systemd-resolved.
type Resolved interface {
	SetLinkDNS(ctx context.Context, index int, servers []netip.Addr) error
	// SetLinkDomains fails with errTooManyDomains where the link takes fewer.
	SetLinkDomains(ctx context.Context, index int, domains []LinkDomain) error
	SetLinkDefaultRoute(ctx context.Context, index int, on bool) error
	// SetLinkQuiet switches off what a tunnel must not do: multicast name
	// resolution, and validation or encryption that a company's resolver
	// does not offer.
	SetLinkQuiet(ctx context.Context, index int) error
	// Known tells the servers and domains of all links.
	Known(ctx context.Context) (Known, error)
	RevertLink(ctx context.Context, index int) error
	FlushCaches(ctx context.Context) error
	Close() error
}

// deadline bounds one conversation with a system service or program.
const deadline = 5 * time.Second

// within runs f with the deadline.
func within(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return f(ctx)
}

// program finds a program, "" where there is none.
func (e Environment) program(name string) string {
	if e.LookPath == nil || e.Run == nil {
		return ""
	}
	path, err := e.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// errNoResolved says that systemd-resolved cannot be reached.
var errNoResolved = errors.New("systemd-resolved does not run")

// withResolved talks to systemd-resolved once.
func (e Environment) withResolved(f func(ctx context.Context, r Resolved) error) error {
	if e.Resolved == nil {
		return errNoResolved
	}
	return within(func(ctx context.Context) (err error) {
		r, err := e.Resolved(ctx)
		if err != nil {
			return errors.Join(errNoResolved, err)
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		return f(ctx, r)
	})
}

// flushCaches empties the caches that would go on giving the answers of before:
// systemd-resolved's and nscd's, where they run.
func flushCaches(env Environment) error {
	var errs []error
	err := env.withResolved(func(ctx context.Context, r Resolved) error { return r.FlushCaches(ctx) })
	if err != nil && !errors.Is(err, errNoResolved) {
		errs = append(errs, err)
	}
	if err := flushNscd(env); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func flushNscd(env Environment) error {
	nscd := env.program("nscd")
	if nscd == "" || env.NscdSocket == "" {
		return nil
	}
	if s, err := env.Files.State(env.NscdSocket); err != nil || s.Kind == Absent {
		return err
	}
	return within(func(ctx context.Context) error {
		_, err := env.Run(ctx, nil, nscd, "--invalidate=hosts")
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil // it has died and left its socket: nothing is cached
		}
		return err
	})
}
