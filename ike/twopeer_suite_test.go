package ike_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// pairs is every encryption algorithm once, with each integrity algorithm in
// turn where it needs one. Nothing is left out: the list is the suite's own.
func pairs(esp bool) (out [][2]string) {
	integrities := words("integrity")
	for _, k := range suite.Keywords() {
		switch {
		case k.Kind != "encryption" || k.ESPOnly && !esp:
		case k.AEAD:
			out = append(out, [2]string{k.Word, ""})
		default:
			out = append(out, [2]string{k.Word, integrities[len(out)%len(integrities)]})
		}
	}
	for _, integ := range integrities {
		out = append(out, [2]string{"aes256", integ})
	}
	return out
}

func words(kind string) (out []string) {
	for _, k := range suite.Keywords() {
		if k.Kind == kind {
			out = append(out, k.Word)
		}
	}
	return out
}

// lives brings a pair up and rekeys both kinds of SA from either side, so that
// every key of the suite is used in every role (RFC 7296 2.14, 2.17, 2.18).
func lives(t *testing.T, c iketest.PairConfig) {
	t.Helper()
	p := connected(t, c)
	if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 5*time.Second, 1)
	if err := p.Do(ike.RekeyIKE{}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 5*time.Second, 1)
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 5*time.Second, 1)
	spi := p.Active().OutboundSPI
	if err := p.Tell(func(now time.Time) error { return p.Gateway.RekeyChild(now, spi) }); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 5*time.Second, 1)
	if n := iketest.Count[ike.IKERekeyed](p); n != 2 {
		t.Errorf("%d IKE rekeys told, want 2", n)
	}
	if n := iketest.Count[ike.ChildAdded](p); n != 3 {
		t.Errorf("%d child SAs in all, want 3", n)
	}
}

// Every cipher for the IKE SA, with each PRF in turn (RFC 3602, RFC 5282, RFC 5930,
// RFC 7634, RFC 2451; RFC 4868, RFC 4434, RFC 4615, RFC 2104).
func TestTwoPeerIKECiphers(t *testing.T) {
	t.Parallel()
	prfs := words("prf")
	for i, c := range pairs(false) {
		prf := prfs[i%len(prfs)]
		t.Run(c[0]+c[1]+"-"+prf, func(t *testing.T) {
			t.Parallel()
			lives(t, oneSuite(t, [4]string{c[0], c[1], prf, "x25519"}, [3]string{"aes256gcm16", "", "x25519"}))
		})
	}
}

// Every group for the IKE SA, and the same one for Child SAs (RFC 3526,
// RFC 5114, RFC 5903, RFC 8031).
func TestTwoPeerGroups(t *testing.T) {
	t.Parallel()
	for _, g := range words("group") {
		if strings.HasPrefix(g, "mlkem") {
			continue // in IKE_INTERMEDIATE and IKE_FOLLOWUP_KE: not the first of an exchange
		}
		t.Run(g, func(t *testing.T) {
			t.Parallel()
			lives(t, oneSuite(t, [4]string{"aes256gcm16", "", "sha256", g}, [3]string{"aes256gcm16", "", g}))
		})
	}
}

// Every cipher for ESP, with a key exchange of its own at rekey and without, and
// so with keys of every length (RFC 3602, RFC 4106, RFC 4309, RFC 3686, RFC 7634,
// RFC 4543, RFC 2410, RFC 2451).
func TestTwoPeerESPCiphers(t *testing.T) {
	t.Parallel()
	for _, c := range pairs(true) {
		for _, group := range []string{"", "ecp256"} {
			t.Run(c[0]+c[1]+group, func(t *testing.T) {
				t.Parallel()
				lives(t, oneSuite(t, [4]string{"aes256gcm16", "", "sha384", "x25519"}, [3]string{c[0], c[1], group}))
			})
		}
	}
}

