package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestLongChainsOnASmallPath: both ends prove themselves with chains of 4,096-bit
// certificates on a path that swallows what is larger than it takes, fragments of
// IP too. The messages arrive in pieces of IKE's own (RFC 7383), whose size the
// client has to find where 1,280 octets are too much.
func TestLongChainsOnASmallPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		mtu     int
		gateway string // charon's own lines
	}{
		{name: "1280 octets", mtu: 1280},
		{name: "1000 octets", mtu: 1000, gateway: "\tfragment_size = 900\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Relay: true, AuthorityKey: lab.RSA4096, Gateway: lab.GatewayOptions{
				Certificate: lab.ViaIntermediate, Key: lab.RSA4096, CharonLines: c.gateway,
			}})
			if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
				t.Skip("no keychain on this machine: ", err)
			} else if err != nil {
				t.Fatal(err)
			}
			r.profile(r.longChain("long"))
			r.Relay.SetBoth(lab.Impairment{MTU: c.mtu})
			r.must("", "connect", "long")
			r.opens(intranet("/"), lab.IntranetGreeting)
			r.transfer(1 << 20)
			log := r.Gateway.Log()
			for _, words := range []string{"received fragment #1 of", "splitting IKE message"} {
				if !strings.Contains(log, words) {
					t.Errorf("the gateway does not tell of %q", words)
				}
			}
			for name, d := range map[string]lab.Direction{"gateway": lab.ToGateway, "client": lab.ToClient} {
				n := r.Relay.Count(d)
				if n.LargestPacket > c.mtu {
					t.Errorf("to the %s the relay let a packet of %d octets through", name, n.LargestPacket)
				}
				t.Logf("to the %s: %d datagrams of up to %d octets arrived, %d were too big", name, n.Sent, n.LargestPacket, n.TooBig)
			}
			r.must("", "disconnect")
		})
	}
}

// longChain is a profile with a certificate of 4,096 bits by an intermediate
// authority of as many.
func (r *rig) longChain(name string) lab.Mobileconfig {
	r.t.Helper()
	sub, err := r.PKI.CA.Intermediate("Example Corp Employees CA")
	if err != nil {
		r.t.Fatal(err)
	}
	employee, err := sub.Issue(lab.CertificateSpec{CommonName: lab.EmployeeMail, Emails: []string{lab.EmployeeMail}, Key: lab.RSA4096})
	if err != nil {
		r.t.Fatal(err)
	}
	const seal = "import me"
	packed, err := lab.PKCS12(employee, sub, seal, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return lab.Mobileconfig{Name: name, LocalIdentifier: lab.EmployeeMail, CA: [][]byte{r.PKI.CA.DER()}, PKCS12: packed, PKCS12Key: seal}
}
