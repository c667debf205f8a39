package radius_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/lab/radius"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// servers starts a company's sign-in servers, or skips where that is forbidden.
func servers(t *testing.T) *lab.RADIUS {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	l, err := lab.Start(ctx, lab.Options{NoGateway: true, RADIUS: &lab.RADIUSOptions{}})
	if forbidden := (*lab.NotPermittedError)(nil); errors.As(err, &forbidden) || errors.Is(err, lab.ErrNotInstalled) {
		t.Skip("no lab on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error("closing the lab: ", err)
		}
	})
	return l.RADIUS
}

// outcome is how a conversation ended.
type outcome struct {
	err     error       // of the peer
	code    radius.Code // the server's last word
	msk     []byte      // the peer's
	key     []byte      // the server's
	message string      // the last that the server had for the user
}

// talk runs a conversation to its end.
func talk(t *testing.T, s *lab.RADIUSServer, cfg eap.Config, password string) outcome {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	cfg.Rand = rand.Reader
	server, peer := radius.NewClient(conn, s.Secret, cfg.Identity), eap.New(cfg)
	defer peer.Clear()
	var out outcome
	// As a gateway does, which has asked for the identity itself.
	r, err := peer.Handle([]byte{1, 0, 0, 5, eap.TypeIdentity})
	for {
		if r.Message != "" {
			out.message = r.Message
		}
		if err == nil && r.Ask != nil {
			r, err = peer.Provide(eap.Answer{Secret: suite.Secret(password)})
		}
		if out.err = err; err != nil {
			return out
		}
		if r.Done {
			out.msk = r.MSK
			return out
		}
		a, xerr := server.Exchange(r.Response)
		if xerr != nil {
			t.Fatal(xerr, s.Log())
		}
		out.code, out.key = a.Code, a.Key
		r, err = peer.Handle(a.EAP)
	}
}

// TestMSCHAPv2Key has the key of MSCHAPv2 compared with the one that each
// server hands to the gateway, which is shorter: zeros follow (RFC 3079).
func TestMSCHAPv2Key(t *testing.T) {
	t.Parallel()
	r := servers(t)
	for _, s := range []*lab.RADIUSServer{r.FreeRADIUS, r.Hostapd} {
		out := talk(t, s, eap.Config{Identity: lab.UserName, Methods: []uint8{eap.TypeMSCHAPv2}}, lab.UserPassword)
		if out.err != nil || out.code != radius.AccessAccept {
			t.Fatalf("%v, the server's last word is %d", out.err, out.code)
		}
		if len(out.msk) != 64 || len(out.key) == 0 || !bytes.Equal(out.msk[:len(out.key)], out.key) {
			t.Errorf("the peer has %x, the server %x", out.msk, out.key)
		}
	}
}
