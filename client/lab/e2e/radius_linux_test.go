package e2e

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// signIn is one way to sign in at a gateway that asks FreeRADIUS, or fails to.
type signIn struct {
	name   string
	fields map[string]any // of the profile
	user   string         // empty: UserName
	piped  string         // the password or code; empty: it is typed
	typed  []string
	cause  string   // of the failure; empty: it must work
	words  []string // that the sentence holds, or the screen
}

const companyProfile = "company"

// eapFields are the fields of a profile for these methods at the lab's sign-in
// servers; more are added.
func eapFields(r *rig, realm string, methods, inner []string, more map[string]any) map[string]any {
	f := map[string]any{"client.auth": "eap", "client.eap.methods": methods}
	if slices.ContainsFunc(methods, func(m string) bool { return m == "tls" || m == "ttls" || m == "peap" }) {
		f["client.eap.server_names"] = list(lab.RADIUSName)
		f["client.eap.anchors"] = [][]byte{r.PKI.SignIn.DER()}
	}
	if inner != nil {
		f["client.eap.inner"] = inner
	}
	if realm != "" {
		f["client.eap.outer_identity"] = "anonymous@" + realm
	}
	maps.Copy(f, more)
	return f
}

func list(s ...string) []string { return s }

// signIn signs in, and holds what comes of it against the case.
func (r *rig) signIn(t *testing.T, c signIn) {
	t.Helper()
	own := *r
	own.t = t
	r = &own
	r.native(lab.Native{Name: companyProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: c.fields})
	r.attempt(t, c)
}

