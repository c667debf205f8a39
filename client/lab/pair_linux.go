package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// Addresses of a Pair: of the cable, and of the tunnel that libipsec makes.
var (
	PairA       = netip.MustParseAddr("192.0.2.1")
	PairB       = netip.MustParseAddr("192.0.2.2")
	PairInsideA = netip.MustParseAddr("10.66.1.1")
	PairInsideB = netip.MustParseAddr("10.66.1.2")
)

// Pair is two machines with one cable between them and nothing else: what two
// data planes are measured over.
type Pair struct {
	A, B *Namespace

	dir   string
	peers []*charon
}

// StartPair makes the two machines. On an error nothing is left.
func StartPair() (*Pair, error) {
	if err := requireInside(); err != nil {
		return nil, err
	}
	p := &Pair{}
	if err := p.build(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Pair) build() error {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return fmt.Errorf("lab: making the lab's folder: %w", err)
	}
	var err error
	if p.dir, err = os.MkdirTemp(runDir, "pair-"); err != nil {
		return fmt.Errorf("lab: making the lab's folder: %w", err)
	}
	if p.A, err = newNamespace("a", nil); err != nil {
		return err
	}
	if p.B, err = newNamespace("b", nil); err != nil {
		return err
	}
	if err := ipBatch(p.A,
		fmt.Sprintf("link add eth0 type veth peer name eth0 netns %d", p.B.holder.PID()),
		fmt.Sprintf("addr add %s/24 dev eth0", PairA),
		"link set eth0 up"); err != nil {
		return err
	}
	return ipBatch(p.B, fmt.Sprintf("addr add %s/24 dev eth0", PairB), "link set eth0 up")
}

const pairConf = `connections {
	pair {
		version = 2
		local_addrs = %[1]s
		remote_addrs = %[2]s
		proposals = aes256gcm16-prfsha256-x25519
		local {
			auth = psk
		}
		remote {
			auth = psk
		}
		children {
			net {
				local_ts = %[3]s
				remote_ts = %[4]s
				esp_proposals = aes256gcm16
			}
		}
	}
}
secrets {
	ike-pair {
		secret = "measured, not secret"
	}
}
`

// ConnectStrongSwan joins the machines by strongSwan's userspace ESP, with
// AES-256-GCM, between PairInsideA and PairInsideB.
func (p *Pair) ConnectStrongSwan(ctx context.Context) error {
	ends := []struct {
		name                         string
		n                            *Namespace
		here, there, inside, outside netip.Addr
	}{
		{"b", p.B, PairB, PairA, PairInsideB, PairInsideA},
		{"a", p.A, PairA, PairB, PairInsideA, PairInsideB},
	}
	for _, e := range ends {
		if err := ipBatch(e.n, fmt.Sprintf("addr add %s/32 dev lo", e.inside)); err != nil {
			return err
		}
		dir := filepath.Join(p.dir, e.name)
		c := &charon{dir: dir, vici: filepath.Join(dir, "vici"), namespace: e.n}
		var o GatewayOptions
		o.defaults()
		daemon, err := renderConf(strongswanConf, confData{GatewayOptions: o, Dir: dir, VICI: c.vici})
		if err != nil {
			return err
		}
		if err := c.write(daemon, fmt.Sprintf(pairConf, e.here, e.there, e.inside, e.outside), nil, nil); err != nil {
			return err
		}
		p.peers = append(p.peers, c)
		if err := c.Start(ctx); err != nil {
			return err
		}
	}
	_, err := p.peers[len(p.peers)-1].swanctl(ctx, "--initiate", "--child", "net", "--timeout", "20")
	return err
}

// Close ends what runs on the machines, and the machines.
func (p *Pair) Close() error {
	var errs []error
	for _, c := range p.peers {
		errs = append(errs, c.close())
	}
	for _, n := range []*Namespace{p.A, p.B} {
		if n != nil {
			errs = append(errs, n.close())
		}
	}
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}
