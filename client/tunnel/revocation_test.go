package tunnel

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// authorities is a Revocation that says what a test wants.
type authorities struct {
	mu      sync.Mutex
	known   auth.Standing
	answer  func(via Via, n int) (auth.Standing, error) // to the n-th Fetch, from 1
	life    time.Duration                               // of an answer; 0: an hour
	asked   []time.Time
	staples int
	issued  time.Duration // how old a known answer is
	// of, where set, is what is said of single chains, before (asked false) or by the
	// authorities.
	of func(leaf *x509.Certificate, staples [][]byte, asked bool) auth.Standing
}

func (a *authorities) verdict(path []*x509.Certificate, s auth.Standing, err error) auth.PathVerdict {
	v := auth.PathVerdict{Standing: s, Err: err}
	life := a.life
	if life == 0 {
		life = time.Hour
	}
	switch s {
	case auth.StandingGood:
		v.Until, v.Issued = time.Now().Add(life), time.Now().Add(-a.issued)
	case auth.StandingRevoked:
		v.Certificate, v.RevokedAt = path[0], time.Now().Add(-time.Hour)
	default:
		v.Certificate = path[0]
		if err == nil {
			v.Err = errors.New("silent")
		}
	}
	return v
}

func (a *authorities) Known(path []*x509.Certificate, staples [][]byte) auth.PathVerdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.staples += len(staples)
	if a.of != nil {
		return a.verdict(path, a.of(path[0], staples, false), nil)
	}
	return a.verdict(path, a.known, nil)
}

func (a *authorities) Fetch(_ context.Context, path []*x509.Certificate, _ [][]byte, via Via) auth.PathVerdict {
	if a.of != nil {
		return a.verdict(path, a.of(path[0], nil, true), nil)
	}
	a.mu.Lock()
	a.asked = append(a.asked, time.Now())
	n := len(a.asked)
	a.mu.Unlock()
	s, err := a.answer(via, n)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.verdict(path, s, err)
}

func (a *authorities) times() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// always is an answer that stays the same.
func always(s auth.Standing, err error) func(Via, int) (auth.Standing, error) {
	return func(Via, int) (auth.Standing, error) { return s, err }
}

func watchedConfig(o *office, mode profile.Revocation, a *authorities) Config {
	cfg := o.config()
	cfg.Profile.Gateway.Revocation = mode
	cfg.Revocation = a
	cfg.DialThrough = func(context.Context, string, string, netip.AddrPort) (net.Conn, error) {
		return nil, errors.New("no way")
	}
	return cfg
}

// ends waits for the end of the line, and gives its cause; Up must not be told.
func (r *running) ends(mayBeUp bool) *diagnose.Failure {
	r.t.Helper()
	err := <-r.result
	for len(r.events) > 0 {
		if _, up := (<-r.events).(Up); up && !mayBeUp {
			r.t.Error("the line was told to be up")
		}
	}
	return diagnose.From(err)
}

// TestRevokedBeforeSignIn: what a staple or the cache says is heeded before anything of
// the user's leaves, strictly or not.
func TestRevokedBeforeSignIn(t *testing.T) {
	t.Parallel()
	for _, mode := range []profile.Revocation{"", profile.RevocationRelaxed, profile.RevocationStrict} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, func(c *iketest.ResponderConfig) { c.Staples = [][]byte{[]byte("a"), []byte("b")} })
			a := &authorities{known: auth.StandingRevoked, answer: always(0, nil)}
			cfg := watchedConfig(o, mode, a)
			cfg.Ask = func(context.Context, Question) (Answer, error) {
				t.Error("something was asked of the user")
				return Answer{}, errors.New("no")
			}
			f := run(t, cfg).ends(false)
			if f == nil || f.Cause != diagnose.CauseGatewayRevoked || f.When.IsZero() {
				t.Errorf("%q ended with %v", mode, f)
			}
			if a.staples != 2 || len(a.asked) != 0 {
				t.Errorf("%d staples, %d times asked", a.staples, len(a.asked))
			}
		})
	}
}