// attempt is signIn with the profile that is there.
func (r *rig) attempt(t *testing.T, c signIn) {
	t.Helper()
	own := *r
	own.t = t
	r = &own
	before := r.Gateway.Log()
	args := []string{"connect", companyProfile, "--timeout", "60s"}
	if c.user == "" {
		c.user = lab.UserName
	}
	if c.user != noUser {
		args = append(args, "--user", c.user)
	}
	res := r.answer(c, args)
	if c.cause != "" {
		r.failed(c, res)
		return
	}
	if res.Code != 0 {
		t.Fatalf("%s%s", res.Stdout, res.Stderr)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	if said := strings.TrimPrefix(r.Gateway.Log(), before); !strings.Contains(said, "RADIUS authentication of '") {
		t.Error("the gateway has not asked its sign-in server")
	}
	for _, w := range c.words {
		if !strings.Contains(res.Stdout, w) {
			t.Errorf("the screen lacks %q:\n%s", w, res.Stdout)
		}
	}
}

// noUser is for cases in which a certificate says who signs in.
const noUser = "-"

// answer runs homewardctl with the answers of a case.
func (r *rig) answer(c signIn, args []string) lab.Result {
	r.t.Helper()
	if c.piped != "" {
		return r.ctl(c.piped+"\n", append(args, "--password-stdin")...)
	}
	res, err := r.CtlTyped(r.ctx, c.typed, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.said.add(res.Stdout)
	return res
}

// failed wants a failure with its cause in the status, and its sentence in both places.
func (r *rig) failed(c signIn, res lab.Result) {
	r.t.Helper()
	if res.Code == 0 {
		r.must("", "disconnect")
		r.t.Fatalf("it works: %s", res.Stdout)
	}
	s := r.status()
	if s.State != "disconnected" || s.Error == nil || s.Error.Cause != c.cause {
		r.t.Fatalf("status: state %q, error %+v, want disconnected, %s", s.State, s.Error, c.cause)
	}
	for _, w := range c.words {
		if !strings.Contains(s.Error.Message, w) {
			r.t.Errorf("the sentence %q does not hold %q", s.Error.Message, w)
		}
	}
	if said := res.Stdout + res.Stderr; !strings.Contains(said, s.Error.Message) {
		r.t.Errorf("the status says %q, the command %q", s.Error.Message, said)
	}
}

// companyRig is a rig whose gateway asks the sign-in servers.
func companyRig(t *testing.T) *rig {
	t.Helper()
	r := start(t, lab.Options{RADIUS: &lab.RADIUSOptions{}, Gateway: lab.GatewayOptions{EAPMethod: "radius"}})
	t.Cleanup(func() {
		if t.Failed() {
			for _, s := range r.RADIUS.Servers() {
				log := s.Log()
				t.Logf("the log of the sign-in server at port %d:\n%s", s.Port, log[max(0, len(log)-20000):])
			}
		}
	})
	return r
}

// TestSignInByEAP: every method at FreeRADIUS and hostapd behind the gateway, up to
// a page of the intranet.
func TestSignInByEAP(t *testing.T) {
	t.Parallel()
	r := companyRig(t)
	unbound := map[string]any{"client.eap.without_binding": true}
	only := func(version string) map[string]any {
		return map[string]any{"client.eap.min_tls": version, "client.eap.max_tls": version}
	}
	also := func(a, b map[string]any) map[string]any {
		maps.Copy(a, b)
		return a
	}
	cases := []signIn{
		{name: "MSCHAPv2", user: lab.UserName + "@" + lab.RealmMSCHAPv2, piped: lab.UserPassword, fields: eapFields(r, "", list("mschapv2"), nil, nil)},
		{name: "MD5 where the profile names it", user: lab.UserName + "@" + lab.RealmMD5, piped: lab.UserPassword, fields: eapFields(r, "", list("md5"), nil, nil)},
		{name: "GTC", user: lab.CodeUser + "@" + lab.RealmGTC, fields: eapFields(r, "", list("gtc"), nil, nil),
			typed: list(lab.CodeOfTheDay), words: list(lab.RADIUSPrompt)},
		{name: "PEAP with GTC", user: lab.CodeUser, fields: eapFields(r, lab.RealmPEAP, list("peap"), list("gtc"), unbound),
			typed: list(lab.CodeOfTheDay), words: list(lab.RADIUSPrompt)},
		{name: "PEAP with MSCHAPv2, TLS 1.2", piped: lab.UserPassword, fields: eapFields(r, lab.RealmTLS12, list("peap"), list("mschapv2"), also(only("1.2"), unbound))},
		{name: "PEAP with MSCHAPv2, TLS 1.3", piped: lab.UserPassword, fields: eapFields(r, lab.RealmTLS13, list("peap"), list("mschapv2"), also(only("1.3"), unbound))},
		{name: "PEAP with crypto binding", piped: lab.UserPassword,
			fields: eapFields(r, lab.RealmHostapd, list("peap"), list("mschapv2"), map[string]any{"client.eap.max_tls": "1.2"})},
		{name: "an old server", piped: lab.UserPassword, fields: eapFields(r, lab.RealmOld, list("ttls"), list("pap"), map[string]any{"client.eap.without_ems": true})},
		{name: "a wrong password and then the right one", fields: eapFields(r, "", list("peap"), list("mschapv2"), unbound),
			typed: list("not that", lab.UserPassword)},
		{name: "a password that has expired", user: lab.ExpiredUser, fields: eapFields(r, "", list("peap"), list("mschapv2"), unbound),
			typed: list(lab.UserPassword, "a fresh one for 2 years", "a fresh one for 2 years")},
		{name: "the new password", user: lab.ExpiredUser, piped: "a fresh one for 2 years",
			fields: eapFields(r, "", list("peap"), list("mschapv2"), unbound)},
		{name: "characters beyond ASCII", user: lab.ForeignerUser, piped: lab.ForeignerPassword, fields: eapFields(r, "", list("ttls"), list("pap"), nil)},
	}
	for _, inner := range list("pap", "chap", "mschap", "mschapv2", "eap-mschapv2", "eap-md5") {
		for realm, version := range map[string]string{lab.RealmTLS12: "1.2", lab.RealmTLS13: "1.3"} {
			cases = append(cases, signIn{name: "TTLS with " + inner + ", TLS " + version, piped: lab.UserPassword,
				fields: eapFields(r, realm, list("ttls"), list(inner), only(version))})
		}
	}
	cases = append(cases, signIn{name: "TTLS with GTC", user: lab.CodeUser, fields: eapFields(r, "", list("ttls"), list("eap-gtc"), nil),
		typed: list(lab.CodeOfTheDay), words: list(lab.RADIUSPrompt)})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { r.signIn(t, c) })
	}
	r.untouched("after all sign-ins")
}

