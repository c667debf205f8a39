package profile

import "testing"

// TestWords: each way to sign in has words for a person, and names for an
// administrator.
func TestWords(t *testing.T) {
	t.Parallel()
	by := func(e EAP, further ...SignIn) Client { return Client{Auth: ClientEAP, EAP: e, Further: further} }
	code := SignIn{Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPGTC}}}
	for _, c := range []struct {
		client       Client
		words, names string
	}{
		{Client{Auth: ClientPSK}, "shared key", ""},
		{Client{Auth: ClientMSCHAPv2}, "user name and password", "MSCHAPv2"},
		{Client{Auth: ClientCertificate, Further: []SignIn{code}}, "certificate, then one-time code", ""},
		{by(EAP{Methods: []EAPMethod{EAPTLS, EAPPEAP}}), "certificate or user name and password", "TLS, PEAP (MSCHAPv2)"},
		{by(EAP{Methods: []EAPMethod{EAPTTLS, EAPMSCHAPv2, EAPMD5}, Inner: []InnerMethod{InnerPAP, InnerEAPGTC, InnerEAPTLS}}),
			"user name and password or one-time code or certificate", "TTLS (PAP, EAP-GTC, EAP-TLS), MSCHAPv2, MD5"},
		{by(EAP{Methods: []EAPMethod{EAPGTC}}, SignIn{Auth: ClientMSCHAPv2}), "one-time code, then user name and password", "GTC"},
		{Client{Auth: "later"}, "later", ""},
	} {
		if got := c.client.Words(); got != c.words {
			t.Errorf("%+v: %q, want %q", c.client, got, c.words)
		}
		if e, _ := c.client.SignIn(); e.Names() != c.names {
			t.Errorf("%+v: %q, want %q", c.client, e.Names(), c.names)
		}
	}
	for _, m := range EAPMethods() {
		if methodNames[m] == "" {
			t.Errorf("%s has no name", m)
		}
		for _, in := range InnerMethods(m) {
			if innerNames[in] == "" {
				t.Errorf("%s has no name", in)
			}
		}
	}
	for e, want := range map[[2]string]string{{"", ""}: "1.2 to 1.3", {TLS13, ""}: "1.3", {"", TLS12}: "1.2", {TLS12, TLS13}: "1.2 to 1.3"} {
		if got := (EAP{MinTLS: e[0], MaxTLS: e[1]}).TLSWords(); got != want {
			t.Errorf("%v: %q, want %q", e, got, want)
		}
	}
	if RevocationOff.Words() == RevocationRelaxed.Words() || Revocation("").Words() != RevocationRelaxed.Words() || RevocationStrict.Words() == RevocationOff.Words() {
		t.Error("the modes of revocation are told apart by nobody")
	}
}
