package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// asked remembers what the two name servers had been asked at some moment.
type asked struct{ company, public map[string]int }

func (r *rig) asked() asked {
	return asked{company: r.CompanyDNS.Asked(), public: r.PublicDNS.Asked()}
}

// since lists the names that a server was asked since then.
func since(before, now map[string]int) []string {
	var names []string
	for name, n := range now {
		if n > before[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// askedSince wants that exactly these names were asked of each server.
func (r *rig) askedSince(before asked, company, public []string) {
	r.t.Helper()
	now := r.asked()
	if got := since(before.company, now.company); !slices.Equal(got, company) {
		r.t.Errorf("the company's server was asked for %q, want %q", got, company)
	}
	if got := since(before.public, now.public); !slices.Equal(got, public) {
		r.t.Errorf("the home router was asked for %q, want %q", got, public)
	}
}

// The company's name that a test asks for, and the world's. The company's server
// would answer the latter too, so only the counts tell where it went.
const public = "http://" + lab.PublicName + "/seen"

// resolvectl gives one of its views of the client's links, as text.
func (r *rig) resolvectl(view string) string {
	r.t.Helper()
	out, err := r.Client.Run(r.ctx, "resolvectl", view)
	if err != nil {
		r.t.Error(err)
	}
	return out
}

// TestSplitDNS: with systemd-resolved the company's names, and no others, go
// to the company's server.
func TestSplitDNS(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Names: lab.Resolved, Gateway: lab.GatewayOptions{Subnets: []string{lab.IntranetPrefix.String()}}})
	r.importFile(lab.SplitProfile)
	r.connect(lab.SplitProfile)

	before := r.asked()
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.opens(public, lab.RouterOutside.String())
	r.askedSince(before, []string{lab.IntranetName}, []string{lab.PublicName})

	s := r.status()
	if !slices.Equal(s.DNS.Domains, []string{lab.CompanyDomain}) || !slices.Equal(s.DNS.Servers, []string{lab.IntranetAddress.String()}) {
		t.Errorf("dns = %+v, want the company's domain and server", s.DNS)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings = %q, want none", s.Warnings)
	}
	if got := r.resolvectl("domain"); !strings.Contains(got, lab.CompanyDomain) {
		t.Errorf("systemd-resolved knows the domains %q", got)
	}
	r.must("", "disconnect")
	r.untouched("after disconnect")
	before = r.asked()
	r.closed(intranet("/"))
	r.askedSince(before, nil, []string{lab.IntranetName})
}

// TestFullTunnelDNS: every name goes to the company's server, whoever keeps
// resolv.conf, and none to the home router.
func TestFullTunnelDNS(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]lab.NameService{
		"resolv.conf": lab.ResolvConf, "systemd-resolved": lab.Resolved, "openresolv": lab.Openresolv,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Names: service, Gateway: lab.GatewayOptions{Domains: []string{lab.CompanyDomain}}})
			r.importFile(lab.OfficeProfile)
			r.connect(lab.OfficeProfile)
			before := r.asked()
			r.opens(intranet("/"), lab.IntranetGreeting)
			r.opens(public, lab.GatewayAddress.String())
			r.askedSince(before, []string{lab.IntranetName, lab.PublicName}, nil)
			if s := r.status(); len(s.Warnings) != 0 {
				t.Errorf("warnings = %q, want none", s.Warnings)
			}
			r.must("", "disconnect")
			r.untouched("after disconnect")
			before = r.asked()
			r.opens(public, lab.RouterOutside.String())
			r.askedSince(before, nil, []string{lab.PublicName})
		})
	}
}

