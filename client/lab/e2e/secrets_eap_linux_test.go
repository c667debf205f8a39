package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/homeward-vpn/homeward/client/lab"
)

// secretAccounts are accounts of the sign-in servers whose secrets nobody else has.
type secretAccounts struct{ password, code, wrongCode, fresh string }

func newSecretAccounts() secretAccounts {
	return secretAccounts{rand.Text(), rand.Text(), rand.Text(), rand.Text()}
}

const (
	secretUser = "sandra"
	secretCode = "konrad" // signs in with a code
)

func (a secretAccounts) options() *lab.RADIUSOptions {
	return &lab.RADIUSOptions{Users: map[string]string{secretUser: a.password, secretCode: a.code}}
}

// reload has the gateway sign employees in by another method.
func (w *secretsWalk) reload(gateway lab.GatewayOptions, method string) {
	w.t.Helper()
	gateway.EAPMethod = method
	if err := w.Gateway.Reload(w.ctx, gateway); err != nil {
		w.t.Fatal(err)
	}
}

// signInByEAP is the part of the day at a gateway that asks FreeRADIUS and hostapd:
// passwords, a code and a new password inside TLS, and each of them wrong once.
func (w *secretsWalk) signInByEAP(gateway lab.GatewayOptions) {
	w.t.Helper()
	w.needles.password("the password inside", w.company.password)
	w.needles.password("the code", w.company.code)
	w.needles.password("the wrong code", w.company.wrongCode)
	w.needles.password("the new password", w.company.fresh)
	w.needles.password("the expired password", lab.UserPassword)
	w.reload(gateway, "radius")
	profile := func(name, realm string, methods, inner []string, more map[string]any) {
		w.t.Helper()
		w.native(lab.Native{Name: name, CA: [][]byte{w.PKI.CA.DER()}, Fields: eapFields(w.rig, realm, methods, inner, more)})
	}
	unbound := map[string]any{"client.eap.without_binding": true}
	profile("by TTLS", lab.RealmTLS13, list("ttls"), list("pap"), nil)
	w.fails(w.company.code+"\n", "connect", "by TTLS", "--user", secretUser, "--password-stdin")
	w.must(w.company.password+"\n", "connect", "by TTLS", "--user", secretUser, "--password-stdin")
	w.use()
	w.must("", "disconnect")

	profile("by code", lab.RealmTLS12, list("peap"), list("gtc"), unbound)
	w.fails(w.company.wrongCode+"\n", "connect", "by code", "--user", secretCode, "--password-stdin")
	w.must(w.company.code+"\n", "connect", "by code", "--user", secretCode, "--password-stdin")
	w.must("", "disconnect")

	profile("bound", lab.RealmHostapd, list("peap"), list("mschapv2"), map[string]any{"client.eap.max_tls": "1.2"})
	w.must(w.company.password+"\n", "connect", "bound", "--user", secretUser, "--password-stdin")
	w.must("", "disconnect")

	profile("expired", "", list("peap"), list("mschapv2"), unbound)
	res, err := w.CtlTyped(w.ctx, list(lab.UserPassword, w.company.fresh, w.company.fresh), "connect", "expired", "--user", lab.ExpiredUser)
	if err != nil || res.Code != 0 {
		w.t.Fatalf("%v %s", err, res.Stdout)
	}
	w.said.add(res.Stdout)
	w.look()
	w.must("", "disconnect")
}

var (
	// gatewayKey is how FreeRADIUS prints what it hands to the gateway, bindingKey how
	// hostapd prints the keys of a tunnel and of what runs inside.
	gatewayKey = regexp.MustCompile(`MS-MPPE-(?:Recv|Send)-Key = 0x([0-9a-f]{32,})`)
	bindingKey = regexp.MustCompile(`: ((?:Derived (?:Master Key|key)|TK|ISK|IMCK|IPMK|CMK)[^:]*?) - hexdump\(len=\d+\): ([0-9a-f ]+)`)
)

// addServerKeys reads the secrets that the sign-in servers have logged.
func (w *secretsWalk) addServerKeys() {
	w.t.Helper()
	add := func(name, digits string) {
		octets, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
		w.needles.add(name, octets)
	}
	for _, k := range gatewayKey.FindAllStringSubmatch(w.RADIUS.FreeRADIUS.Log(), -1) {
		add("a half of the MSK", k[1])
	}
	for _, k := range bindingKey.FindAllStringSubmatch(w.RADIUS.Hostapd.Log(), -1) {
		add("PEAP's "+strings.TrimSpace(strings.SplitN(k[1], "(", 2)[0]), strings.TrimSpace(k[2]))
	}
	secrets, err := w.RADIUS.FreeRADIUS.TLSSecrets()
	if err != nil {
		w.t.Error(err)
	}
	for _, s := range secrets {
		w.needles.add("TLS's "+s.Label, s.Secret)
	}
	for _, name := range []string{"a half of the MSK", "PEAP's TK", "PEAP's ISK", "PEAP's CMK", "PEAP's Derived key",
		"TLS's CLIENT_RANDOM", "TLS's CLIENT_TRAFFIC_SECRET_0", "TLS's EXPORTER_SECRET"} {
		if w.needles.names[name] == 0 {
			w.t.Errorf("the sign-in servers have printed none of %q", name)
		}
	}
}
