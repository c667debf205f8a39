package ike_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// stapling connects to a gateway that has OCSP responses, made for its own
// certificate, and gives the question that they came in.
func stapling(t *testing.T, asks, always bool, staples func(a *iketest.Authority, c *iketest.Certificate) [][]byte) (*iketest.Pair, *ike.NeedVerdict) {
	t.Helper()
	authority := iketest.NewAuthority("Stapling Root", iketest.P256)
	leaf := authority.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	p := newPair(t, iketest.PairConfig{
		Authority: authority,
		Client:    func(c *ike.Config) { c.OCSP = asks },
		Gateway: func(r *iketest.ResponderConfig) {
			r.Certificate, r.Staples, r.StapleAlways = leaf, staples(authority, leaf), always
		},
	})
	asked := new(ike.NeedVerdict)
	p.Answer = func(e ike.Event) (ike.Command, bool) {
		q, ok := e.(ike.NeedVerdict)
		if !ok {
			return nil, false
		}
		*asked = ike.NeedVerdict{ID: q.ID, Chain: cloned(q.Chain), OCSP: cloned(q.OCSP), IDr: q.IDr}
		path, err := auth.VerifyPath(q.Chain, auth.ChainPolicy{Anchors: [][]byte{authority.DER}, Name: iketest.GatewayName, Now: p.Now})
		if err != nil {
			return ike.Verdict{ID: q.ID, Err: err}, true
		}
		v := auth.JudgePath(path, func(cert, issuer *x509.Certificate) (auth.Finding, error) {
			return auth.JudgeRevocation(cert, issuer, auth.Evidence{OCSP: q.OCSP}, p.Now)
		})
		if v.Standing == auth.StandingRevoked {
			return ike.Verdict{ID: q.ID, Err: v.Refusal()}, true
		}
		return ike.Verdict{ID: q.ID}, true
	}
	connect(t, p)
	return p, asked
}

func cloned(in [][]byte) (out [][]byte) {
	for _, b := range in {
		out = append(out, bytes.Clone(b))
	}
	return out
}

// RFC 4806 3.1, 3.2, 4.1: OCSP is asked for in a CERTREQ of its own, which the gateway
// in memory checks, and what comes back is handed over with the chain.
//
//	--> IKE_AUTH { IDi, CERTREQ, CERTREQ(OCSP), CP, SA, TS }
//	<-- IKE_AUTH { IDr, CERT, CERT(OCSP), AUTH, EAP }
func TestTwoPeerStaple(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name         string
		asks, always bool
		staples      int // that the gateway has
		handed       int
	}{
		{"asked for, and there", true, false, 1, 1},
		{"for a long chain", true, false, 3, 3},
		{"asked for, and not known there", true, false, 0, 0},
		{"not asked for", false, false, 1, 0},
		{"not asked for, and sent", false, true, 1, 0},
		{"more than anybody needs", true, false, 30, 8},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p, asked := stapling(t, row.asks, row.always, func(a *iketest.Authority, c *iketest.Certificate) (out [][]byte) {
				for range row.staples {
					out = append(out, a.OCSP(c, false, iketest.Epoch, nil))
				}
				return out
			})
			mustUp(t, p)
			if p.Gateway.AskedOCSP != row.asks {
				t.Errorf("OCSP was asked for: %v", p.Gateway.AskedOCSP)
			}
			if len(asked.Chain) != 1 || len(asked.OCSP) != row.handed {
				t.Errorf("%d certificates and %d responses, want 1 and %d", len(asked.Chain), len(asked.OCSP), row.handed)
			}
		})
	}
}

// RFC 4806 4.2: a gateway whose certificate is revoked is refused before the user's
// name or password has left, and one whose staple proves nothing is as good as one
// without.
func TestTwoPeerStapleRevoked(t *testing.T) {
	t.Parallel()
	p, _ := stapling(t, true, false, func(a *iketest.Authority, c *iketest.Certificate) [][]byte {
		return [][]byte{a.OCSP(c, true, iketest.Epoch, nil)}
	})
	var refused *auth.CertificateError
	if f := mustFail(t, p, ike.CauseGatewayCert); !errors.As(f, &refused) || refused.Kind != auth.Revoked {
		t.Fatalf("ended with %v, want a revoked certificate", f)
	}
	if iketest.Count[ike.NeedCredentials](p) != 0 {
		t.Error("a password was asked for")
	}
	if p.Gateway.Distrusted != 1 {
		t.Error("the gateway was not told (RFC 7296 2.21.2)")
	}
	p, _ = stapling(t, true, false, func(a *iketest.Authority, c *iketest.Certificate) [][]byte {
		return [][]byte{[]byte("<html>"), a.OCSP(c, true, iketest.Epoch, iketest.NewAuthority("Forger", iketest.P256)), make([]byte, 200), {}}
	})
	mustUp(t, p)
}
