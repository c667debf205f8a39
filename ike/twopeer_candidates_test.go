package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// forgedAnswer is a full answer to the client's IKE_SA_INIT that looks right in
// every field, with the SPI of a stranger's choice.
func forgedAnswer(t *testing.T, p *iketest.Pair, spi wire.SPI, more ...wire.Payload) iketest.Packet {
	t.Helper()
	kx, err := suite.NewKeyExchange(suite.GroupP256, iketest.NewRand(uint64(spi)))
	if err != nil {
		t.Fatal(err)
	}
	one := suite.Proposal{
		Encryption: []suite.Transform{{ID: suite.ENCR_AES_GCM_16, KeyLen: 256}},
		PRF:        []uint16{suite.PRF_HMAC_SHA2_256}, Group: []uint16{suite.GroupP256},
	}
	return forge(p, spi, append([]wire.Payload{
		&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{one}, wire.ProtocolIKE, nil)},
		&wire.KEPayload{Group: suite.GroupP256, Data: kx.Public()},
		&wire.NoncePayload{Data: make([]byte, 32)},
	}, more...)...)
}

// RFC 7296 2.21.1, RFC 7427 4: which hashes the gateway verifies is said without
// proof. An answer that names none which the client's key could sign with may be
// anybody's: it does not end the attempt while the gateway's own is on its way, and
// is the reason given where that never comes.
func TestTwoPeerForgedAnswerWithoutHashes(t *testing.T) {
	t.Parallel()
	late := iketest.PairConfig{Conditions: iketest.Conditions{Delay: 20 * time.Millisecond}}
	t.Run("before the gateway's", func(t *testing.T) {
		t.Parallel()
		p := byCertificate(t, late, iketest.Ed25519)
		connect(t, p)
		for spi := range wire.SPI(20) {
			p.Network.Inject(p.Now, forgedAnswer(t, p, 0xbad+spi))
		}
		mustUp(t, p)
	})
	t.Run("and nothing else", func(t *testing.T) {
		t.Parallel()
		p := byCertificate(t, late, iketest.Ed25519)
		p.Gateway.Silence(true)
		connect(t, p)
		p.Network.Inject(p.Now, forgedAnswer(t, p, 0xbad))
		mustFail(t, p, ike.CauseCredentials)
	})
}

// RFC 7296 2.4, 2.23: what a forged answer says of NATs is forgotten with it.
func TestTwoPeerForgedAnswerSaysNothingOfNATs(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 20 * time.Millisecond}})
	connect(t, p)
	p.Network.Inject(p.Now, forgedAnswer(t, p, 0xbad, &wire.NotifyPayload{
		NotifyType: wire.NotifyNATDetectionSourceIP, Data: make([]byte, 20),
	}))
	mustUp(t, p)
	if p.Established.Behind != (ike.NAT{}) {
		t.Errorf("the client believes a stranger about NATs: %+v", p.Established.Behind)
	}
}