// TestSignInByEAPFails: each way in which the sign-in server may refuse, or be
// refused, has its cause and its sentence, and no secret goes to a server that
// is not trusted.
func TestSignInByEAPFails(t *testing.T) {
	t.Parallel()
	r := companyRig(t)
	unbound := map[string]any{"client.eap.without_binding": true}
	peap := func(realm string) map[string]any { return eapFields(r, realm, list("peap"), list("mschapv2"), unbound) }
	ttls := func(realm string) map[string]any { return eapFields(r, realm, list("ttls"), list("pap"), nil) }
	for _, c := range []signIn{
		{name: "wrong password inside PEAP", piped: "not that", fields: peap(""), cause: "wrong-password", words: list("password")},
		{name: "wrong password inside TTLS", piped: "not that", fields: ttls(""), cause: "wrong-password", words: list("password")},
		{name: "locked account", user: lab.LockedUser, piped: lab.UserPassword, fields: peap(""), cause: "account-locked", words: list("locked")},
		{name: "expired password that is not changed", user: lab.ExpiredUser, piped: lab.UserPassword, fields: peap(""), cause: "password-expired", words: list("expired")},
		{name: "wrong code", user: lab.CodeUser, piped: "000 000 00", fields: eapFields(r, lab.RealmPEAP, list("peap"), list("gtc"), unbound), cause: "wrong-code", words: list("code")},
		{name: "a challenge by MD5", user: lab.UserName + "@" + lab.RealmMD5, piped: lab.UserPassword, fields: eapFields(r, "", list("mschapv2", "gtc"), nil, nil), cause: "eap-method", words: list("MD5", "MSCHAPV2")},
		{name: "server of another name", piped: lab.UserPassword, fields: ttls(lab.RealmWrongName), cause: "server-wrong-name", words: list(lab.OtherName, lab.RADIUSName)},
		{name: "server certificate expired", piped: lab.UserPassword, fields: ttls(lab.RealmExpired), cause: "server-expired", words: list("expired")},
		{name: "server untrusted", piped: lab.UserPassword, fields: ttls(lab.RealmUntrusted), cause: "server-untrusted", words: list("trust")},
		{name: "the gateway's authority is not the server's", piped: lab.UserPassword,
			fields: eapFields(r, "", list("ttls"), list("pap"), map[string]any{"client.eap.anchors": nil}), cause: "server-untrusted", words: list("trust")},
		{name: "no crypto binding", piped: lab.UserPassword, fields: eapFields(r, "", list("peap"), list("mschapv2"), nil), cause: "server-proof"},
		{name: "an old server without leave", piped: lab.UserPassword, fields: ttls(lab.RealmOld), cause: "server-tls", words: list("RFC 7627")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.signIn(t, c)
			if strings.HasPrefix(c.cause, "server-") && strings.Contains(r.RADIUS.FreeRADIUS.Log(), "User-Password = \""+lab.UserPassword) {
				t.Error("the server has the password")
			}
		})
	}
	r.untouched("after all refusals")

	if err := r.RADIUS.FreeRADIUS.Hang(); err != nil {
		t.Fatal(err)
	}
	t.Run("a server that is silent", func(t *testing.T) {
		r.signIn(t, signIn{piped: lab.UserPassword, fields: ttls(""), cause: "sign-in-silent", words: list("answer")})
	})
}

// TestSignInByCertificate: EAP-TLS, and TLS inside a tunnel, with a key that the
// user's program keeps and the service asks for signatures.
func TestSignInByCertificate(t *testing.T) {
	t.Parallel()
	r := companyRig(t)
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	for _, key := range []lab.KeyType{lab.ECDSA256, lab.RSA2048} {
		employee, err := r.PKI.Employee(lab.EmployeeMail, key)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := lab.PKCS12(employee, r.PKI.CA, "import me", false)
		if err != nil {
			t.Fatal(err)
		}
		r.profile(lab.Mobileconfig{Name: companyProfile, LocalIdentifier: lab.EmployeeMail, CA: [][]byte{r.PKI.CA.DER()}, PKCS12: packed, PKCS12Key: "import me"})
		for _, c := range []struct {
			name    string
			methods []string
			inner   []string
			version string
		}{
			{"TLS 1.2", list("tls"), nil, "1.2"},
			{"TLS 1.3", list("tls"), nil, "1.3"},
			{"TLS inside TTLS", list("ttls"), list("eap-tls"), "1.3"},
			{"TLS inside PEAP", list("peap"), list("tls"), "1.3"},
		} {
			r.edit(func(p map[string]any) {
				client := p["client"].(map[string]any)
				client["auth"] = "eap"
				client["eap"] = map[string]any{"methods": c.methods, "inner": c.inner, "min_tls": c.version, "max_tls": c.version,
					"server_names": list(lab.RADIUSName), "anchors": [][]byte{r.PKI.SignIn.DER()}, "without_binding": c.inner != nil && c.inner[0] == "tls"}
			})
			t.Run(string(key)+" "+c.name, func(t *testing.T) {
				r.attempt(t, signIn{user: noUser})
			})
		}
	}
}
