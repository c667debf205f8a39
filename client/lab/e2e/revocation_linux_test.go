package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

const watchedProfile = "watched"

// watched starts a company that says what it has revoked, knows its gateway, and has
// a profile of the given mode.
func watched(t *testing.T, mode string, o lab.RevocationOptions) *rig {
	t.Helper()
	r := start(t, lab.Options{Revocation: &o})
	if err := r.Revocation.Know(r.ctx, r.Gateway.Certificate); err != nil {
		t.Fatal(err)
	}
	r.native(lab.Native{Name: watchedProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: map[string]any{"gateway.revocation": mode}})
	return r
}

func (r *rig) revoke() {
	r.t.Helper()
	if err := r.Revocation.Revoke(r.ctx, r.Gateway.Certificate); err != nil {
		r.t.Fatal(err)
	}
}

// tries connects, and gives what homewardctl said and whether it succeeded.
func (r *rig) tries() (string, bool) {
	r.t.Helper()
	res := r.ctl(lab.UserPassword+"\n", "connect", watchedProfile, "--user", lab.UserName, "--password-stdin", "--timeout", "90s")
	return res.Stdout + res.Stderr, res.Code == 0
}

// endsBecause waits until the line is down for a cause, and gives its sentence.
func (r *rig) endsBecause(cause string) string {
	r.t.Helper()
	var last status
	err := lab.Until(r.ctx, "the line is down because of "+cause, func() (bool, error) {
		last = r.status()
		return last.State == "disconnected" && last.Error != nil && last.Error.Cause == cause, nil
	})
	if err != nil {
		r.t.Fatalf("%v: the state is %q, the error %+v", err, last.State, last.Error)
	}
	return last.Error.Message
}

