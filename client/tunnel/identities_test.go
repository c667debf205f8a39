package tunnel

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// radius is a server behind the gateway that signs people in by TTLS with PAP inside
// (RFC 5281), and what it hears.
type radius struct {
	eap          *tlsserver.EAP
	asked        bool
	outer, inner string
	password     string
	certificate  tls.Certificate
	reads        int // octets inside
	closes       func(func())
}

func (r *radius) Start() []byte {
	const identity = 1
	return []byte{1, 100, 0, 5, identity}
}

func (r *radius) Handle(b []byte) ([]byte, error) {
	if r.asked {
		return r.eap.Handle(b)
	}
	r.asked, r.outer = true, string(b[5:])
	server := tlsserver.New(&tls.Config{Certificates: []tls.Certificate{r.certificate}, Time: time.Now})
	r.closes(server.Close)
	r.eap = &tlsserver.EAP{Server: server, Kind: 21, Inside: r.inside}
	return r.eap.Start(), nil
}

// inside reads User-Name and User-Password (RFC 5281 10.1, RFC 2865 5.1, 5.2).
func (r *radius) inside(_ bool, data []byte) (reply []byte, over, good bool) {
	r.reads += len(data)
	for len(data) >= 8 {
		length := int(binary.BigEndian.Uint32(data[4:]) & 0xffffff)
		value := data[8:length]
		switch binary.BigEndian.Uint32(data) {
		case 1:
			r.inner = string(value)
		case 2:
			r.password = string(bytes.TrimRight(value, "\x00"))
		}
		data = data[min(len(data), (length+3)/4*4):]
	}
	return nil, r.password != "", r.password == iketest.Password
}

func (r *radius) MSK() suite.Secret {
	key, err := r.eap.MSK("ttls keying material")
	if err != nil {
		return nil
	}
	return key
}

// heard is what the gateway was told in the first IKE_AUTH request.
type heard struct{ idi, idr string }

// behind puts a server with a certificate for this name behind the gateway.
func behind(t *testing.T, name string) (*office, *radius, *heard) {
	t.Helper()
	var o *office
	r, h := &radius{}, &heard{}
	r.closes = func(f func()) {
		t.Cleanup(func() { o.tell(func(time.Time) error { f(); return nil }) }) // it is the gateway's
	}
	o = newOffice(t, func(g *iketest.ResponderConfig) {
		g.EAP = func() iketest.EAPServer { return r }
		g.OnRequest = func(x *iketest.Exchange) bool {
			for _, p := range x.Request {
				if id, ok := p.(*wire.IDPayload); ok {
					text := auth.Identity{Type: id.IDType, Data: slices.Clone(id.Data)}.String()
					if id.Type() == wire.PayloadIDi {
						h.idi = text
					} else {
						h.idr = text
					}
				}
			}
			return true
		}
	})
	c := o.ca.Issue(iketest.Leaf{DNSNames: []string{name}})
	r.certificate = tls.Certificate{Certificate: c.Chain, PrivateKey: c.Key}
	return o, r, h
}

// TestIdentitiesOnTheWire: each of the names goes where client/profile/README.md says,
// and to nobody else (RFC 7296 3.5, RFC 3748 5.1, RFC 5281 7.3).
func TestIdentitiesOnTheWire(t *testing.T) {
	t.Parallel()
	const server = "radius.corp.example"
	for name, c := range map[string]struct {
		change                 func(p *profile.Profile)
		idi, idr, outer, inner string
	}{
		"each is named": {
			func(p *profile.Profile) {
				p.Client.Identity, p.Client.Username, p.Client.EAP.OuterIdentity = "laptop-7.corp.example", "alice@corp.example", "visitor@corp.example"
			},
			"laptop-7.corp.example", iketest.GatewayName, "visitor@corp.example", "alice@corp.example",
		},
		"the user name alone": {
			func(p *profile.Profile) { p.Gateway.Identity, p.Client.Username = "", "alice@corp.example" },
			"anonymous@corp.example", "", "anonymous@corp.example", "alice@corp.example",
		},
		"asked for": {
			func(p *profile.Profile) { p.Client.Username = "" },
			"anonymous", iketest.GatewayName, "anonymous", iketest.UserName,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, r, h := behind(t, server)
				cfg := o.config()
				cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{
					Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP}, ServerNames: []string{server},
				}}
				c.change(cfg.Profile)
				line := run(t, cfg)
				line.up()
				exchange(t, o)
				line.stop()
				if h.idi != c.idi || h.idr != c.idr || r.outer != c.outer || r.inner != c.inner {
					t.Errorf("IDi %q, IDr %q, outside %q, inside %q; want %q, %q, %q, %q", h.idi, h.idr, r.outer, r.inner, c.idi, c.idr, c.outer, c.inner)
				}
				complaints(t, o)
			})
		})
	}
}

