package ike_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Rules of RFC 7296 that take two whole peers.

// RFC 7296 2.5, 2.6, 3.1 to 3.16: every message of a client that does all it can
// keeps the form. The gateway reads each octet by octet and complains
// (iketest.TestFormIsHeld); it does so in all other two-peer tests as well.
func TestEveryMessageKeepsTheForm(t *testing.T) {
	t.Parallel()
	bothFamilies := iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.RequestIPv6 = true
			c.LocalTS = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
			c.RemoteTS = c.LocalTS
			c.RequestAddresses = []netip.Addr{netip.MustParseAddr("10.99.0.7"), netip.MustParseAddr("2001:db8:99::7")}
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Cookie = true
			r.Addresses = append(r.Addresses, netip.MustParsePrefix("2001:db8:99::5/64"))
		},
	}
	for name, pair := range map[string]func(t *testing.T) *iketest.Pair{
		"EAP":        func(t *testing.T) *iketest.Pair { return newPair(t, bothFamilies) },
		"shared key": func(t *testing.T) *iketest.Pair { return newPair(t, both(byPSK(), bothFamilies)) },
		"certificate, in fragments": func(t *testing.T) *iketest.Pair {
			return byCertificate(t, both(bothFamilies, iketest.PairConfig{
				Client: func(c *ike.Config) { c.FragmentSize = 576 },
			}), iketest.RSA2048)
		},
		"other groups and ciphers": func(t *testing.T) *iketest.Pair {
			return newPair(t, both(bothFamilies, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.IKE, r.ESP = suite.DefaultIKE()[1:], suite.DefaultESP()[1:]
				for i := range r.IKE {
					r.IKE[i].Group, r.ESP[i].Group = []uint16{suite.Group4096}, []uint16{suite.Group3072}
				}
			}}))
		},
		"childless": func(t *testing.T) *iketest.Pair {
			return newPair(t, both(bothFamilies, childless(ike.ChildlessOffered, iketest.ChildlessRequired)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pair(t)
			connect(t, p)
			mustUp(t, p)
			for _, do := range []act{clientRekeysChild, gatewayRekeysChild, clientRekeysIKE, gatewayRekeysIKE} {
				do(t, p)
				mustSettle(t, p, 5*time.Second, 1)
			}
			if err := p.Do(ike.CheckLiveness{}); err != nil {
				t.Fatal(err)
			}
			for _, refused := range [][]wire.Payload{ // each answered with an error, but for the last
				newChildRequest(t, 0x0badcafe), newChildRequest(t, 0)[2:], {&wire.Unknown{PayloadType: 99, Critical: true}},
				{deleteESPRequest(0x0badcafe)},
			} {
				kind := wire.ExchangeCreateChildSA
				if len(refused) == 1 {
					kind = wire.ExchangeInformational
				}
				if err := p.Tell(func(now time.Time) error { p.Gateway.Interject(now, kind, refused); return nil }); err != nil {
					t.Fatal(err)
				}
				p.Drive(time.Second)
			}
			if err := p.Do(ike.Delete{}); err != nil {
				t.Fatal(err)
			}
			if !p.Down(5*time.Second) || p.Closed.Failure != nil {
				t.Fatalf("closed: %+v", p.Closed)
			}
			mustBehave(t, p)
		})
	}
}

// RFC 7296 3.5, 4: the gateway and the client may go by any kind of name, with a
// shared key.
func TestEveryKindOfIdentity(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"203.0.113.5", "2001:db8::5", "vpn.example.com", "office@example.com", "keyid:office 7", "C=DE, O=Example, CN=vpn"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			id, err := auth.ParseIdentity(text)
			if err != nil {
				t.Fatal(err)
			}
			p := connected(t, both(byPSK(), iketest.PairConfig{
				Client:  func(c *ike.Config) { c.Identity, c.GatewayIdentity = id, &id },
				Gateway: func(r *iketest.ResponderConfig) { r.Identity = id },
			}))
			if got := p.Established.GatewayIdentity; !got.Equal(id) || got.Type != id.Type {
				t.Errorf("the gateway is told as %v", got)
			}
		})
	}
}

// RFC 7296 3.6: four certificates each way, the first of them with the key that
// AUTH is made with.
func TestFourCertificates(t *testing.T) {
	t.Parallel()
	root := iketest.NewAuthority("Root", iketest.P256)
	first := root.Intermediate("First", iketest.P256)
	second := first.Intermediate("Second", iketest.P256)
	third := second.Intermediate("Third", iketest.P256)
	issue := func(l iketest.Leaf) *iketest.Certificate { return third.Issue(l, third, second, first) }
	client := issue(iketest.Leaf{CommonN: "alice", Emails: []string{"alice@example.com"}})
	var sent [][]byte
	p := newPair(t, iketest.PairConfig{
		Authority: root,
		Client:    func(c *ike.Config) { c.Client, c.Certificates = ike.ClientCertificate, client.Chain },
		Gateway: func(r *iketest.ResponderConfig) {
			r.Certificate = issue(iketest.Leaf{CommonN: iketest.GatewayName, DNSNames: []string{iketest.GatewayName}})
			r.Client, r.ClientAnchors = iketest.ClientByCertificate, [][]byte{root.DER}
			r.OnRequest = func(x *iketest.Exchange) bool {
				for _, q := range x.Request {
					if c, ok := q.(*wire.CertPayload); ok {
						sent = append(sent, bytes.Clone(c.Data))
					}
				}
				return true
			}
		},
	})
	p.ClientCert = client
	connect(t, p)
	mustUp(t, p)
	if len(sent) != 4 || !bytes.Equal(sent[0], client.Chain[0]) {
		t.Errorf("%d certificates were sent, the leaf in front: %v", len(sent), len(sent) > 0 && bytes.Equal(sent[0], client.Chain[0]))
	}
	for _, e := range p.Events {
		if v, ok := e.(ike.NeedVerdict); ok && len(v.Chain) != 4 {
			t.Errorf("%d certificates were taken", len(v.Chain))
		}
	}
}

// RFC 7296 2.15: shared keys of one octet, of 64 and of more, as they are, zero
// octets among them. The PRF is one that tells a key from the same with a zero
// octet behind it, which HMAC does not.
func TestSharedKeysOfEveryLength(t *testing.T) {
	t.Parallel()
	suite := oneSuite(t, [4]string{"aes256", "sha256", "aescmac", "x25519"}, [3]string{"aes256gcm16", "", "x25519"})
	between := func(ours, theirs string) *iketest.Pair {
		p := newPair(t, both(both(byPSK(), suite), iketest.PairConfig{
			Gateway: func(r *iketest.ResponderConfig) { r.PSK = []byte(theirs) },
		}))
		p.PSK = ours
		connect(t, p)
		return p
	}
	for _, key := range []string{"x", strings.Repeat("0123456789abcdef", 4), strings.Repeat("k", 65), strings.Repeat("K", 1000), "zero\x00inside\x00"} {
		mustUp(t, between(key, key))
		mustFail(t, between(key, key+"\x00"), ike.CauseRejected)
	}
}
