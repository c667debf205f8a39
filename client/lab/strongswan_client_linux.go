package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// StrongSwanClient is a strongSwan daemon on the client's machine: it proves
// the lab without Homeward, and is what Homeward is measured against.
type StrongSwanClient struct{ charon }

const strongSwanClientConf = `connections {
	lab {
		version = 2
		remote_addrs = %s
		vips = 0.0.0.0, ::
		local {
			auth = eap
			eap_id = %s
		}
		remote {
			auth = pubkey
			id = %s
			cacerts = ca0.pem
		}
		children {
			net {
				remote_ts = 10.99.0.0/24, fd00:99::/64
			}
		}
	}
}
secrets {
	eap-user {
		id = %s
		secret = %s
	}
}
`

// StartStrongSwanClient starts the daemon, which signs in as a user by
// EAP-MSCHAPv2 when told to Connect. Close of the lab ends it.
func (l *Lab) StartStrongSwanClient(ctx context.Context, user, password string) (*StrongSwanClient, error) {
	dir := filepath.Join(l.Dir, "strongswan-client")
	s := &StrongSwanClient{charon{dir: dir, vici: filepath.Join(dir, "vici"), namespace: l.Client}}
	var o GatewayOptions
	o.defaults()
	daemon, err := renderConf(strongswanConf, confData{GatewayOptions: o, Dir: dir, VICI: s.vici})
	if err != nil {
		return nil, err
	}
	connections := fmt.Sprintf(strongSwanClientConf, GatewayName, quoted(user), quoted(GatewayName), quoted(user), quoted(password))
	if err := s.write(daemon, connections, nil, []*Authority{l.PKI.CA}); err != nil {
		return nil, err
	}
	l.onClose(s.close)
	return s, s.Start(ctx)
}

// Connect initiates the tunnel and returns when it is up.
func (s *StrongSwanClient) Connect(ctx context.Context) error {
	out, err := s.swanctl(ctx, "--initiate", "--child", "net", "--timeout", "20")
	if err != nil {
		return err
	}
	if !strings.Contains(out, "initiate completed successfully") {
		return fmt.Errorf("lab: strongSwan did not connect: %s", out)
	}
	return nil
}