// TestRevocationOff: nothing is asked, of the gateway or of anybody.
func TestRevocationOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		a := &authorities{known: auth.StandingRevoked, answer: always(auth.StandingRevoked, nil)}
		r := run(t, watchedConfig(o, profile.RevocationOff, a))
		r.up()
		<-time.After(48 * time.Hour / 24)
		r.stop()
		if len(a.asked) != 0 || a.staples != 0 || o.gateway.AskedOCSP {
			t.Errorf("asked %d times, OCSP of the gateway: %v", len(a.asked), o.gateway.AskedOCSP)
		}
	})
}

// TestRelaxed: the line is up at once, the authorities are asked right after it, and
// what they say decides.
func TestRelaxed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		known  auth.Standing
		issued time.Duration
		says   auth.Standing
		err    error
		asked  bool
		warns  bool
		ends   bool
	}{
		{"good", 0, 0, auth.StandingGood, nil, true, false, false},
		{"good, known already", auth.StandingGood, time.Minute, auth.StandingRevoked, nil, false, false, false},
		{"good, known for long", auth.StandingGood, 2 * time.Hour, auth.StandingGood, nil, true, false, false},
		{"good, known for long, and revoked since", auth.StandingGood, 2 * time.Hour, auth.StandingRevoked, nil, true, false, true},
		{"revoked", 0, 0, auth.StandingRevoked, nil, true, false, true},
		{"silent", 0, 0, auth.StandingUnknown, nil, true, true, false},
		{"nobody to ask", 0, 0, auth.StandingUnknown, auth.ErrNoPlace, true, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, nil)
				a := &authorities{known: row.known, issued: row.issued, answer: always(row.says, row.err)}
				r := run(t, watchedConfig(o, "", a))
				up := r.up()
				if len(up.Info.Warnings) != 0 {
					t.Errorf("warnings %q before anybody was asked", up.Info.Warnings)
				}
				if row.ends {
					if f := r.ends(true); f == nil || f.Cause != diagnose.CauseGatewayRevoked {
						t.Errorf("ended with %v", f)
					}
					return
				}
				exchange(t, o)
				synctest.Wait()
				var warned []string
				for len(r.events) > 0 {
					if c, ok := (<-r.events).(Changed); ok {
						warned = c.Info.Warnings
					}
				}
				if (len(warned) == 1) != row.warns || row.warns && !strings.Contains(warned[0], "gateway has been revoked is not known") {
					t.Errorf("warnings %q", warned)
				}
				if (len(a.times()) > 0) != row.asked || !o.gateway.AskedOCSP {
					t.Errorf("asked %v, OCSP of the gateway: %v", a.times(), o.gateway.AskedOCSP)
				}
				r.stop()
			})
		})
	}
}

// TestRelaxedAsksAgain: with longer and longer pauses, and the warning goes with the
// answer.
func TestRelaxedAsksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		a := &authorities{answer: func(_ Via, n int) (auth.Standing, error) {
			if n < 5 {
				return auth.StandingUnknown, nil
			}
			return auth.StandingGood, nil
		}}
		r := run(t, watchedConfig(o, "", a))
		began := time.Now()
		r.up()
		var warnings []string
		for len(a.times()) < 5 || len(warnings) > 0 {
			if c, ok := (<-r.events).(Changed); ok {
				warnings = c.Info.Warnings
			}
		}
		at := a.times()
		for i := 2; i < len(at); i++ {
			if before, pause := at[i-1].Sub(at[i-2]), at[i].Sub(at[i-1]); pause < before {
				t.Errorf("pauses of %v and then %v", before, pause)
			}
		}
		if took := at[4].Sub(began); took > longestInspection {
			t.Errorf("five rounds took %v", took)
		}
		r.stop()
	})
}