// TestKillWithNameService: who keeps resolv.conf forgets the company after a
// kill -9 as well, by `homewardd cleanup` and by the next start.
func TestKillWithNameService(t *testing.T) {
	t.Parallel()
	for _, service := range []lab.NameService{lab.Resolved, lab.Openresolv} {
		t.Run(string(service), func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Names: service})
			r.importFile(lab.OfficeProfile)
			r.importFile(lab.SplitProfile)
			for _, profile := range []string{lab.OfficeProfile, lab.SplitProfile} {
				r.connect(profile)
				if err := r.Kill(); err != nil {
					t.Fatal(err)
				}
				if out, err := r.CleanUp(r.ctx); err != nil {
					t.Fatalf("homewardd cleanup: %v: %s", err, out)
				}
				r.untouched("killed with " + profile + ", after cleanup")
				if err := r.Homeward.Start(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.connect(profile)
				if err := r.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := r.Homeward.Start(r.ctx); err != nil {
					t.Fatal(err)
				}
				r.untouched("killed with " + profile + ", after the next start")
			}
		})
	}
}

// TestPushedDomains: a profile that takes the gateway's networks takes its
// domains too, but never a public suffix, and says so.
func TestPushedDomains(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Names: lab.Resolved, Gateway: lab.GatewayOptions{
		Subnets: []string{lab.IntranetPrefix.String()}, Domains: []string{lab.CompanyDomain, "com"},
	}})
	r.profile(lab.Mobileconfig{Name: "pushed", EAP: true, CA: [][]byte{r.PKI.CA.DER()}, Split: true})
	r.connect("pushed")
	before := r.asked()
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.opens(public, lab.RouterOutside.String())
	r.askedSince(before, []string{lab.IntranetName}, []string{lab.PublicName})
	s := r.status()
	if !slices.Equal(s.DNS.Domains, []string{lab.CompanyDomain}) {
		t.Errorf("domains = %q, want the company's alone", s.DNS.Domains)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], `"com"`) || !strings.Contains(s.Warnings[0], "public suffix") {
		t.Errorf("warnings = %q, want one of the public suffix com", s.Warnings)
	}
	if got := r.resolvectl("domain"); strings.Contains(got, "~com\n") || strings.Contains(got, "~com ") {
		t.Errorf("systemd-resolved knows the domains %q", got)
	}
	r.must("", "disconnect")
}

// TestSplitDNSWithoutNameService: where nobody can tell names apart, all of them
// go to the company's server, and the user is told so.
func TestSplitDNSWithoutNameService(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]lab.NameService{"resolv.conf": lab.ResolvConf, "openresolv": lab.Openresolv} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Names: service, Gateway: lab.GatewayOptions{Subnets: []string{lab.IntranetPrefix.String()}}})
			r.importFile(lab.SplitProfile)
			r.connect(lab.SplitProfile)
			before := r.asked()
			r.opens(intranet("/"), lab.IntranetGreeting)
			r.opens(public, lab.RouterOutside.String())
			r.askedSince(before, []string{lab.IntranetName, lab.PublicName}, nil)
			s := r.status()
			if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "every name goes to the company") {
				t.Errorf("warnings = %q, want one that every name goes to the company", s.Warnings)
			}
			if !strings.Contains(r.must("", "status"), "every name goes to the company") {
				t.Error("the status in words has no warning")
			}
			r.must("", "disconnect")
			r.untouched("after disconnect")
		})
	}
}

// TestNamesComeBack: the gateway says farewell and comes back. Its own name is
// one of the company's, and still it is found, for what is down is not asked.
func TestNamesComeBack(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]lab.NameService{"resolv.conf": lab.ResolvConf, "systemd-resolved": lab.Resolved} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Names: service, Gateway: lab.GatewayOptions{Subnets: []string{lab.IntranetPrefix.String()}}})
			r.importFile(lab.SplitProfile)
			r.connect(lab.SplitProfile)
			if err := r.Gateway.Stop(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.until("connecting")
			if err := r.Gateway.Restart(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.until("connected")
			before := r.asked()
			r.opens(intranet("/"), lab.IntranetGreeting)
			now := r.asked()
			if got := since(before.company, now.company); !slices.Equal(got, []string{lab.IntranetName}) {
				t.Errorf("the company's server was asked for %q", got)
			}
			r.must("", "disconnect")
		})
	}
}

// until waits for a state.
func (r *rig) until(state string) {
	r.t.Helper()
	if err := lab.Until(r.ctx, "the state is "+state, func() (bool, error) { return r.status().State == state, nil }); err != nil {
		r.t.Fatal(err)
	}
}
