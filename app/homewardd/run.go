package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/machine"
	"github.com/homeward-vpn/homeward/client/portal"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/revocation"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/localsock"
	"github.com/homeward-vpn/homeward/platform/route"
)

// options are the flags of run.
type options struct {
	stateDir, socket string
	configDir        string // the administrator's
	handler          slog.Handler
	// listening is closed when callers are answered. nil: nobody wants to know.
	listening chan<- struct{}
	probe     portal.Probe       // of networks that say nothing of their sign-in page
	wall      service.KillSwitch // nil: this computer's own
}

const (
	// gcPercent trades a little processor time for a small heap: the packets'
	// path allocates nothing, so there is little to collect.
	gcPercent = 50
	// memoryLimit bounds the heap's growth under load, far above what is used.
	memoryLimit = 128 << 20
	// farewell bounds the time in which running calls may finish.
	farewell = 2 * time.Second
)

// run is the service's life. Its order: the lock, the parts, a look whether another
// service answers, the block that an earlier run or early boot left, what a crash left,
// the door; and back again.
func run(ctx context.Context, o options) (err error) {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	logs := service.NewLogRing(o.handler)
	logger := slog.New(logs)

	l, err := ledger.Open(o.stateDir) // holds the lock on the state directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	svc, err := join(l, o, logs)
	if err != nil {
		return err
	}
	if err := taken(ctx, o.socket); err != nil {
		return err // what holds and what is left belongs to the service that runs
	}
	svc.Recover()
	door, err := localsock.Listen(o.socket, localsock.DefaultMode)
	if err != nil {
		return err
	}
	server := control.NewServer(svc, logger)
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		served <- server.Serve(door)
		cancel() // nobody can reach a service without a door
	}()
	logger.Info("service runs", "version", control.Version(), "socket", o.socket, "state", o.stateDir)
	if o.listening != nil {
		close(o.listening)
	}
	err = svc.Run(ctx)
	bye, done := context.WithTimeout(context.Background(), farewell)
	defer done()
	err = errors.Join(err, server.Shutdown(bye), <-served)
	logger.Info("service ends")
	return err
}

// lookTime bounds the look for another service: a local socket answers at once.
const lookTime = 2 * time.Second

// taken is an error where a service answers at the socket already.
func taken(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	conn, err := localsock.Dial(ctx, socket)
	if err != nil {
		return nil // nobody does; what else is there is Listen's to find out
	}
	return errors.Join(&localsock.InUseError{Path: socket}, conn.Close())
}

// join makes the service from its parts.
func join(l *ledger.Ledger, o options, logs *service.LogRing) (*service.Service, error) {
	stateDir := o.stateDir
	logger := slog.New(logs)
	laid, err := provision.Open(provision.Config{Dir: o.configDir, Copies: filepath.Join(stateDir, "administrator"), Logger: logger})
	if err != nil {
		return nil, err
	}
	store, err := openProfiles(stateDir, laid, logger)
	if err != nil {
		return nil, err
	}
	router, err := route.New(l, logger)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	resolver, err := dns.New(l, logger, dns.System())
	if err != nil {
		return nil, fmt.Errorf("name resolution: %w", err)
	}
	checker, err := revocation.Open(revocation.Config{Dir: filepath.Join(stateDir, "revocation"), Logger: logger})
	if err != nil {
		return nil, err
	}
	held, err := openStance(stateDir, store, logger)
	if err != nil {
		return nil, err
	}
	machines, err := machine.Open(filepath.Join(stateDir, "machine"))
	if err != nil {
		return nil, err
	}
	around := newSurroundings(resolver, logger)
	var svc *service.Service
	openResolvers := func(to []netip.AddrPort) (func(), error) { return svc.OpenResolvers(to) }
	openProbes := func(to []netip.AddrPort) (func(), error) { return svc.OpenProbes(to) }
	locator, err := newLocator(filepath.Join(stateDir, "gateways.json"), resolver, openResolvers, logger)
	if err != nil {
		return nil, err
	}
	portals, err := newPortals(around, resolver, holes{resolvers: openResolvers, probes: openProbes}, o.probe, logger)
	if err != nil {
		return nil, err
	}
	wall := o.wall
	if wall == nil {
		wall = newWall(logger)
	}
	parts := tunnelParts(l, logger, checker, around)
	parts.Resolve, parts.Translate = locator.Find, locator.Translate
	svc, err = service.New(service.Config{
		Logger:     logger,
		Logs:       logs,
		Profiles:   store,
		Router:     &routes{Router: router},
		Resolver:   names{resolver},
		KillSwitch: wall,
		Posture:    held,
		Proof:      proof{logger},
		NewTunnel:  func(cfg tunnel.Config) service.Tunnel { return tunnel.New(cfg) },
		Tunnel:     parts,
		CleanUp:    func() error { return l.Replay(undo()) },
		Trials:     filepath.Join(stateDir, "refused.json"),
		Automation: newAutomation(around, locator.Find, openProbes, logger),
		Machine:    machines,
		Portals:    portals,
		Leaves:     around.leaves,

		Administration: laid,
	})
	return svc, err
}

// openProfiles opens what users have of their own, and joins it with what was laid down
// for all of them.
func openProfiles(stateDir string, laid *provision.Folder, logger *slog.Logger) (*provision.Store, error) {
	own, err := profile.OpenStore(filepath.Join(stateDir, "profiles"))
	if err != nil {
		return nil, err
	}
	for _, problem := range own.Problems() {
		logger.Warn("a stored profile is left out", "error", problem)
	}
	return provision.NewStore(own, laid, filepath.Join(stateDir, "set-by-users"), logger)
}
