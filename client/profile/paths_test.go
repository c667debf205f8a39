package profile

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	list := Paths()
	for _, want := range []string{
		"name", "gateway.address", "gateway.anchors", "client.username", "client.eap.methods", "client.further",
		"ike.proposals", "child.lifetime", "traffic.include", "dns.search", "session.liveness", "on_demand.when", "on_demand.rules",
	} {
		if !slices.Contains(list, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, path := range list {
		if path == "id" || path == "version" || strings.HasPrefix(path, "origin") || strings.ContainsAny(path, "[]") || strings.HasSuffix(path, ".") {
			t.Errorf("%q", path)
		}
		if v, ok := new(Profile).at(path); !ok || v.Kind() == reflect.Struct {
			t.Errorf("%q leads to %v", path, v)
		}
	}
	if again := slices.Compact(slices.Sorted(slices.Values(list))); len(again) != len(list) {
		t.Error("a path stands there twice")
	}
	list[0] = "changed"
	if Paths()[0] == "changed" {
		t.Error("the list is shared")
	}
}

// TestSetFields types a value into fields of every kind, and finds it as the one that
// has changed.
func TestSetFields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, value string
		want        any
	}{
		{"name", "Harbour, Office", "Harbour, Office"},
		{"gateway.port", "4500", uint16(4500)},
		{"client.auth", "eap", ClientEAP},
		{"client.eap.methods", "tls, peap", []EAPMethod{"tls", "peap"}},
		{"client.eap.methods", `["tls"]`, []EAPMethod{"tls"}},
		{"traffic.full", "true", true},
		{"traffic.include", "10.1.0.0/16,2001:db8::/32", []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")}},
		{"dns.servers", "10.1.0.2", []netip.Addr{netip.MustParseAddr("10.1.0.2")}},
		{"session.liveness", "90s", Duration(90 * time.Second)},
		{"ike.proposals", `[{"encryption":"aes256gcm16","prf":"sha384","group":"ecp384"}]`, []Proposal{{Encryption: "aes256gcm16", PRF: "sha384", Group: "ecp384"}}},
		{"gateway.anchors", `["AQID"]`, [][]byte{{1, 2, 3}}},
		{"on_demand.when", "login", WhenLogin},
	}
	for _, tt := range tests {
		before := &Profile{}
		p := *before
		if err := p.Set(tt.path, tt.value); err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if v, _ := p.at(tt.path); !reflect.DeepEqual(v.Interface(), tt.want) {
			t.Errorf("%s: %#v, want %#v", tt.path, v.Interface(), tt.want)
		}
		if got := Changed(before, &p); !slices.Equal(got, []string{tt.path}) {
			t.Errorf("%s: changed %q", tt.path, got)
		}
		if err := p.Set(tt.path, ""); err != nil || len(Changed(before, &p)) > 0 {
			t.Errorf("%s: not taken away: %v, %q", tt.path, err, Changed(before, &p))
		}
	}
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	var unknown *UnknownPathError
	for _, path := range []string{"", "nothing", "id", "version", "origin.format", "gateway", "gateway.", "gateway.address.x", "client.further[0].username", "ike.proposals.prf", "Name"} {
		p := &Profile{}
		if err := p.Set(path, "1"); !errors.As(err, &unknown) || !reflect.DeepEqual(*p, Profile{}) {
			t.Errorf("%q: %v, %+v", path, err, p)
		}
	}
	var invalid *InvalidError
	for _, tt := range [][2]string{
		{"gateway.port", "many"}, {"gateway.port", "70000"}, {"traffic.full", "yes"}, {"traffic.include", "10.0.0.0/99"},
		{"traffic.include", "[1"}, {"session.liveness", "soon"}, {"gateway.anchors", "x"}, {"ike.proposals", "aes"}, {"client.eap.methods", "[1]"},
	} {
		p := &Profile{}
		if err := p.Set(tt[0], tt[1]); !errors.As(err, &invalid) || invalid.Field != tt[0] || !reflect.DeepEqual(*p, Profile{}) {
			t.Errorf("%q: %v, %+v", tt, err, p)
		}
	}
}

// TestWith takes over some fields and no others, and shares nothing with where they
// came from.
func TestWith(t *testing.T) {
	t.Parallel()
	base := &Profile{Name: "office", Client: Client{Username: "nobody"}, Traffic: Traffic{Include: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	own := &Profile{Name: "mine", Client: Client{Username: "ada", EAP: EAP{Methods: []EAPMethod{"tls"}}}}
	got := base.With(own, []string{"client.username", "client.eap.methods", "traffic.include", "no.such.field"})
	if got.Name != "office" || got.Client.Username != "ada" || len(got.Traffic.Include) != 0 || base.Client.Username != "nobody" || len(base.Traffic.Include) != 1 {
		t.Errorf("%+v from %+v", got, base)
	}
	got.Client.EAP.Methods[0] = "peap"
	if own.Client.EAP.Methods[0] != "tls" {
		t.Error("a list is shared")
	}
	if list := Changed(base, base.With(own, nil)); list != nil {
		t.Errorf("with nothing: %q", list)
	}
}