// TestAnswerEnds: before an answer ends it is asked for again, and a gateway that has
// been revoked meanwhile is left.
func TestAnswerEnds(t *testing.T) {
	t.Parallel()
	for _, mode := range []profile.Revocation{profile.RevocationRelaxed, profile.RevocationStrict} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, nil)
			a := &authorities{life: 20 * time.Minute, answer: func(_ Via, n int) (auth.Standing, error) {
				if n > 3 {
					return auth.StandingRevoked, nil
				}
				return auth.StandingGood, nil
			}}
			r := run(t, watchedConfig(o, mode, a))
			r.up()
			if f := r.ends(true); f == nil || f.Cause != diagnose.CauseGatewayRevoked || f.Cause.Passing() {
				t.Errorf("ended with %v", f)
			}
			at := a.times()
			if len(at) != 4 {
				t.Fatalf("asked %d times", len(at))
			}
			for i := 1; i < len(at); i++ {
				if pause := at[i].Sub(at[i-1]); pause < 10*time.Minute || pause >= 20*time.Minute {
					t.Errorf("asked after %v of 20 minutes", pause)
				}
			}
		})
	}
}

// TestStrictHolds: a strict line without an answer carries the check's own packets and
// nothing else, either way, and nothing of the system is changed before.
func TestStrictHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		responder := netip.MustParseAddrPort("10.99.0.2:80")
		goOn, dialed := make(chan struct{}), make(chan struct{})
		a := &authorities{answer: func(via Via, _ int) (auth.Standing, error) {
			if !slices.Equal(via.Servers, []netip.Addr{serverAddr}) {
				t.Errorf("name servers %v", via.Servers)
			}
			if _, err := via.Dial(context.Background(), "udp", responder); err != nil {
				t.Error(err)
			}
			close(dialed)
			<-goOn
			return auth.StandingGood, nil
		}}
		cfg := watchedConfig(o, profile.RevocationStrict, a)
		var through []string
		cfg.DialThrough = func(_ context.Context, device, network string, to netip.AddrPort) (net.Conn, error) {
			through = append(through, device+" "+network+" "+to.String())
			return ended{local: net.UDPAddrFromAddrPort(netip.AddrPortFrom(insideAddr, 1000))}, nil
		}
		r := run(t, cfg)
		<-dialed
		if !slices.Equal(through, []string{"test0 udp 10.99.0.2:80"}) {
			t.Errorf("dialed %q", through)
		}
		in, out := farEnd(t, o)
		port := func(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }
		theirs := esptest.UDP(port(insideAddr, 1000), responder, []byte("check"))
		for _, p := range [][]byte{
			udpPair(insideAddr, serverAddr, "question"),
			esptest.UDP(port(insideAddr, 80), port(serverAddr, 81), nil),
			esptest.UDP(port(insideAddr, 1001), responder, []byte("another program's")),
			theirs,
		} {
			o.tun.Inject(p)
		}
		got := <-o.esp
		inner, drop := in.Open(got.Data)
		if drop != esp.DropNone || !slices.Equal(inner, theirs) {
			t.Errorf("%v: the gateway got %x, want the check's packet alone", drop, inner)
		}
		answer := esptest.UDP(responder, port(insideAddr, 1000), []byte("answer"))
		for _, p := range [][]byte{
			udpPair(serverAddr, insideAddr, "attack"),
			esptest.UDP(responder, port(insideAddr, 161), []byte("attack")),
			answer,
		} {
			o.client.Deliver(esptest.Datagram{Peer: netip.AddrPortFrom(gatewayAddr, 4500), Data: seal(t, out, p)})
		}
		if got := <-o.tun.Written(); !slices.Equal(got, answer) {
			t.Errorf("the host got %x, want the check's packet alone", got)
		}
		synctest.Wait()
		for len(r.events) > 0 {
			if e, up := (<-r.events).(Up); up {
				t.Errorf("told to be up while it is held: %+v", e)
			}
		}
		close(goOn)
		r.up()
		exchange(t, o)
		r.stop()
	})
}

