package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

const swanctlFile = "swanctl/swanctl.conf"

// Gateway is a strongSwan daemon on the gateway machine. Safe for concurrent
// use, except that Start, Stop, Kill and Restart want one caller at a time.
type Gateway struct {
	Namespace   *Namespace
	Options     GatewayOptions // as used, with the defaults filled in
	Certificate *Credential

	site   site
	radius *RADIUSServer // whom eap-radius asks; nil: nobody
	charon
}

// newGateway writes the configuration; Start starts the daemon.
func newGateway(dir string, n *Namespace, at site, pki *PKI, radius *RADIUSServer, o GatewayOptions) (*Gateway, error) {
	o.defaults()
	cert, authorities, err := pki.server(o.Certificate, o.Key)
	if err != nil {
		return nil, err
	}
	g := &Gateway{Namespace: n, Options: o, Certificate: cert, site: at, radius: radius}
	g.charon = charon{dir: dir, vici: filepath.Join(dir, "vici"), namespace: n}
	daemon, err := renderConf(strongswanConf, g.data(o))
	if err != nil {
		return nil, err
	}
	connections, err := renderConf(swanctlConf, g.data(o))
	if err != nil {
		return nil, err
	}
	if err := g.write(daemon, connections, cert, authorities); err != nil {
		return nil, err
	}
	return g, nil
}

// data is what the templates see of options.
func (g *Gateway) data(o GatewayOptions) confData {
	d := confData{GatewayOptions: o, Site: g.site, Dir: g.dir, VICI: g.vici}
	if g.radius != nil {
		d.RADIUS = &radiusSite{Port: g.radius.Port, Secret: g.radius.Secret}
	}
	if !o.NoDNS {
		d.DNS4, d.DNS6 = IntranetAddress.String(), IntranetAddress6.String()
	}
	return d
}

// Reload puts other options into force for connections that come after it. What
// is the daemon's own stays as Start made it: AlwaysCookie, CharonLines,
// LogLevel, LogKeys, and the certificate.
func (g *Gateway) Reload(ctx context.Context, o GatewayOptions) error {
	o.defaults()
	connections, err := renderConf(swanctlConf, g.data(o))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(g.dir, swanctlFile), []byte(connections), 0o600); err != nil {
		return fmt.Errorf("lab: writing the gateway's files: %w", err)
	}
	g.Options = o
	return g.load(ctx)
}

// charon is a strongSwan daemon with its folder, on one machine.
type charon struct {
	dir       string
	vici      string // control socket
	namespace *Namespace

	mu      sync.Mutex
	process *Process
	stderr  *syncBuffer
}

// write lays out the folder as swanctl wants it.
func (c *charon) write(daemon, connections string, cert *Credential, authorities []*Authority) error {
	files := map[string][]byte{
		"strongswan.conf": []byte(daemon),
		swanctlFile:       []byte(connections),
	}
	if cert != nil {
		key, err := cert.KeyPEM()
		if err != nil {
			return err
		}
		files["swanctl/x509/server.pem"] = cert.CertificatePEM()
		files["swanctl/private/server.pem"] = key
	}
	for i, a := range authorities {
		files[fmt.Sprintf("swanctl/x509ca/ca%d.pem", i)] = a.CertificatePEM()
	}
	// swanctl complains of each folder that is not there.
	for _, name := range []string{"x509", "x509ca", "x509ocsp", "x509aa", "x509ac", "x509crl", "pubkey",
		"private", "rsa", "ecdsa", "bliss", "pkcs8", "pkcs12"} {
		if err := os.MkdirAll(filepath.Join(c.dir, "swanctl", name), 0o700); err != nil {
			return fmt.Errorf("lab: writing the gateway's files: %w", err)
		}
	}
	for name, content := range files {
		path := filepath.Join(c.dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("lab: writing the gateway's files: %w", err)
		}
	}
	return nil
}

// copies of strongSwan's programs, made once per process: AppArmor's profiles
// attach by path and would keep the originals out of the lab's folder.
var copies struct {
	sync.Mutex
	charon, swanctl string
}

func strongSwanPrograms() (charon, swanctl string, err error) {
	copies.Lock()
	defer copies.Unlock()
	if copies.charon == "" {
		if copies.charon, err = copyProgram("charon-systemd"); err != nil {
			return "", "", err
		}
		if copies.swanctl, err = copyProgram("swanctl"); err != nil {
			return "", "", err
		}
	}
	return copies.charon, copies.swanctl, nil
}

func copyProgram(name string) (string, error) {
	from, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("lab: %w: %w", ErrNotInstalled, err)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return "", fmt.Errorf("lab: copying %s: %w", name, err)
	}
	to := filepath.Join(runDir, "lab-"+name)
	if err := os.WriteFile(to, content, 0o755); err != nil {
		return "", fmt.Errorf("lab: copying %s: %w", name, err)
	}
	return to, nil
}

// Start starts the daemon and loads the configuration. It returns when the
// daemon answers clients.
func (c *charon) Start(ctx context.Context) error {
	program, _, err := strongSwanPrograms()
	if err != nil {
		return err
	}
	cmd := c.namespace.Command(context.Background(), program)
	cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+filepath.Join(c.dir, "strongswan.conf"))
	c.stderr = &syncBuffer{}
	cmd.Stdout, cmd.Stderr = io.Discard, c.stderr
	p, err := startProcess("charon", cmd)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.process = p
	c.mu.Unlock()
	if err := waitForSocket(ctx, c.vici, p); err != nil {
		return fmt.Errorf("lab: the gateway's daemon does not come up: %w: %s", err, c.Log())
	}
	return c.load(ctx)
}

// load has the daemon read its connections.
func (c *charon) load(ctx context.Context) error {
	if out, err := c.swanctl(ctx, "--load-all", "--file", filepath.Join(c.dir, swanctlFile)); err != nil {
		return fmt.Errorf("lab: loading the gateway's configuration: %w", err)
	} else if strings.Contains(out, "failed") {
		return fmt.Errorf("lab: loading the gateway's configuration: %s", out)
	}
	return nil
}

// swanctl runs one command against the daemon.
func (c *charon) swanctl(ctx context.Context, command string, args ...string) (string, error) {
	_, program, err := strongSwanPrograms()
	if err != nil {
		return "", err
	}
	cmd := c.namespace.Command(ctx, program, append([]string{command, "--uri", "unix://" + c.vici}, args...)...)
	cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+filepath.Join(c.dir, "strongswan.conf"), "SWANCTL_DIR="+filepath.Join(c.dir, "swanctl"))
	return output(cmd)
}

func (c *charon) running() *Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

// Stop ends the daemon in an orderly way: it deletes its SAs first.
func (c *charon) Stop(ctx context.Context) error {
	p := c.running()
	if p == nil {
		return nil
	}
	return p.Stop(ctx)
}

// Kill ends the daemon with SIGKILL: its clients hear nothing.
func (c *charon) Kill() error {
	p := c.running()
	if p == nil {
		return nil
	}
	return p.Kill()
}

// Restart kills the daemon and starts a new one, which knows no SA.
func (c *charon) Restart(ctx context.Context) error {
	if err := c.Kill(); err != nil {
		return err
	}
	if err := os.Remove(c.vici); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("lab: removing the old control socket: %w", err)
	}
	return c.Start(ctx)
}

func (c *charon) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	return c.Stop(ctx)
}

// Log is the daemon's log so far, without what the lab's own questions leave
// in it.
func (c *charon) Log() string {
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return "no log: " + err.Error() + " " + c.stderr.String()
	}
	var kept strings.Builder
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, "[CFG] vici client ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
