package e2e

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestConnect is the first line of all: import, connect, a page by its name,
// the status, disconnect, and everything as before.
func TestConnect(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.closed(intranet("/"))
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.opens("http://["+lab.IntranetAddress6.String()+"]/seen", "fd00:98::")
	r.opens("http://"+lab.IntranetAddress.String()+"/seen", "10.98.0.")

	s := r.status()
	if s.State != "connected" || s.Profile != lab.OfficeProfile {
		t.Errorf("state %q of profile %q, want connected, %s", s.State, s.Profile, lab.OfficeProfile)
	}
	if _, err := time.Parse(time.RFC3339, s.Since); err != nil {
		t.Errorf("since is no time: %v", err)
	}
	if !strings.Contains(s.Gateway.Address, lab.GatewayAddress.String()) || s.Gateway.Identity != lab.GatewayName {
		t.Errorf("gateway = %+v", s.Gateway)
	}
	if len(s.Addresses) != 2 || !slices.ContainsFunc(s.Addresses, func(a string) bool { return strings.HasPrefix(a, "10.98.0.") }) {
		t.Errorf("addresses = %q, want one of each family", s.Addresses)
	}
	if !slices.Contains(s.DNS.Servers, lab.IntranetAddress.String()) {
		t.Errorf("dns = %+v, want the company's server", s.DNS)
	}
	if !slices.Contains(s.Routes, "0.0.0.0/0") || !slices.Contains(s.Routes, "::/0") {
		t.Errorf("routes = %q, want everything", s.Routes)
	}
	if s.IKE.Suite == "" || s.IKE.Established == "" || s.IKE.RekeyAt == "" || s.ESP.Suite == "" {
		t.Errorf("suites are missing: %+v %+v", s.IKE, s.ESP)
	}
	if s.ESP.TxPackets == 0 || s.ESP.RxPackets == 0 || s.ESP.TxBytes == 0 || s.ESP.RxBytes == 0 {
		t.Errorf("nothing was counted: %+v", s.ESP)
	}
	for reason, n := range s.ESP.Drops {
		if n != 0 {
			t.Errorf("%d packets were dropped: %s", n, reason)
		}
	}
	if s.Error != nil {
		t.Errorf("error = %+v", s.Error)
	}

	r.must("", "disconnect")
	if s := r.status(); s.State != "disconnected" {
		t.Errorf("after disconnect the state is %q", s.State)
	}
	r.untouched("after disconnect")
	r.closed(intranet("/"))
}

// TestAuthentication connects in every way that the issue names.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, profile string
		keychain      bool // the secret comes from there
		options       lab.GatewayOptions
	}{
		{name: "EAP-MSCHAPv2, gateway with RSA", profile: lab.OfficeProfile, options: lab.GatewayOptions{Key: lab.RSA2048}},
		{name: "certificate, ECDSA, PKCS#12 of today", profile: lab.CertificateProfile, keychain: true},
		{name: "certificate, RSA, PKCS#12 of old", profile: lab.LegacyProfile, keychain: true},
		{name: "certificate, RSA, without RFC 7427", profile: lab.LegacyProfile, keychain: true,
			options: lab.GatewayOptions{CharonLines: "\tsignature_authentication = no\n", Key: lab.RSA2048}},
		{name: "certificate, ECDSA, without RFC 7427", profile: lab.CertificateProfile, keychain: true,
			options: lab.GatewayOptions{CharonLines: "\tsignature_authentication = no\n"}},
		{name: "shared key", profile: lab.SharedKeyProfile, keychain: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Gateway: tt.options})
			if tt.keychain {
				if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
					t.Skip("no keychain on this machine: ", err)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			r.importFile(tt.profile)
			if tt.keychain {
				r.must("", "connect", tt.profile)
			} else {
				r.connect(tt.profile)
			}
			r.opens(intranet("/"), lab.IntranetGreeting)
			r.must("", "disconnect")
		})
	}
}

// TestKeychainKeepsThePassword: the password is typed once, and a wrong one is
// never sent a second time.
func TestKeychainKeepsThePassword(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.must("", "disconnect")
	r.must("", "connect", lab.OfficeProfile, "--user", lab.UserName)
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	r.must("", "forget", lab.OfficeProfile)
	if got := r.must("", "profiles"); strings.Contains(got, lab.OfficeProfile) {
		t.Errorf("a forgotten profile is still listed: %s", got)
	}
}

// TestFamilies gives one family inside, and the other, and a gateway that is
// reached by either.
func TestFamilies(t *testing.T) {
	t.Parallel()
	v4, v6 := "http://"+lab.IntranetAddress.String()+"/", "http://["+lab.IntranetAddress6.String()+"]/"
	tests := []struct {
		name, gateway string
		pools         lab.Pools
		open, closed  []string
	}{
		{"IPv4 inside", lab.GatewayName, lab.IPv4Pool, []string{v4}, []string{v6}},
		{"IPv6 inside", lab.GatewayName, lab.IPv6Pool, []string{v6}, []string{v4}},
		{"both inside, IPv6 outside", lab.GatewayName6, lab.BothPools, []string{v4, v6}, nil},
		{"both inside, both outside", lab.GatewayNameBoth, lab.BothPools, []string{v4, v6}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Gateway: lab.GatewayOptions{Pools: tt.pools}})
			r.profile(lab.Mobileconfig{Name: "families", EAP: true, CA: [][]byte{r.PKI.CA.DER()}, RemoteAddress: tt.gateway})
			r.connect("families")
			for _, url := range tt.open {
				r.opens(url, lab.IntranetGreeting)
			}
			for _, url := range tt.closed {
				r.closed(url)
			}
			r.must("", "disconnect")
		})
	}
}

// TestSplitTunnel: the company's networks go through the tunnel, the rest of
// the world does not.
func TestSplitTunnel(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{Subnets: []string{lab.IntranetPrefix.String()}}})
	r.importFile(lab.SplitProfile)
	r.connect(lab.SplitProfile)
	r.opens("http://"+lab.IntranetAddress.String()+"/seen", "10.98.0.")
	r.opens("http://"+lab.PublicAddress.String()+"/seen", lab.RouterOutside.String())
	s := r.status()
	if !slices.Contains(s.Routes, lab.IntranetPrefix.String()) || slices.Contains(s.Routes, "0.0.0.0/0") {
		t.Errorf("routes = %q, want the company's networks only", s.Routes)
	}
	if !slices.Contains(s.DNS.Domains, lab.CompanyDomain) {
		t.Errorf("dns = %+v, want the company's domain", s.DNS)
	}
	r.must("", "disconnect")
}

// TestFullTunnel: everything goes through the tunnel, also to the public world.
func TestFullTunnel(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.opens("http://"+lab.PublicName+"/seen", lab.RouterOutside.String())
	r.connect(lab.OfficeProfile)
	page, err := r.Client.Fetch(r.ctx, "http://"+lab.PublicName+"/seen")
	if err == nil && strings.Contains(page.Body, lab.RouterOutside.String()) {
		t.Errorf("with a full tunnel the public world still sees the home router")
	}
	if n := r.CompanyDNS.Queries(lab.PublicName); n == 0 {
		t.Error("with a full tunnel a public name was not asked of the company's resolver")
	}
	r.must("", "disconnect")
}
