package lab

import (
	"strings"
	"testing"
	"time"
)

// Every variant of the options makes a configuration that strongSwan takes.
func TestGatewayVariantsLoad(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]GatewayOptions{
		"v4 and split DNS":  {Pools: IPv4Pool, Split: true, Subnets: []string{"10.99.0.0/24", "10.97.0.0/16"}, Domains: []string{"corp.example", "lab.example"}},
		"v6":                {Pools: IPv6Pool},
		"no pool, no DNS":   {Pools: NoPool, NoDNS: true},
		"only certificates": {Users: map[string]string{}, NoPSK: true},
		"only a PSK":        {Users: map[string]string{}, NoCertificates: true, PSK: `with "quotes" and \`},
		"intermediate":      {Certificate: ViaIntermediate, Key: RSA2048},
		"wrong name":        {Certificate: WrongName},
		"expired":           {Certificate: ExpiredCertificate},
		"not yet valid":     {Certificate: FutureCertificate},
		"untrusted":         {Certificate: UntrustedCertificate, Key: ECDSA384},
		"client usage":      {Certificate: ClientUsageOnly},
		"one proposal":      {IKEProposals: "chacha20poly1305-prfsha256-x25519", ESPProposals: "chacha20poly1305", NoFragmentation: true},
		"raw lines":         {CharonLines: "\tretransmit_tries = 1", ConnectionLines: "\t\tencap = yes", ChildLines: "\t\t\t\treplay_window = 0", LogLevel: 4, AlwaysCookie: true},
		"other EAP methods": {EAPMethod: "gtc"},
		"several children":  {Children: []Child{{"one", []string{"10.99.0.0/24"}}, {"two", []string{"10.97.0.0/24"}}}, NoMOBIKE: true},
		"two rounds":        {Rounds: true, Unique: "never", Childless: "force"},
		"signing in anew":   {Reauth: time.Minute, Overtime: 5 * time.Second, Childless: "never", LogKeys: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start(t, Options{Gateway: o})
		})
	}
}

func TestGatewayTellsAndRekeysAndTerminates(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{Relay: true})
	c, err := l.StartStrongSwanClient(ctx, UserName, UserPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err, c.Log())
	}
	before, err := l.Gateway.SAs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(before) != 1 || len(before[0].Children) != 1 {
		t.Fatalf("the gateway has %+v, want one SA with one child", before)
	}
	if err := l.Gateway.RekeyChild(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.Gateway.WaitSAs(ctx, "the child is another", func(s []SA) bool {
		n := len(s[0].Children)
		return n > 0 && s[0].Children[n-1].SPIIn != before[0].Children[0].SPIIn && s[0].Children[n-1].State == "INSTALLED"
	}); err != nil {
		t.Error(err)
	}
	if err := l.Gateway.RekeyIKE(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.Gateway.WaitSAs(ctx, "the IKE SA is another", func(s []SA) bool {
		return len(s) == 1 && s[0].UniqueID != before[0].UniqueID && s[0].State == "ESTABLISHED"
	}); err != nil {
		t.Error(err)
	}
	if err := l.Gateway.Terminate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitSAs(ctx, "the client knows of no SA", func(s []SA) bool { return len(s) == 0 }); err != nil {
		t.Error(err)
	}
	if err := l.Gateway.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err != nil {
		t.Error("after a restart of the gateway: ", err)
	}
}

func TestWrongPasswordIsRefusedByTheGateway(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{})
	c, err := l.StartStrongSwanClient(ctx, UserName, "not that")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(ctx); err == nil {
		t.Error("a wrong password was let in")
	}
	if log := l.Gateway.Log(); !strings.Contains(log, "EAP-MS-CHAPv2 verification failed") {
		t.Errorf("the gateway's log does not tell of it:\n%s", log)
	}
}
