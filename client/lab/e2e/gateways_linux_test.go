package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// gatewayCase is one way to set up a gateway. Each must let the same profile in,
// which leaves everything to Homeward's own proposals.
type gatewayCase struct {
	name     string
	options  lab.GatewayOptions
	ike, esp string // the suites that must come of it; empty: any
}

const anyProfile = "any"

// gateways starts a rig with the profile of the cases. The gateway takes
// everybody in until it is told otherwise.
func gateways(t *testing.T, o lab.GatewayOptions) *rig {
	t.Helper()
	r := start(t, lab.Options{Gateway: o})
	r.profile(lab.Mobileconfig{Name: anyProfile, EAP: true, CA: [][]byte{r.PKI.CA.DER()}})
	return r
}

// visit sets the gateway up, connects and opens the intranet page, and hands the
// line to the test; it is down again at the end.
func (r *rig) visit(t *testing.T, c gatewayCase, test func(r *rig)) {
	t.Helper()
	own := *r
	own.t = t
	if err := own.Gateway.Reload(own.ctx, c.options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.ctl("", "disconnect") })
	own.connect(anyProfile)
	own.opens(intranet("/"), lab.IntranetGreeting)
	s := own.status()
	if c.ike != "" && s.IKE.Suite != c.ike {
		t.Errorf("the IKE SA has %s, want %s", s.IKE.Suite, c.ike)
	}
	if c.esp != "" && s.ESP.Suite != c.esp {
		t.Errorf("the Child SA has %s, want %s", s.ESP.Suite, c.esp)
	}
	if test != nil {
		test(&own)
	}
}

// TestSuites makes one connection for every cipher, hash and group that both
// ends have, and has the gateway rekey both SAs with it.
func TestSuites(t *testing.T) {
	t.Parallel()
	r := gateways(t, lab.GatewayOptions{})
	suites := func(ike, esp string) gatewayCase {
		return gatewayCase{
			name: ike + " " + esp, options: lab.GatewayOptions{IKEProposals: ike, ESPProposals: esp},
			ike: ike, esp: strings.Split(esp, ",")[0],
		}
	}
	for _, c := range []gatewayCase{
		suites("aes256gcm16-prfsha384-ecp384", "aes256gcm16"),
		suites("aes128gcm16-prfsha256-ecp256", "aes128gcm16"),
		suites("chacha20poly1305-prfsha512-ecp521", "chacha20poly1305"),
		suites("aes256-sha256-prfsha256-modp2048", "aes256-sha256"),
		suites("aes256-sha384-prfsha384-modp3072", "aes256-sha384"),
		suites("aes128-sha512-prfsha512-modp4096", "aes128-sha512"),
		suites("aes256gcm16-prfsha256-x25519", "aes256-sha512"),
		suites("aes128-sha256-prfsha512-ecp256", "aes128-sha256"),
	} {
		t.Run(c.name, func(t *testing.T) {
			r.visit(t, c, func(r *rig) {
				before := r.theSA()
				if err := r.Gateway.RekeyChild(r.ctx); err != nil {
					t.Error("rekeying the Child SA: ", err)
				}
				if err := r.Gateway.RekeyIKE(r.ctx); err != nil {
					t.Error("rekeying the IKE SA: ", err)
				}
				if after := r.theSA(); after.ike == before.ike || after.child == before.child {
					t.Errorf("nothing was rekeyed: %+v, then %+v", before, after)
				}
				r.opens(intranet("/"), lab.IntranetGreeting)
				if s := r.status(); s.State != "connected" || s.IKE.Suite != c.ike {
					t.Errorf("after the rekeys: %s, %s", s.State, s.IKE.Suite)
				}
			})
		})
	}
}

// TestGatewaySettings visits gateways of administrators with ideas of their own.
func TestGatewaySettings(t *testing.T) {
	t.Parallel()
	r := gateways(t, lab.GatewayOptions{AlwaysCookie: true}) // a cookie for every one of them
	for _, c := range []gatewayCase{
		{name: "as it comes"},
		{name: "no fragmentation of IKE messages", options: lab.GatewayOptions{NoFragmentation: true}},
		{name: "another group first, which costs a round", options: lab.GatewayOptions{IKEProposals: "aes256-sha384-modp3072"}},
		{name: "old suites first", options: lab.GatewayOptions{
			IKEProposals: "3des-sha1-modp1024,aes128-sha1-modp1024,aes256-sha256-modp2048",
			ESPProposals: "3des-sha1,aes128-sha1,aes256-sha256",
		}, ike: "aes256-sha256-prfsha256-modp2048", esp: "aes256-sha256"},
		{name: "narrow selectors", options: lab.GatewayOptions{Split: true}},
		{name: "narrow selectors and one family", options: lab.GatewayOptions{Split: true, Pools: lab.IPv4Pool}},
		{name: "no encapsulation forced", options: lab.GatewayOptions{ConnectionLines: "\t\tencap = no\n"}},
		{name: "no MOBIKE", options: lab.GatewayOptions{ConnectionLines: "\t\tmobike = no\n"}},
		{name: "no certificate request", options: lab.GatewayOptions{ConnectionLines: "\t\tsend_certreq = no\n"}},
		{name: "a certificate only for who asks", options: lab.GatewayOptions{ConnectionLines: "\t\tsend_cert = ifasked\n"}},
		{name: "dead peer detection every second", options: lab.GatewayOptions{Liveness: time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := strings.Count(r.Gateway.Log(), "COOKIE")
			r.visit(t, c, nil)
			if strings.Count(r.Gateway.Log(), "COOKIE") == before {
				t.Error("the gateway wanted no cookie")
			}
		})
	}
}

// TestOwnRekeyAtGateways has the client rekey its Child SA at gateways that
// insist on a key exchange of its own, that refuse one, and that want another
// group than the IKE SA's.
func TestOwnRekeyAtGateways(t *testing.T) {
	t.Parallel()
	r := gateways(t, lab.GatewayOptions{})
	r.shorten("10m", "6s")
	for _, c := range []gatewayCase{
		{name: "PFS only", options: lab.GatewayOptions{ESPProposals: "aes256gcm16-ecp256"}, esp: "aes256gcm16"},
		{name: "PFS with another group", options: lab.GatewayOptions{ESPProposals: "aes256-sha256-modp3072"}, esp: "aes256-sha256"},
		{name: "no PFS", options: lab.GatewayOptions{ESPProposals: "aes128gcm16"}, esp: "aes128gcm16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.visit(t, c, func(r *rig) {
				before := r.theSA()
				if err := r.Gateway.WaitSAs(r.ctx, "the client has rekeyed", func(sas []lab.SA) bool {
					for _, s := range sas {
						for _, child := range s.Children {
							if child.State == "INSTALLED" && child.SPIIn != before.child {
								return true
							}
						}
					}
					return false
				}); err != nil {
					t.Fatal(err)
				}
				r.opens(intranet("/"), lab.IntranetGreeting)
				if after := r.theSA(); after.ike != before.ike {
					t.Error("the line was made anew instead of rekeyed")
				}
			})
		})
	}
}
