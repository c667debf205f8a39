package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// rig is the whole way from the command line to the tunnel, with a service that
// is real but for the parts that touch the system.
type rig struct {
	t        *testing.T
	app      *app
	out, err bytes.Buffer
	keychain *memoryKeychain
	person   *person
	socket   string
	dir      string
	cut      func() error // ends the service's door and cuts every caller off, as a kill does
	end      func()       // ends the service

	walls switchboard
	// automation and machine are of the services that are made from then on.
	automation *service.Automation
	machine    service.Machine

	renew   chan struct{} // of one: what asks a scripted tunnel to sign in again
	mu      sync.Mutex
	gateway func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, keychain: &memoryKeychain{entries: map[string]string{}}, person: &person{}, renew: make(chan struct{}, 1)}
	r.gateway = passwordGateway("right")
	dir := t.TempDir()
	r.dir, r.socket = dir, filepath.Join(dir, "s")
	r.serve(dir)
	t.Cleanup(func() { r.end() })
	r.app = &app{
		client: control.NewClient(r.socket), in: strings.NewReader(""), out: &r.out, errOut: &r.err,
		openSecrets: func() (secretStore, error) { return credential.Open(filepath.Join(dir, "sealed"), r.keychain) },
		secretsDir:  func() (string, error) { return filepath.Join(dir, "sealed"), nil },
		ask:         r.person, uid: os.Getuid(),
	}
	return r
}

