package e2e

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestFailures: each way that a connection may fail has its own sentence and
// its own cause, and leaves the machine as it was.
func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		gateway  lab.GatewayOptions
		none     bool // nobody answers
		password string
		profile  func(*lab.Mobileconfig, *lab.PKI)
		args     []string
		cause    string
		words    []string // that the sentence holds
	}{
		{name: "wrong password", password: "wrong", cause: "wrong-password", words: []string{"password"}},
		{name: "unknown user", args: []string{"--user", "mallory"}, cause: "wrong-password", words: []string{"password"}},
		{name: "untrusted authority", gateway: lab.GatewayOptions{Certificate: lab.UntrustedCertificate},
			cause: "gateway-untrusted", words: []string{"certificate", "trust"}},
		{name: "wrong name", gateway: lab.GatewayOptions{Certificate: lab.WrongName},
			cause: "gateway-wrong-name", words: []string{lab.GatewayName, "expects"}},
		{name: "the profile expects another name", profile: func(m *lab.Mobileconfig, _ *lab.PKI) { m.ServerName = "vpn.example.com" },
			cause: "gateway-wrong-name", words: []string{"is for " + lab.GatewayName, "expects vpn.example.com"}},
		{name: "expired", gateway: lab.GatewayOptions{Certificate: lab.ExpiredCertificate},
			cause: "gateway-expired", words: []string{"expired"}},
		{name: "not yet valid", gateway: lab.GatewayOptions{Certificate: lab.FutureCertificate},
			cause: "gateway-not-yet-valid", words: []string{"not valid yet"}},
		{name: "not made for a gateway", gateway: lab.GatewayOptions{Certificate: lab.ClientUsageOnly},
			cause: "gateway-usage", words: []string{"certificate"}},
		{name: "another issuer", profile: func(m *lab.Mobileconfig, _ *lab.PKI) { m.IssuerName = "Another CA" },
			cause: "gateway-issuer", words: []string{"Another CA"}},
		{name: "no common proposal", gateway: lab.GatewayOptions{IKEProposals: "3des-sha1-modp1024"},
			cause: "no-common-proposal", words: []string{"gateway"}},
		{name: "no common proposal for ESP", gateway: lab.GatewayOptions{ESPProposals: "3des-sha1"},
			cause: "no-common-proposal", words: []string{"gateway"}},
		{name: "dead gateway", none: true, cause: "gateway-silent", words: []string{"does not answer"}},
		{name: "no addresses left", gateway: lab.GatewayOptions{Pools: lab.NoPool}, cause: "no-address", words: []string{"address"}},
		{name: "unknown host", profile: func(m *lab.Mobileconfig, _ *lab.PKI) { m.RemoteAddress = "nowhere." + lab.CompanyDomain },
			cause: "name-not-found", words: []string{"nowhere." + lab.CompanyDomain}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Gateway: tt.gateway, NoGateway: tt.none})
			m := lab.Mobileconfig{Name: "failing", EAP: true, CA: [][]byte{r.PKI.CA.DER()}}
			if tt.profile != nil {
				tt.profile(&m, r.PKI)
			}
			r.profile(m)
			password := lab.UserPassword
			if tt.password != "" {
				password = tt.password
			}
			args := []string{"connect", "failing", "--password-stdin", "--timeout", "60s"}
			if tt.args == nil {
				tt.args = []string{"--user", lab.UserName}
			}
			sentence := r.fails(password+"\n", append(args, tt.args...)...)
			for _, w := range tt.words {
				if !strings.Contains(sentence, w) {
					t.Errorf("the sentence %q does not hold %q", sentence, w)
				}
			}
			s := r.status()
			if s.State != "disconnected" || s.Error == nil || s.Error.Cause != tt.cause {
				t.Errorf("status: state %q, error %+v, want disconnected, %s", s.State, s.Error, tt.cause)
			}
			if s.Error != nil && s.Error.Message != strings.TrimSpace(sentence) && !strings.HasSuffix(sentence, s.Error.Message) {
				t.Errorf("the status says %q, the command %q", s.Error.Message, sentence)
			}
			r.untouched("after the failure")
		})
	}
}