// RFC 4304: the gateway decides between 32-bit and 64-bit sequence numbers.
func TestTwoPeerESN(t *testing.T) {
	t.Parallel()
	for _, esn := range []uint16{suite.ESNNo, suite.ESNYes} {
		p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.ESP = suite.DefaultESP()
			for i := range r.ESP {
				r.ESP[i].ESN = []uint16{esn}
			}
		}})
		if got := p.Active().ESN; got != (esn == suite.ESNYes) {
			t.Errorf("ESN %v for transform %d", got, esn)
		}
	}
}

// The default proposals lead to AEAD where the gateway has it, and to CBC with
// HMAC where it does not.
func TestTwoPeerDefaultProposals(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	if !p.Established.Suite.AEAD() || !p.Active().Suite.AEAD() {
		t.Errorf("suites %v and %v", p.Established.Suite, p.Active().Suite)
	}
	p = connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.IKE, r.ESP = suite.DefaultIKE()[1:], suite.DefaultESP()[1:]
	}})
	if p.Established.Suite.AEAD() || p.Active().Suite.AEAD() {
		t.Errorf("suites %v and %v", p.Established.Suite, p.Active().Suite)
	}
}

// RFC 7296 2.18: the peer's rekey of the IKE SA offers more than one PRF, and
// the one in use stays, for not every gateway keeps the old and the new apart.
func TestTwoPeerRekeyKeepsThePRF(t *testing.T) {
	t.Parallel()
	for _, prf := range []uint16{suite.PRF_HMAC_SHA2_256, suite.PRF_HMAC_SHA2_384, suite.PRF_HMAC_SHA2_512} {
		p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.IKE = suite.PreferPRF(suite.DefaultIKE(), prf)
		}})
		if got := p.Established.Suite.PRF[0]; got != prf {
			t.Fatalf("the gateway chose PRF %d, want %d", got, prf)
		}
		if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
			t.Fatal(err)
		}
		mustSettle(t, p, 5*time.Second, 1)
		for _, e := range p.Events {
			if e, ok := e.(ike.IKERekeyed); ok && e.Suite.PRF[0] != prf {
				t.Errorf("rekeyed from PRF %d to %d", prf, e.Suite.PRF[0])
			}
		}
		if n := iketest.Count[ike.IKERekeyed](p); n != 1 {
			t.Errorf("%d IKE rekeys told, want 1", n)
		}
	}
}

// RFC 8247 2: a gateway that answers with DES, or asks for a group that is
// broken, gets no line, and the failure names what it wanted. Neither came with
// any proof, so the attempt waits for something better first (RFC 7296 2.21.1).
func TestTwoPeerGatewayWantsWhatIsBroken(t *testing.T) {
	t.Parallel()
	des := wire.Proposal{Number: 1, Protocol: wire.ProtocolIKE, Transforms: []wire.Transform{
		{Type: wire.TransformENCR, ID: 2}, {Type: wire.TransformPRF, ID: 1},
		{Type: wire.TransformINTEG, ID: 1}, {Type: wire.TransformKE, ID: suite.GroupP256},
	}}
	for name, row := range map[string]struct {
		answer func(x *iketest.Exchange)
		want   []string
	}{
		"DES and MD5": {func(x *iketest.Exchange) {
			x.Response[0] = &wire.SAPayload{Proposals: []wire.Proposal{des}}
		}, []string{"DES", "HMAC-MD5", "HMAC-MD5-96"}},
		"group 22": {func(x *iketest.Exchange) {
			x.Response = []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyInvalidKEPayload, Data: []byte{0, 22}}}
		}, []string{"the 1024-bit group 22"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, f := failure(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if x.Header.Exchange == wire.ExchangeIKESAInit {
						row.answer(x)
					}
				}
			}}, ike.CauseNoProposal)
			var unsafe *suite.UnsafeError
			if !errors.As(f, &unsafe) || !slices.Equal(unsafe.Names, row.want) {
				t.Errorf("%v", f)
			}
		})
	}
}