// serve runs a service until the test ends.
func (r *rig) serve(dir string) {
	r.t.Helper()
	store, err := profile.OpenStore(filepath.Join(dir, "profiles"))
	if err != nil {
		r.t.Fatal(err)
	}
	logs := service.NewLogRing(slog.NewTextHandler(io.Discard, nil))
	laid, err := provision.Open(provision.Config{Dir: filepath.Join(dir, "etc"), Copies: filepath.Join(dir, "copies"), Logger: slog.New(logs)})
	if err != nil {
		r.t.Fatal(err)
	}
	all, err := provision.NewStore(store, laid, filepath.Join(dir, "set"), slog.New(logs))
	if err != nil {
		r.t.Fatal(err)
	}
	svc, err := service.New(service.Config{
		Logger: slog.New(logs), Logs: logs, Profiles: all, Administration: laid,
		Router: noNetwork{}, Resolver: noNames{}, KillSwitch: &r.walls,
		NewTunnel:  func(cfg tunnel.Config) service.Tunnel { return &scripted{rig: r, cfg: cfg} },
		CleanUp:    func() error { return nil },
		Trials:     filepath.Join(dir, "refused.json"),
		Automation: r.automation, Machine: r.machine,
		Jitter: func(_, _ time.Duration) time.Duration { return 0 },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	door, err := localsock.Listen(r.socket, localsock.DefaultMode)
	if err != nil {
		r.t.Fatal(err)
	}
	server := control.NewServer(svc, slog.New(logs))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- svc.Run(ctx) }()
	go func() { ended <- server.Serve(door) }()
	r.cut = func() error {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		return server.Shutdown(now)
	}
	r.end = func() {
		cancel()
		err := server.Shutdown(context.Background())
		if err := errors.Join(err, <-ended, <-ended); err != nil {
			r.t.Error(err)
		}
	}
}

// restart ends the service and starts it again, as an update does.
func (r *rig) restart() {
	r.t.Helper()
	r.end()
	r.serve(r.dir)
}

// run performs a command line and gives its exit code; what it printed is in
// out and err.
func (r *rig) run(args ...string) int { return r.runWith(r.t.Context(), args...) }

func (r *rig) runWith(ctx context.Context, args ...string) int {
	r.out.Reset()
	r.err.Reset()
	return r.app.run(ctx, args)
}

// ok runs what must succeed.
func (r *rig) ok(args ...string) string {
	r.t.Helper()
	if code := r.run(args...); code != 0 {
		r.t.Fatalf("%q: exit code %d: %s", args, code, r.err.String())
	}
	return r.out.String()
}

// fails runs what must fail with one sentence that holds the words.
func (r *rig) fails(words []string, args ...string) {
	r.t.Helper()
	if code := r.run(args...); code == 0 {
		r.t.Fatalf("%q succeeded: %s", args, r.out.String())
	}
	lines := strings.Split(strings.TrimSuffix(r.err.String(), "\n"), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "homewardctl: ") || !strings.HasSuffix(last, ".") {
		r.t.Errorf("%q: not a sentence: %q", args, last)
	}
	for _, w := range words {
		if !strings.Contains(last, w) {
			r.t.Errorf("%q: %q does not say %q", args, last, w)
		}
	}
}

func (r *rig) setGateway(g func(ctx context.Context, cfg tunnel.Config, emit func(tunnel.Event)) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gateway = g
}

// file writes a profile file and gives its path.
func (r *rig) file(name, content string) string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *rig) profiles() []control.ProfileInfo {
	r.t.Helper()
	list, err := r.app.client.Profiles(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// scripted is a tunnel that does what the rig's gateway does.
type scripted struct {
	rig *rig
	cfg tunnel.Config
}

func (s *scripted) Run(ctx context.Context, emit func(tunnel.Event)) error {
	s.rig.mu.Lock()
	gateway := s.rig.gateway
	s.rig.mu.Unlock()
	return gateway(ctx, s.cfg, emit)
}

func (s *scripted) Stats() tunnel.Stats { return tunnel.Stats{TxBytes: 1500, TxPackets: 2} }

func (s *scripted) Renew() {
	select {
	case s.rig.renew <- struct{}{}:
	default:
	}
}

type noNetwork struct{}

func (noNetwork) Set(tunnel.Network) error { return nil }
func (noNetwork) Clear() error             { return nil }

type noNames struct{}

func (noNames) Set(tunnel.Network) (string, error) { return "", nil }
func (noNames) Clear() error                       { return nil }

// lineUp stands until it is told to end.
func lineUp(ctx context.Context, emit func(tunnel.Event)) error {
	emit(tunnel.Up{
		Network: tunnel.Network{
			Interface: "homeward0",
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.98.0.2/32")},
			Routes:    []netip.Prefix{netip.MustParsePrefix("10.99.0.0/24")},
			DNS:       []netip.Addr{netip.MustParseAddr("10.99.0.2")}, Domains: []string{"corp.example"},
		},
		Info: tunnel.Info{GatewayAddress: netip.MustParseAddrPort("203.0.113.1:4500"), GatewayIdentity: "vpn.example.com", IKESuite: "ike-suite", ESPSuite: "esp-suite"},
	})
	<-ctx.Done()
	return nil
}

// memoryKeychain is a keychain that answers, or does not.
type memoryKeychain struct {
	mu      sync.Mutex
	entries map[string]string
	absent  bool
}

func (k *memoryKeychain) do(f func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.absent {
		return &credential.KeychainError{Reason: credential.KeychainAbsent, Err: errors.New("no bus")}
	}
	return f()
}

func (k *memoryKeychain) Get(_ context.Context, service, user string) (secret string, err error) {
	err = k.do(func() error {
		var ok bool
		if secret, ok = k.entries[service+"/"+user]; !ok {
			return credential.ErrNoEntry
		}
		return nil
	})
	return secret, err
}

func (k *memoryKeychain) Set(_ context.Context, service, user, secret string) error {
	return k.do(func() error { k.entries[service+"/"+user] = secret; return nil })
}

func (k *memoryKeychain) Delete(_ context.Context, service, user string) error {
	return k.do(func() error { delete(k.entries, service+"/"+user); return nil })
}

// person answers what the program asks; where there is nothing left to say, there is
// no terminal.
type person struct {
	mu     sync.Mutex
	says   []string
	silent chan struct{} // closed when the person is asked and says nothing
	asked  []string
	saw    []credential.Prompt
}

func (p *person) will(says ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says, p.asked, p.saw = says, nil, nil
}

func (p *person) questions() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// prompts are the questions in full.
func (p *person) prompts() []credential.Prompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.saw
}

// Prompt implements credential.Prompter. To consent is to say "y", to choose is to
// say an option's ID.
func (p *person) Prompt(ctx context.Context, q credential.Prompt) (credential.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.saw = append(p.asked, q.Text), append(p.saw, q)
	if p.silent != nil {
		close(p.silent)
		<-ctx.Done()
		return credential.Reply{}, ctx.Err()
	}
	if len(p.says) == 0 {
		return credential.Reply{}, credential.ErrNoTerminal
	}
	said := p.says[0]
	p.says = p.says[1:]
	switch q.Kind {
	case credential.KindText:
		return credential.Reply{Text: said}, nil
	case credential.KindChoice:
		return credential.Reply{Choice: said}, nil
	case credential.KindConsent:
		if said != "y" {
			return credential.Reply{}, credential.ErrDeclined
		}
		return credential.Reply{}, nil
	}
	reply := credential.Reply{Secret: []byte(said)}
	if q.AsksUser { // the name comes before the password
		if len(p.says) == 0 {
			return credential.Reply{}, credential.ErrNoTerminal
		}
		reply.Text, reply.Secret = said, []byte(p.says[0])
		p.says = p.says[1:]
	}
	return reply, nil
}

// mobileconfig writes a profile file; extra goes into the IKEv2 dictionary and
// payloads beside the VPN's.
func mobileconfig(name, extra, payloads string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>com.example.%[1]s</string>
<key>PayloadUUID</key><string>%[1]s</string>
<key>PayloadOrganization</key><string>Harbour Ltd</string>
<key>PayloadContent</key><array>%[3]s<dict>
<key>PayloadType</key><string>com.apple.vpn.managed</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>com.example.%[1]s.vpn</string>
<key>PayloadUUID</key><string>%[1]s.vpn</string>
<key>UserDefinedName</key><string>%[1]s</string>
<key>VPNType</key><string>IKEv2</string>
<key>IKEv2</key><dict>
<key>RemoteAddress</key><string>vpn.example.com</string>
<key>RemoteIdentifier</key><string>vpn.example.com</string>
%[2]s</dict></dict></array></dict></plist>`, name, extra, payloads)
}

const (
	eap     = `<key>AuthenticationMethod</key><string>None</string><key>ExtendedAuthEnabled</key><integer>1</integer>`
	weakKey = `<key>IncludeAllNetworks</key><integer>1</integer><key>ExcludeLocalNetworks</key><integer>1</integer>`
	eapUser = eap + `<key>AuthName</key><string>ada</string>`
)