// TestSignInServerName: the server that signs in has the name that the profile gives
// it, and the gateway's where it gives none; another one is told neither name nor
// password, although the gateway is who it says (RFC 5281 14.1.6, RFC 9190 2.2).
func TestSignInServerName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server string
		names  []string
		good   bool
	}{
		"named":                    {"radius.corp.example", []string{"backup.corp.example", "radius.corp.example"}, true},
		"by wildcard":              {"radius-2.corp.example", []string{"*.corp.example"}, true},
		"the gateway's":            {iketest.GatewayName, nil, true},
		"another, none is named":   {"radius.corp.example", nil, false},
		"another":                  {"www.corp.example", []string{"radius.corp.example"}, false},
		"below what is a wildcard": {"a.b.corp.example", []string{"*.corp.example"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, r, _ := behind(t, c.server)
				cfg := o.config()
				cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, Username: iketest.UserName, EAP: profile.EAP{
					Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP}, ServerNames: c.names,
				}}
				asked := 0
				usual := cfg.Ask
				cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
					asked++
					return usual(ctx, q)
				}
				line := run(t, cfg)
				if c.good {
					line.up()
					line.stop()
					return
				}
				var f *diagnose.Failure
				if err := <-line.result; !errors.As(err, &f) || f.Cause != diagnose.CauseServerWrongName {
					t.Errorf("ended with %v", err)
				}
				if asked != 0 || r.reads != 0 || r.inner != "" {
					t.Errorf("asked %d times, and %d octets were told", asked, r.reads)
				}
			})
		})
	}
}

// TestSafeEAPOnly: a gateway without a certificate proves itself by the server of a
// method that is safe for that, where the profile lets it, and by that server's name
// (RFC 5998 3, 4, 6.2). No warning is due then.
func TestSafeEAPOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		only   profile.EAPOnly
		server string
		want   diagnose.Cause
	}{
		"the gateway's name": {profile.EAPOnlySafe, iketest.GatewayName, ""},
		"another's name":     {profile.EAPOnlySafe, "other.example.com", diagnose.CauseServerWrongName},
		"not allowed":        {profile.EAPOnlyNever, iketest.GatewayName, diagnose.CauseGatewayProof},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, r, _ := behind(t, c.server)
				o.gateway.Change(func(g *iketest.ResponderConfig) { g.EAPOnly = iketest.EAPOnlyForced })
				cfg := o.config()
				cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, Username: iketest.UserName, EAPOnly: c.only, EAP: profile.EAP{
					Methods: []profile.EAPMethod{profile.EAPMSCHAPv2, profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP},
				}}
				line := run(t, cfg)
				if c.want == "" {
					if up := line.up(); len(up.Info.IKEWarnings) > 0 {
						t.Errorf("warnings %q", up.Info.IKEWarnings)
					}
					exchange(t, o)
					line.stop()
					complaints(t, o)
					return
				}
				var f *diagnose.Failure
				if err := <-line.result; !errors.As(err, &f) || f.Cause != c.want || r.reads != 0 {
					t.Errorf("ended with %v, %d octets were told", err, r.reads)
				}
			})
		})
	}
}
