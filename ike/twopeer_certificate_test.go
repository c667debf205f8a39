package ike_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// undecided is a client that signs in by certificate and is asked which.
func undecided(t *testing.T, c iketest.PairConfig, kind iketest.KeyKind) *iketest.Pair {
	t.Helper()
	return byCertificate(t, both(c, iketest.PairConfig{Client: func(cfg *ike.Config) { cfg.Certificates = nil }}), kind)
}

// wanted gives the question for the certificate, of which there must be one.
func wanted(t *testing.T, p *iketest.Pair) ike.NeedCertificate {
	t.Helper()
	for _, e := range p.Events {
		if q, ok := e.(ike.NeedCertificate); ok && iketest.Count[ike.NeedCertificate](p) == 1 {
			return q
		}
	}
	t.Fatalf("%d questions for the certificate, want 1", iketest.Count[ike.NeedCertificate](p))
	return ike.NeedCertificate{}
}

// RFC 7296 3.7: the owner learns whose certificates the gateway takes, before
// anything is sent, and what it verifies signatures with (RFC 7427 4).
//
//	<-- IKE_SA_INIT { SAr1, KEr, Nr, CERTREQ }
//	--> IKE_AUTH { IDi, CERT, CERTREQ, AUTH, CP, SA, TS }
func TestCertificateIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, kind := range []iketest.KeyKind{iketest.RSA2048, iketest.P384, iketest.Ed25519} {
		p := undecided(t, iketest.PairConfig{}, kind)
		connect(t, p)
		mustUp(t, p)
		q := wanted(t, p)
		hash, err := auth.SPKIHash(authority().DER)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(q.Issuers, [][20]byte{hash}) || !slices.Equal(q.Hashes, []uint16{2, 3, 4, 5}) {
			t.Errorf("%s: issuers %x, hashes %v", kind, q.Issuers, q.Hashes)
		}
	}
}

// RFC 7427 4: a gateway that says nothing of hashes knows the older methods alone.
func TestCertificateQuestionOfOldGateway(t *testing.T) {
	t.Parallel()
	p := undecided(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.NoSignatureHashes = true }}, iketest.P256)
	connect(t, p)
	mustUp(t, p)
	if q := wanted(t, p); q.Hashes != nil {
		t.Errorf("hashes %v", q.Hashes)
	}
}

// RFC 7296 3.6: the chain goes out with its intermediates, the leaf first, and the
// gateway needs no more than its root. IDi is the leaf's subject where the profile
// names nobody (RFC 4945 3.1.5).
func TestCertificateChainIsSent(t *testing.T) {
	t.Parallel()
	root := iketest.NewAuthority("Example Root", iketest.P256)
	middle := root.Intermediate("Example Staff CA", iketest.P384)
	cert := middle.Issue(iketest.Leaf{Kind: iketest.P256, CommonN: "alice"}, middle)
	var got []wire.Payload
	p := undecided(t, iketest.PairConfig{
		Client: func(c *ike.Config) { c.Identity = auth.Identity{} },
		Gateway: func(r *iketest.ResponderConfig) {
			r.ClientAnchors = [][]byte{root.DER}
			r.OnReply = func(x *iketest.Exchange) {
				if x.Header.Exchange == wire.ExchangeIKEAuth {
					got = slices.Clone(x.Request)
				}
			}
		},
	}, iketest.P256)
	p.ClientCert = cert
	connect(t, p)
	mustUp(t, p)
	var sent [][]byte
	for _, c := range got {
		if c, ok := c.(*wire.CertPayload); ok {
			sent = append(sent, c.Data)
		}
	}
	if len(cert.Chain) != 2 || len(sent) != 2 || !slices.Equal(sent[0], cert.Chain[0]) || !slices.Equal(sent[1], cert.Chain[1]) {
		t.Errorf("%d certificates were sent of %d", len(sent), len(cert.Chain))
	}
	id, ok := wire.FindType[*wire.IDPayload](got, wire.PayloadIDi)
	subject, err := auth.SubjectIdentity(cert.Chain[0])
	if err != nil || !ok || !auth.FromPayload(id).Equal(subject) {
		t.Errorf("IDi is not the subject: %v", err)
	}
}

// RFC 7296 3.7: a CERTREQ that cannot be read, or is in another encoding, says
// nothing; several of them say one thing together.
func TestCertificateRequestsRead(t *testing.T) {
	t.Parallel()
	first, second := [20]byte{1}, [20]byte{2}
	request := func(encoding uint8, data []byte) wire.Payload {
		return &wire.CertReqPayload{Encoding: encoding, Data: data}
	}
	for name, row := range map[string]struct {
		requests []wire.Payload
		want     [][20]byte
	}{
		"none":             {nil, nil},
		"empty":            {[]wire.Payload{request(4, nil)}, nil},
		"several payloads": {[]wire.Payload{request(4, first[:]), request(4, second[:])}, [][20]byte{first, second}},
		"cut off":          {[]wire.Payload{request(4, first[:19]), request(4, second[:])}, [][20]byte{second}},
		"hash and URL":     {[]wire.Payload{request(12, first[:])}, nil},
		"far too many":     {[]wire.Payload{request(4, make([]byte, 20*2000))}, make([][20]byte, 256)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := undecided(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if x.Header.Exchange == wire.ExchangeIKESAInit {
						x.Response = slices.DeleteFunc(x.Response, func(p wire.Payload) bool { return p.Type() == wire.PayloadCERTREQ })
						x.Response = append(x.Response, row.requests...)
					}
				}
			}}, iketest.P256)
			connect(t, p)
			mustUp(t, p)
			if q := wanted(t, p); !slices.Equal(q.Issuers, row.want) {
				t.Errorf("%d issuers: %x", len(q.Issuers), q.Issuers)
			}
		})
	}
}

// An owner who has no certificate to show ends the attempt, with the reason that
// the owner gave; so does a chain that no message can carry.
func TestCertificateNotGiven(t *testing.T) {
	t.Parallel()
	none := errors.New("no certificate fits")
	for name, answer := range map[string]ike.Certificates{
		"none":    {Err: none},
		"empty":   {},
		"endless": {Chain: slices.Repeat([][]byte{{1}}, 17)},
		"not DER": {Chain: [][]byte{{1}}},
		"named":   {Chain: [][]byte{{1}}, Identity: auth.Identity{Type: auth.IDKeyID, Data: []byte("x")}},
		"no leaf": {Chain: [][]byte{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := undecided(t, iketest.PairConfig{Client: func(c *ike.Config) { c.Identity = auth.Identity{} }}, iketest.P256)
			p.Answer = func(e ike.Event) (ike.Command, bool) {
				q, ok := e.(ike.NeedCertificate)
				answer.ID = q.ID
				return answer, ok
			}
			connect(t, p)
			if !p.Down(time.Minute) || p.Cause() != ike.CauseCredentials {
				t.Fatalf("cause %q", p.Cause())
			}
			if answer.Err != nil && !errors.Is(p.Closed.Failure, none) {
				t.Errorf("the owner's reason is lost: %v", p.Closed.Failure)
			}
		})
	}
}