// beside watches the client's own network for anything of the authorities: their
// ports, or their name in the clear.
func (r *rig) beside() *atomic.Int64 {
	r.t.Helper()
	seen := new(atomic.Int64)
	_, err := r.Lab.Capture(r.Client, "eth0", func(f lab.Frame, octets []byte) {
		port := f.Destination.Port()
		if port == lab.ResponderPort || port == lab.ListPort || bytes.Contains(octets, []byte("intranet")) {
			seen.Add(1)
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return seen
}

// inside watches the company's network for questions to the authorities.
func (r *rig) inside() *atomic.Int64 {
	r.t.Helper()
	seen := new(atomic.Int64)
	_, err := r.Lab.Capture(r.Intranet, "eth0", func(f lab.Frame, _ []byte) {
		if port := f.Destination.Port(); port == lab.ResponderPort || port == lab.ListPort {
			seen.Add(1)
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return seen
}

// TestRevokedWhileConnected: the gateway's certificate is revoked while the line
// stands. The line ends with its sentence before the last answer does, and what was
// found out is known at the next connect, before the password leaves. Nothing of the
// asking ever went beside the tunnel.
func TestRevokedWhileConnected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode    string
		options lab.RevocationOptions
	}{
		{"relaxed", lab.RevocationOptions{CRL: true, ListLife: 15 * time.Second}},
		{"strict", lab.RevocationOptions{CRL: true, ListLife: 15 * time.Second}},
		{"relaxed", lab.RevocationOptions{OCSP: true, ResponseMinutes: 1}},
		{"strict", lab.RevocationOptions{OCSP: true, ResponseMinutes: 1}},
	} {
		t.Run(fmt.Sprintf("%s, OCSP %v, CRL %v", tt.mode, tt.options.OCSP, tt.options.CRL), func(t *testing.T) {
			t.Parallel()
			r := watched(t, tt.mode, tt.options)
			beside, inside := r.beside(), r.inside()
			if said, ok := r.tries(); !ok {
				t.Fatalf("connect: %s", said)
			}
			r.opens("http://"+lab.IntranetAddress.String()+"/", lab.IntranetGreeting)
			r.revoke()
			if s := r.endsBecause("gateway-revoked"); !strings.Contains(s, "revoked") {
				t.Errorf("the sentence is %q", s)
			}
			if inside.Load() == 0 {
				t.Error("nobody asked the authorities")
			}
			signIns := strings.Count(r.Gateway.Log(), "EAP/RES")
			if said, ok := r.tries(); ok || !strings.Contains(said, "revoked") {
				t.Errorf("connecting again: %s", said)
			}
			// Without a sign-in there is no tunnel to ask anybody through. What is still seen
			// inside is the end of a connection that was cut off with the line.
			if strings.Count(r.Gateway.Log(), "EAP/RES") != signIns {
				t.Error("the gateway was signed in to again, though it was known to be revoked")
			}
			if n := beside.Load(); n != 0 {
				t.Errorf("%d frames about the authorities left beside the tunnel", n)
			}
			r.untouched("after the line's end")
		})
	}
}

// TestRevokedBeforeConnect: with nothing known, the first line finds it out through the
// tunnel. A strict one has carried nothing else.
func TestRevokedBeforeConnect(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"relaxed", "strict"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := watched(t, mode, lab.RevocationOptions{OCSP: true, CRL: true})
			beside := r.beside()
			r.revoke()
			said, ok := r.tries()
			if mode == "strict" && (ok || !strings.Contains(said, "revoked")) {
				t.Errorf("connect: %s", said)
			}
			r.endsBecause("gateway-revoked")
			if r.Revocation.Read() != 0 {
				t.Error("the list was read, though the responder has answered")
			}
			if n := beside.Load(); n != 0 {
				t.Errorf("%d frames about the authorities left beside the tunnel", n)
			}
			r.untouched("after the line's end")
		})
	}
}

// TestSilentResponder: nobody answers. A relaxed line says so in its status, until
// somebody does; a strict one ends in bounded time.
func TestSilentResponder(t *testing.T) {
	t.Parallel()
	t.Run("relaxed", func(t *testing.T) {
		t.Parallel()
		r := watched(t, "relaxed", lab.RevocationOptions{OCSP: true})
		if err := r.Revocation.Silence(true); err != nil {
			t.Fatal(err)
		}
		if said, ok := r.tries(); !ok {
			t.Fatalf("connect: %s", said)
		}
		warned := func(want bool) func() (bool, error) {
			return func() (bool, error) {
				return strings.Contains(strings.Join(r.status().Warnings, " "), "revoked is not known") == want, nil
			}
		}
		if err := lab.Until(r.ctx, "the status warns", warned(true)); err != nil {
			t.Fatal(err)
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
		if err := r.Revocation.Silence(false); err != nil {
			t.Fatal(err)
		}
		if err := lab.Until(r.ctx, "the warning is gone", warned(false)); err != nil {
			t.Fatal(err)
		}
		r.must("", "disconnect")
	})
	t.Run("strict", func(t *testing.T) {
		t.Parallel()
		r := watched(t, "strict", lab.RevocationOptions{OCSP: true, CRL: true})
		if err := r.Revocation.Silence(true); err != nil {
			t.Fatal(err)
		}
		if said, ok := r.tries(); ok || !strings.Contains(said, "Nobody vouches") {
			t.Errorf("connect: %s", said)
		}
		r.endsBecause("revocation-unknown")
		r.untouched("after the line's end")
		// What a person is told to do, try again, helps once somebody answers.
		if err := r.Revocation.Silence(false); err != nil {
			t.Fatal(err)
		}
		if said, ok := r.tries(); !ok {
			t.Errorf("connect: %s", said)
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
		r.must("", "disconnect")
	})
}

// TestRevocationOff: a profile that does not want to know asks nobody.
func TestRevocationOff(t *testing.T) {
	t.Parallel()
	r := watched(t, "off", lab.RevocationOptions{OCSP: true, CRL: true})
	r.revoke()
	inside := r.inside()
	if said, ok := r.tries(); !ok {
		t.Fatalf("connect: %s", said)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.ping(25).allArrive()
	r.must("", "disconnect")
	if n := inside.Load(); n != 0 {
		t.Errorf("%d frames went to the authorities", n)
	}
}
