package tunnel

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// TestCertificateOfTheUser: a profile that names no certificate has the user's
// program asked for one, with what the gateway says of its authorities (RFC 7296
// 3.7), and then for a signature of that one's key. The status knows when both
// sides' certificates end.
func TestCertificateOfTheUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		staff := iketest.NewAuthority("Staff CA", iketest.P256)
		alice := staff.Issue(iketest.Leaf{CommonN: "alice", NotAfter: iketest.Epoch.AddDate(0, 0, 9)})
		o := newOffice(t, func(g *iketest.ResponderConfig) {
			g.Client, g.ClientAnchors = iketest.ClientByCertificate, [][]byte{staff.DER}
		})
		cfg := o.config()
		cfg.Profile.Client = profile.Client{Auth: profile.ClientCertificate}
		var asked []Question
		cfg.Ask = func(_ context.Context, q Question) (Answer, error) {
			asked = append(asked, q)
			switch q.Kind {
			case AskCertificate:
				return Answer{Certificates: alice.Chain}, nil
			case AskSignature:
				sig, err := auth.Sign(alice.Key, auth.Scheme(q.Scheme), iketest.NewRand(1), q.Data)
				return Answer{Secret: sig}, err
			}
			return Answer{}, errors.New("nobody answers that")
		}
		r := run(t, cfg)
		up := r.up()
		exchange(t, o)
		r.stop()
		complaints(t, o)
		hash, err := auth.SPKIHash(staff.DER)
		if err != nil {
			t.Fatal(err)
		}
		if len(asked) != 2 || asked[0].Kind != AskCertificate || asked[1].Kind != AskSignature {
			t.Fatalf("%d questions", len(asked))
		}
		if q := asked[0]; q.TLS || !slices.Equal(q.IssuerKeys, [][20]byte{hash}) || !slices.Contains(q.Hashes, auth.HashIdentity) {
			t.Errorf("the question is %+v", q)
		}
		if !bytes.Equal(asked[1].Certificate, alice.Chain[0]) {
			t.Error("the signature is asked of no key in particular")
		}
		if got := up.Info.Own.OwnExpiry("Your certificate", iketest.Epoch); got != "Your certificate expires in 9 days; ask your administrator for a new one." {
			t.Errorf("%q", got)
		}
		if up.Info.Gateway.Until.IsZero() {
			t.Error("nobody knows when the gateway's certificate ends")
		}
	})
}

// TestCertificateHasEnded: a gateway that says no without a reason to a certificate
// that has ended has said enough.
func TestCertificateHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		staff := iketest.NewAuthority("Staff CA", iketest.P256)
		ended := iketest.Epoch.AddDate(0, 0, -1)
		alice := staff.Issue(iketest.Leaf{CommonN: "alice", NotAfter: ended})
		o := newOffice(t, func(g *iketest.ResponderConfig) {
			g.Client, g.ClientAnchors = iketest.ClientByCertificate, [][]byte{staff.DER}
		})
		cfg := o.config()
		cfg.Profile.Client = profile.Client{Auth: profile.ClientCertificate, Certificates: alice.Chain}
		cfg.Ask = func(_ context.Context, q Question) (Answer, error) {
			sig, err := auth.Sign(alice.Key, auth.Scheme(q.Scheme), iketest.NewRand(1), q.Data)
			return Answer{Secret: sig}, err
		}
		var f *diagnose.Failure
		if err := <-run(t, cfg).result; !errors.As(err, &f) || f.Cause != diagnose.CauseCertificateExpired || !f.When.Equal(ended.Truncate(time.Second)) {
			t.Errorf("ended with %v", err)
		}
	})
}

// TestCertificateNotThere: what the user's program knows of the reason is what the
// line ends with.
func TestCertificateNotThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(g *iketest.ResponderConfig) { g.Client = iketest.ClientByCertificate })
		cfg := o.config()
		cfg.Profile.Client = profile.Client{Auth: profile.ClientCertificate}
		cfg.Ask = func(context.Context, Question) (Answer, error) {
			return Answer{}, &diagnose.Failure{Cause: diagnose.CauseCertificateMissing, Expected: "Staff CA"}
		}
		var f *diagnose.Failure
		if err := <-run(t, cfg).result; !errors.As(err, &f) || f.Cause != diagnose.CauseCertificateMissing || f.Expected != "Staff CA" {
			t.Errorf("ended with %v", err)
		}
	})
}
