package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask resolves a public name on the client's machine and wants that the home
// router was asked, through whatever stands between.
func ask(t *testing.T, l *Lab) {
	t.Helper()
	before := l.PublicDNS.Queries(PublicName)
	addrs, err := l.Client.Lookup(t.Context(), PublicName)
	if err != nil || len(addrs) != 2 {
		t.Fatalf("%s is %v, %v; want an address of each family", PublicName, addrs, err)
	}
	if l.PublicDNS.Queries(PublicName) == before {
		t.Error("the home router was not asked")
	}
}

func TestResolvedOnTheClient(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true, Names: Resolved})
	ask(t, l)
	conf, err := os.ReadFile(l.Client.Path("/etc/resolv.conf"))
	if err != nil || !strings.Contains(string(conf), "\nnameserver 127.0.0.53\n") {
		t.Errorf("resolv.conf holds %q, %v", conf, err)
	}
	before, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := before["resolvectl dns"]; !strings.Contains(got, "(eth0): "+RouterInside.String()) {
		t.Errorf("systemd-resolved knows the servers %q, want the home router", got)
	}
	if got := before["/etc/resolv.conf"]; !strings.Contains(got, "-> ../run/systemd/resolve/stub-resolv.conf\n") {
		t.Errorf("resolv.conf is %q, want a link to the stub's", got)
	}
	if _, err := l.Client.Run(ctx, "resolvectl", "domain", "eth0", "~"+CompanyDomain); err != nil {
		t.Fatal(err)
	}
	after, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d := before.Diff(after); !strings.Contains(d, "~"+CompanyDomain) {
		t.Errorf("the difference does not tell of the domain:\n%s", d)
	}
	notOutside(t)
}

func TestOpenresolvOnTheClient(t *testing.T) {
	t.Parallel()
	l, ctx := start(t, Options{NoGateway: true, Names: Openresolv})
	ask(t, l)
	snapshot, err := l.Client.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := snapshot["/etc/resolv.conf"]; !strings.Contains(got, "nameserver "+RouterInside.String()) {
		t.Errorf("resolv.conf is %q, want the home router in it", got)
	}
	if got := snapshot["resolvconf -l"]; !strings.Contains(got, "eth0.dhcp") {
		t.Errorf("openresolv lists %q", got)
	}
	notOutside(t)
}

// notOutside: no other machine of the lab has the services, or shares their folders.
func notOutside(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"/run/dbus", "/run/systemd", "/run/resolvconf"} {
		if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
			t.Errorf("outside the client's machine there are %q, %v", left, err)
		}
	}
}
