package e2e

import (
	"errors"
	"fmt"
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
	r := start(t, lab.Options{Relay: true, AuthorityKey: lab.RSA4096, Gateway: lab.GatewayOptions{
		Certificate: lab.ViaIntermediate, Key: lab.RSA4096, CharonLines: "\tfragment_size = 900\n",
	}})
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	r.profile(r.longChain("long"))
	for _, mtu := range []int{1280, 1000} {
		t.Run(fmt.Sprintf("%d octets", mtu), func(t *testing.T) {
			own := *r
			own.t = t
			own.squeeze(mtu)
		})
	}
}

// squeeze connects and transfers through a path that swallows larger packets.
func (r *rig) squeeze(mtu int) {
	r.t.Helper()
	r.Relay.SetBoth(lab.Impairment{MTU: mtu})
	fragments := func() (received, sent int) {
		log := r.Gateway.Log()
		return strings.Count(log, "received fragment #1 of"), strings.Count(log, "splitting IKE message")
	}
	received, sent := fragments()
	before := r.Relay.Count(lab.ToGateway)
	r.must("", "connect", "long")
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.transfer(1 << 20)
	r.must("", "disconnect")
	if again, answered := fragments(); again == received || answered == sent {
		r.t.Errorf("the gateway has taken %d messages in fragments and sent %d", again-received, answered-sent)
	}
	after := r.Relay.Count(lab.ToGateway)
	r.t.Logf("to the gateway %d datagrams arrived, %d were too big", after.Sent-before.Sent, after.TooBig-before.TooBig)
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