// TestStrictUnknown: without an answer a strict line ends, in bounded time, and never
// was up.
func TestStrictUnknown(t *testing.T) {
	t.Parallel()
	for _, none := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, nil)
			a := &authorities{answer: always(auth.StandingUnknown, nil)}
			cfg := watchedConfig(o, profile.RevocationStrict, a)
			if none {
				cfg.Revocation = nil
			}
			began := time.Now()
			f := run(t, cfg).ends(false)
			if f == nil || f.Cause != diagnose.CauseRevocationUnknown {
				t.Errorf("ended with %v", f)
			}
			if took := time.Since(began); took < strictPatience || took > strictPatience+2*goodbye {
				t.Errorf("took %v", took)
			}
			if n := len(a.times()); !none && (n < 3 || n > 12) {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestStrictAnswerLapses: a strict line whose answer has ended, and that gets no new
// one, is held and then ends.
func TestStrictAnswerLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		a := &authorities{life: 20 * time.Minute, answer: func(_ Via, n int) (auth.Standing, error) {
			if n > 1 {
				return auth.StandingUnknown, nil
			}
			return auth.StandingGood, nil
		}}
		r := run(t, watchedConfig(o, profile.RevocationStrict, a))
		r.up()
		if f := r.ends(true); f == nil || f.Cause != diagnose.CauseRevocationUnknown {
			t.Errorf("ended with %v", f)
		}
	})
}

// TestPinnedGateway: the profile's pins are heeded.
func TestPinnedGateway(t *testing.T) {
	t.Parallel()
	for _, good := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, nil)
			cfg := o.config()
			ca, err := x509.ParseCertificate(o.ca.DER)
			if err != nil {
				t.Fatal(err)
			}
			pins := []string{auth.PinText([32]byte{1})}
			if good {
				pins = append(pins, auth.PinText(auth.Pin(ca)))
			}
			cfg.Profile.Gateway.Pins = pins
			r := run(t, cfg)
			if good {
				r.up()
				r.stop()
				return
			}
			if f := r.ends(false); f == nil || f.Cause != diagnose.CauseGatewayPin || !strings.HasPrefix(f.Seen, "sha256/") || f.Expected != pins[0] {
				t.Errorf("ended with %+v", f)
			}
		})
	}
}

// TestRevokedSuccessor: a gateway that shows a revoked certificate at the next sign-in
// does not take over. The session in use stays, unless it hangs on that certificate.
func TestRevokedSuccessor(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, func(c *iketest.ResponderConfig) { c.AuthLifetime = time.Hour })
			var lock sync.Mutex
			var revoked *x509.Certificate
			cfg := watchedConfig(o, "", &authorities{life: 100 * time.Hour, of: func(leaf *x509.Certificate, _ [][]byte, _ bool) auth.Standing {
				lock.Lock()
				defer lock.Unlock()
				if revoked.Equal(leaf) {
					return auth.StandingRevoked
				}
				return auth.StandingGood
			}})
			r := run(t, cfg)
			signedIn := r.up().Info.SignedInAt
			next := o.made.Certificate
			if !same {
				next = o.ca.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}})
			}
			o.tell(func(time.Time) error { o.gateway.Show(next); return nil })
			leaf, err := x509.ParseCertificate(next.Chain[0])
			if err != nil {
				t.Fatal(err)
			}
			lock.Lock()
			revoked = leaf
			lock.Unlock()
			if same {
				if f := r.ends(true); f == nil || f.Cause != diagnose.CauseGatewayRevoked {
					t.Errorf("ended with %v", f)
				}
				if took := time.Since(signedIn); took > time.Hour {
					t.Errorf("ended after %v", took)
				}
				return
			}
			<-time.After(time.Hour)
			for len(r.events) > 0 {
				if c, ok := (<-r.events).(Changed); ok && !c.Info.SignedInAt.Equal(signedIn) {
					t.Errorf("signed in again at %v", c.Info.SignedInAt)
				}
			}
			distrusted := 0
			o.tell(func(time.Time) error { distrusted = o.gateway.Distrusted; return nil })
			if distrusted == 0 {
				t.Error("the successor was not refused")
			}
			exchange(t, o)
			r.stop()
		})
	}
}

