package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// RFC 5998: a gateway without a certificate of its own is taken when EAP-TLS proves it,
// and not when the TLS server is another, or EAP-TLS may not stand alone.
func TestTwoPeerEAPOnlyByTLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		only    []uint8
		trusted bool
		want    ike.Cause
	}{
		"proven":             {[]uint8{eap.TypeTLS}, true, ""},
		"another server":     {[]uint8{eap.TypeTLS}, false, ike.CauseServerCert},
		"not to stand alone": {nil, true, ike.CauseGatewayAuth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := eapTLSPair(t, iketest.PairConfig{
				Client:  func(cfg *ike.Config) { cfg.EAPOnly = c.only },
				Gateway: func(r *iketest.ResponderConfig) { r.EAPOnly = iketest.EAPOnlyForced },
			}, nil)
			usual := p.Answer
			p.Answer = func(e ike.Event) (ike.Command, bool) {
				if v, ok := e.(ike.NeedVerdict); ok && !c.trusted {
					return ike.Verdict{ID: v.ID, Err: errNo}, true
				}
				return usual(e)
			}
			connect(t, p)
			if c.want != "" {
				mustFail(t, p, c.want)
				if iketest.Count[ike.NeedSignature](p) != 0 {
					t.Error("a signature was asked for")
				}
				return
			}
			mustUp(t, p)
			if n := iketest.Count[ike.NeedVerdict](p); n != 1 {
				t.Errorf("%d verdicts", n)
			}
		})
	}
}

// RFC 4739: a certificate by EAP-TLS, then a code.
func TestTwoPeerEAPTLSThenCode(t *testing.T) {
	t.Parallel()
	p := eapTLSPair(t, iketest.PairConfig{
		Conditions: iketest.Conditions{Delay: 10 * time.Millisecond},
		Client: func(cfg *ike.Config) {
			cfg.Further = []ike.Authentication{{Identity: fqdn(secondUser), EAP: eap.Config{Methods: []uint8{eap.TypeGTC}}}}
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Further = []iketest.Round{{
				Users: map[string]string{}, EAPMethods: []uint8{eap.TypeGTC},
				SignIn: iketest.SignIn{Prompts: []iketest.Prompt{{Text: "Code?", Answer: "123456"}}},
			}}
		},
	}, nil)
	usual := p.Answer
	p.Answer = func(e ike.Event) (ike.Command, bool) {
		q, ok := e.(ike.NeedCredentials)
		if !ok {
			return usual(e)
		}
		if q.Kind != eap.AskCode || q.Round != 1 || q.Username != secondUser {
			t.Errorf("asked %+v", q)
		}
		return ike.Credentials{ID: q.ID, Password: []byte("123456")}, true
	}
	connect(t, p)
	mustUp(t, p)
}
