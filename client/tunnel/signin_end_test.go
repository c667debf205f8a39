package tunnel

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// brokenAlarm fails when it is told to.
type brokenAlarm struct {
	Alarm
	broken chan struct{}
}

var errAlarm = errors.New("the clock has stopped")

func (a brokenAlarm) Set(wait time.Duration) error {
	select {
	case <-a.broken:
		return errAlarm
	default:
		return a.Alarm.Set(wait)
	}
}

// TestNothingStaysOfABrokenSignIn: a line whose socket or alarm breaks in the middle of
// a sign-in inside TLS leaves nothing of it behind. A bubble of synctest does not end
// well while a coroutine of it is left.
func TestNothingStaysOfABrokenSignIn(t *testing.T) {
	t.Parallel()
	const server = "radius.corp.example"
	for name, c := range map[string]struct {
		breaks func(o *office, a brokenAlarm)
		want   diagnose.Cause
	}{
		"the socket": {func(o *office, _ brokenAlarm) { o.client.DeliverError(net.ErrClosed) }, diagnose.CauseTransportFailed},
		"the alarm":  {func(_ *office, a brokenAlarm) { close(a.broken) }, diagnose.CauseInternal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, _, _ := behind(t, server)
				cfg := o.config()
				cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, Username: iketest.UserName, EAP: profile.EAP{
					Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP}, ServerNames: []string{server},
				}}
				alarm := brokenAlarm{broken: make(chan struct{})}
				cfg.NewAlarm = func() (a Alarm, err error) {
					alarm.Alarm, err = newRuntimeAlarm()
					return alarm, err
				}
				usual := cfg.Ask
				cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
					c.breaks(o, alarm)
					synctest.Wait()
					return usual(ctx, q) // has the line look at the time again
				}
				var f *diagnose.Failure
				if err := <-run(t, cfg).result; !errors.As(err, &f) || f.Cause != c.want {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

// TestSuccessorShowsTheSameUser: where the certificate that the user chose says who
// signs in, it does so for the successor, too (RFC 7296 3.5, RFC 5216 2.1.1).
func TestSuccessorShowsTheSameUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, r, h := behind(t, "")
		var said []string // the name before TLS, of each sign-in
		c := o.ca.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}})
		r.certificate = tls.Certificate{Certificate: c.Chain, PrivateKey: c.Key}
		o.gateway.Change(func(g *iketest.ResponderConfig) {
			limited100(g)
			g.EAP = func() iketest.EAPServer {
				return &byCertificate{radius: &radius{closes: r.closes, certificate: r.certificate}, said: &said}
			}
		})
		cfg := o.config()
		cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, EAP: profile.EAP{Methods: []profile.EAPMethod{profile.EAPTLS}}}
		cfg.Ask = func(_ context.Context, q Question) (Answer, error) {
			if q.Kind == AskCertificate {
				return Answer{Certificates: employee.Chain}, nil
			}
			sig, err := auth.Sign(employee.Key, auth.Scheme(q.Scheme), rand.Reader, q.Data)
			return Answer{Secret: sig}, err
		}
		line := run(t, cfg)
		line.up()
		var first, then string
		o.tell(func(time.Time) error { first = h.idi; return nil })
		<-time.After(3 * signIns / 2)
		line.standing()
		line.stop()
		o.tell(func(time.Time) error { then = h.idi; return nil })
		if len(said) != 2 || said[0] != "alice@example.com" || said[1] != said[0] || first != "alice@example.com" || then != first {
			t.Errorf("said %q; IDi %q, then %q", said, first, then)
		}
		complaints(t, o)
	})
}

// byCertificate is a server of EAP-TLS.
type byCertificate struct {
	*radius
	said *[]string
}

func (b *byCertificate) Handle(packet []byte) ([]byte, error) {
	if b.eap != nil {
		return b.eap.Handle(packet)
	}
	*b.said = append(*b.said, string(packet[5:]))
	server := tlsserver.New(&tls.Config{Certificates: []tls.Certificate{b.certificate}, ClientAuth: tls.RequireAnyClientCert, Time: time.Now})
	b.closes(server.Close)
	b.eap = &tlsserver.EAP{Server: server, Kind: 13}
	return b.eap.Start(), nil
}

func (b *byCertificate) MSK() suite.Secret {
	key, err := b.eap.MSK("client EAP encryption")
	if err != nil {
		return nil
	}
	return key
}