// TestRevokedCarriesNothing: once a gateway is known to be revoked, nothing passes any
// more, however long it takes to answer the goodbye.
func TestRevokedCarriesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		a := &authorities{life: 20 * time.Minute, answer: func(_ Via, n int) (auth.Standing, error) {
			if n == 2 {
				o.slow(time.Hour) // the gateway's answer to the goodbye
				return auth.StandingRevoked, nil
			}
			return auth.StandingGood, nil
		}}
		r := run(t, watchedConfig(o, "", a))
		r.up()
		exchange(t, o)
		_, out := farEnd(t, o)
		for range 2 * 20 * 60 {
			if len(a.times()) == 2 {
				break
			}
			<-time.After(time.Second)
		}
		synctest.Wait()
		o.tun.Inject(udpPair(insideAddr, serverAddr, "secret"))
		o.client.Deliver(esptest.Datagram{Peer: netip.AddrPortFrom(gatewayAddr, 4500), Data: seal(t, out, udpPair(serverAddr, insideAddr, "attack"))})
		synctest.Wait()
		select {
		case <-o.esp:
			t.Error("a packet went to a revoked gateway")
		case <-o.tun.Written():
			t.Error("a packet came from a revoked gateway")
		case err := <-r.result:
			t.Fatalf("the line had ended before the packets: %v", err)
		default:
		}
		if f := r.ends(true); f == nil || f.Cause != diagnose.CauseGatewayRevoked {
			t.Errorf("ended with %v", f)
		}
	})
}

// TestReached: a question is due by the wall's clock, also after a night's sleep that a
// monotonic clock has not counted, and by the other where that was set back.
func TestReached(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := now.Add(time.Hour)
	for name, row := range map[string]struct {
		now  time.Time
		want bool
	}{
		"before":          {now, false},
		"then":            {at, true},
		"slept":           {now.Round(0).Add(2 * time.Hour), true},
		"set back":        {now.Add(time.Hour).Round(0).Add(-time.Minute), false},
		"a little before": {at.Add(-time.Second), false},
	} {
		if reached(at, row.now) != row.want {
			t.Errorf("%s: %v", name, !row.want)
		}
	}
}

// TestServerRevoked: the server that signs in over TLS is watched as the gateway is: by
// its staple (RFC 6066 8) before it hears the password, and by its authority after.
func TestServerRevoked(t *testing.T) {
	t.Parallel()
	const server = "radius.corp.example"
	for _, stapled := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o, r, _ := behind(t, server)
			if stapled {
				r.certificate.OCSPStaple = []byte("revoked, it says")
			}
			a := &authorities{of: func(leaf *x509.Certificate, staples [][]byte, asked bool) auth.Standing {
				switch {
				case !slices.Contains(leaf.DNSNames, server):
					return auth.StandingGood
				case asked, len(staples) == 1 && string(staples[0]) == "revoked, it says":
					return auth.StandingRevoked
				}
				return auth.StandingUnknown
			}}
			cfg := watchedConfig(o, "", a)
			cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, Username: iketest.UserName, EAP: profile.EAP{
				Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP}, ServerNames: []string{server},
			}}
			f := run(t, cfg).ends(!stapled)
			if f == nil || f.Cause != diagnose.CauseServerRevoked || f.When.IsZero() {
				t.Errorf("stapled %v: ended with %v", stapled, f)
			}
			if (r.password == "") != stapled {
				t.Errorf("stapled %v: the server has heard %q", stapled, r.password)
			}
		})
	}
}

func TestWatchAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	if !watchAgain(now, time.Time{}).IsZero() {
		t.Error("an answer without an end is asked for again")
	}
	for _, row := range []struct{ left, least, most time.Duration }{
		{-time.Hour, leastInspection, leastInspection},
		{0, leastInspection, leastInspection},
		{time.Minute, 45 * time.Second, 53 * time.Second},
		{time.Hour, 50 * time.Minute, 55 * time.Minute},
		{7 * 24 * time.Hour, longestWatch, longestWatch},
	} {
		for range 50 {
			if wait := watchAgain(now, now.Add(row.left)).Sub(now); wait < row.least || wait > row.most {
				t.Errorf("%v before the end: again after %v", row.left, wait)
			}
		}
	}
}
