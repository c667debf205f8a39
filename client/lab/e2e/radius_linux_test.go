package e2e

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

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
		{name: "new password against the rules", user: lab.OutdatedUser, typed: list(lab.UserPassword, "short", "short"), fields: peap(""), cause: "password-refused", words: list("new password")},
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

// TestResumption: a gateway that wants everybody to sign in again gets a new IKE SA
// without another code, for the sign-in server takes up the TLS session of the first
// time.
func TestResumption(t *testing.T) {
	t.Parallel()
	r := companyRig(t)
	again := r.Gateway.Options
	again.Reauth, again.Overtime = 3*time.Second, 5*time.Second
	if err := r.Gateway.Reload(r.ctx, again); err != nil {
		t.Fatal(err)
	}
	r.native(lab.Native{Name: companyProfile, CA: [][]byte{r.PKI.CA.DER()}, Fields: eapFields(r, "", list("ttls"), list("eap-gtc"), nil)})
	r.must(lab.CodeOfTheDay+"\n", "connect", companyProfile, "--user", lab.CodeUser, "--password-stdin")
	before := r.theSA()
	if err := r.Gateway.WaitSAs(r.ctx, "the client has signed in again", func(sas []lab.SA) bool {
		return len(sas) == 1 && sas[0].State == "ESTABLISHED" && sas[0].UniqueID != before.ike
	}); err != nil {
		t.Fatal(err)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	if n := strings.Count(r.RADIUS.FreeRADIUS.Log(), "Calling submodule eap_gtc"); n != 2 {
		t.Errorf("the method inside ran for %d packets, want 2 of the first sign-in", n)
	}
}
