package lab_test

import (
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

// A native profile of the lab is what its fields say, as Homeward's own importer
// reads it.
func TestNativeImports(t *testing.T) {
	t.Parallel()
	pki, err := lab.NewPKI(lab.ECDSA256)
	if err != nil {
		t.Fatal(err)
	}
	ca := [][]byte{pki.CA.DER()}
	text, err := lab.Native{Name: "radius", CA: ca, Fields: map[string]any{
		"client.auth": "eap", "client.eap.methods": []string{"ttls"}, "client.eap.inner": []string{"pap"},
		"client.eap.server_names": []string{"radius.corp.example"}, "client.eap.anchors": ca,
		"client.further": []any{map[string]any{"auth": "eap-mschapv2", "username": "bob"}},
		"traffic.full":   nil, "traffic.include": []string{"10.99.0.0/24"},
	}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	found, err := native.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p := found[0].Profile
	if p.Name != "radius" || p.Gateway.Address != lab.GatewayName || len(p.Gateway.Anchors) != 1 || p.Client.Auth != profile.ClientEAP ||
		!slices.Equal(p.Client.EAP.Inner, []profile.InnerMethod{profile.InnerPAP}) || len(p.Client.EAP.Anchors) != 1 ||
		len(p.Client.Further) != 1 || p.Traffic.Full || len(p.Traffic.Include) != 1 {
		t.Errorf("%s became %+v", text, p)
	}
	if _, err := (lab.Native{Fields: map[string]any{"client": "x", "client.auth": "eap"}}).JSON(); err == nil {
		t.Error("a field inside a field that is set as a whole")
	}
}
