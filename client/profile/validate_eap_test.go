package profile

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestInvalidSignIn spoils what a profile says about signing in, and wants to
// hear of that field and of what to do.
func TestInvalidSignIn(t *testing.T) {
	t.Parallel()
	with := func(change func(e *EAP)) func(*Profile) { return func(p *Profile) { change(&p.Client.EAP) } }
	methods := func(list ...EAPMethod) func(*Profile) {
		return func(p *Profile) {
			p.Client.EAP, p.Client.CertificateIssuers, p.Client.Token = EAP{Methods: list}, nil, ""
		}
	}
	and := func(first, then func(*Profile)) func(*Profile) { return func(p *Profile) { first(p); then(p) } }
	for _, c := range []struct {
		field, reason string
		spoil         func(*Profile)
	}{
		{"gateway.revocation", "off, relaxed or strict", func(p *Profile) { p.Gateway.Revocation = "soft" }},
		{"gateway.revocation", "without a certificate", func(p *Profile) {
			p.Client = Client{Auth: ClientPSK}
			p.Gateway = Gateway{Address: "192.0.2.1", Auth: GatewayPSK, Revocation: RevocationOff}
		}},
		{"gateway.pins", "without a certificate", func(p *Profile) {
			p.Client = Client{Auth: ClientPSK}
			p.Gateway = Gateway{Address: "192.0.2.1", Auth: GatewayPSK, Pins: p.Gateway.Pins}
		}},
		{"gateway.pins", "more than", func(p *Profile) { p.Gateway.Pins = slices.Repeat(p.Gateway.Pins, maxPins+1) }},
		{"gateway.pins[0]", "base64", func(p *Profile) { p.Gateway.Pins[0] = strings.TrimPrefix(p.Gateway.Pins[0], pinPrefix) }},
		{"gateway.pins[0]", "32 bytes", func(p *Profile) { p.Gateway.Pins[0] = "sha256/AAAA" }},
		{"gateway.pins[0]", "sha256/", func(p *Profile) { p.Gateway.Pins[0] = "sha1/" + p.Gateway.Pins[0][7:] }},
		{"client.eap", "is not eap", func(p *Profile) { p.Client.Auth = ClientCertificate }},
		{"client.eap", "mschapv2", func(p *Profile) { p.Client.Auth = ClientMSCHAPv2 }},
		{"client.eap.methods", "name what", with(func(e *EAP) { e.Methods = nil })},
		{"client.eap.methods", "it knows tls, ttls", with(func(e *EAP) { e.Methods[0] = "leap" })},
		{"client.eap.methods", "twice", with(func(e *EAP) { e.Methods = append(e.Methods, EAPTTLS) })},
		{"client.eap.inner", "inside peap: name one of mschapv2, gtc, tls", with(func(e *EAP) { e.Inner = []InnerMethod{InnerPAP} })},
		{"client.eap.inner", "twice", with(func(e *EAP) { e.Inner = append(e.Inner, InnerPAP) })},
		{"client.eap.inner", "none of the methods", with(func(e *EAP) { e.Methods = []EAPMethod{EAPTLS, EAPPEAP}; e.WithoutBinding = false })},
		{"client.eap.inner", "none of the methods", and(methods(EAPTLS), with(func(e *EAP) { e.Inner = []InnerMethod{InnerPAP} }))},
		{"client.eap.outer_identity", "cannot be shown", with(func(e *EAP) { e.OuterIdentity = "a\nb" })},
		{"client.eap.without_binding", "peap", with(func(e *EAP) { e.Methods = []EAPMethod{EAPTTLS} })},
		{"client.eap.server_names", "leave it out", and(methods(EAPGTC), with(func(e *EAP) { e.ServerNames = []string{"a.example"} }))},
		{"client.eap.anchors", "leave it out", and(methods(EAPGTC), with(func(e *EAP) { e.Anchors = [][]byte{{1}} }))},
		{"client.eap.min_tls", "leave it out", and(methods(EAPMSCHAPv2), with(func(e *EAP) { e.MinTLS = TLS12 }))},
		{"client.eap.max_tls", "leave it out", and(methods(EAPMSCHAPv2), with(func(e *EAP) { e.MaxTLS = TLS12 }))},
		{"client.eap.without_ems", "leave it out", and(methods(EAPMD5), with(func(e *EAP) { e.WithoutEMS = true }))},
		{"client.eap.server_names", "more than", with(func(e *EAP) { e.ServerNames = slices.Repeat([]string{"a.example"}, maxNames+1) })},
		{"client.eap.server_names[0]", "empty", with(func(e *EAP) { e.ServerNames[0] = "" })},
		{"client.eap.server_names[0]", "host name", with(func(e *EAP) { e.ServerNames[0] = "*.example" })},
		{"client.eap.server_names[0]", "host name", with(func(e *EAP) { e.ServerNames[0] = "a*.corp.example" })},
		{"client.eap.server_names[0]", "host name", with(func(e *EAP) { e.ServerNames[0] = "fe80::1%eth0" })},
		{"client.eap.server_names", "stands alone", with(func(e *EAP) { e.ServerNames[0] = AnyName })},
		{"client.eap.server_names", "beside anchors", with(func(e *EAP) { e.ServerNames, e.Anchors = []string{AnyName}, nil })},
		{"client.eap.anchors[0]", "not a certificate", with(func(e *EAP) { e.Anchors = [][]byte{{1}} })},
		{"client.eap.min_tls", "1.2 or 1.3; older versions are not safe", with(func(e *EAP) { e.MinTLS = "1.0" })},
		{"client.eap.max_tls", "1.2 or 1.3", with(func(e *EAP) { e.MaxTLS = "1.4" })},
		{"client.eap.min_tls", "above", with(func(e *EAP) { e.MinTLS, e.MaxTLS = TLS13, TLS12 })},
		{"client.eap_only", "name tls or ttls", and(methods(EAPPEAP, EAPMSCHAPv2), func(p *Profile) { p.Client.EAPOnly = EAPOnlySafe })},
		{"client.eap_only", "proves nothing by gtc", and(methods(EAPGTC, EAPMD5), func(p *Profile) { p.Client.EAPOnly = EAPOnlyAny })},
		{"client.eap_only", "want more", func(p *Profile) { p.Client.EAPOnly, p.Gateway.Revocation = EAPOnlySafe, "" }},
		{"client.eap_only", "want more", func(p *Profile) { p.Client.EAPOnly, p.Gateway.Pins = EAPOnlySafe, nil }},
		{"client.eap_only", "by which alone", func(p *Profile) { p.Client.EAPOnly, p.Client.EAP.ServerNames = EAPOnlySafe, []string{AnyName} }},
		{"client.certificate_issuers", "no method needs", and(methods(EAPMSCHAPv2), func(p *Profile) { p.Client.CertificateIssuers = []string{"x"} })},
		{"client.certificate_issuers[0]", "empty", func(p *Profile) { p.Client.CertificateIssuers[0] = "" }},
		{"client.token", "no method needs", and(methods(EAPGTC), func(p *Profile) { p.Client.Token = "pkcs11:" })},
		{"client.token", "begins with pkcs11:", func(p *Profile) { p.Client.Token = "file:///dev/card" }},
		{"client.token", "take pin-value out", func(p *Profile) { p.Client.Token = "pkcs11:token=a?pin-value=1234" }},
		{"client.token", "take pin-source out", func(p *Profile) { p.Client.Token = "pkcs11:token=a;b=c?x=y&pin-source=file:/etc/pin" }},
		{"client.token", "take module-path out", func(p *Profile) { p.Client.Token = "pkcs11:token=a?module-path=/tmp/evil.so" }},
		{"client.token", "take module-name out", func(p *Profile) { p.Client.Token = "pkcs11:token=a?module-name=..%2Fevil" }},
		{"client.token", "cannot be shown", func(p *Profile) { p.Client.Token = "pkcs11:\n" }},
		{"client.further[0].auth", "eap or eap-mschapv2", func(p *Profile) { p.Client.Further = []SignIn{{Auth: ClientCertificate}} }},
		{"client.further[0].eap", "is not eap", func(p *Profile) {
			p.Client.Further = []SignIn{{Auth: ClientMSCHAPv2, EAP: EAP{Methods: []EAPMethod{EAPGTC}}}}
		}},
		{"client.further[1].eap.methods", "missing", func(p *Profile) {
			p.Client.Further = []SignIn{{Auth: ClientMSCHAPv2}, {Auth: ClientEAP}}
		}},
	} {
		p := full(t)
		c.spoil(p)
		var e *InvalidError
		if err := p.Validate(); !errors.As(err, &e) || e.Field != c.field || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("%v, want %s with %q", err, c.field, c.reason)
		}
	}
}

// TestValidSignIns: what companies have.
func TestValidSignIns(t *testing.T) {
	t.Parallel()
	der := certificate(t)
	for name, c := range map[string]Client{
		"password":             {Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPMSCHAPv2}}},
		"certificate, chosen":  {Auth: ClientCertificate, CertificateIssuers: []string{"Harbour CA"}},
		"card":                 {Auth: ClientCertificate, Token: "pkcs11:token=Harbour"},
		"EAP-TLS, chosen":      {Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPTLS}}},
		"TTLS, default inner":  {Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPTTLS}}},
		"TTLS with a card":     {Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPTTLS}, Inner: []InnerMethod{InnerEAPTLS}}, Token: "pkcs11:"},
		"PEAP, any name":       {Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPPEAP}, ServerNames: []string{AnyName}, Anchors: [][]byte{der}}},
		"by EAP alone":         {Auth: ClientEAP, EAPOnly: EAPOnlySafe, EAP: EAP{Methods: []EAPMethod{EAPTTLS, EAPMSCHAPv2}}},
		"certificate and code": {Auth: ClientCertificate, Username: "alice", Further: []SignIn{{Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPGTC}}}}},
		"password and card":    {Auth: ClientMSCHAPv2, Token: "pkcs11:", Further: []SignIn{{Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPTLS}}}}},
		"two certificates":     {Auth: ClientCertificate, Further: []SignIn{{Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPTLS}}}}},
	} {
		p := full(t)
		if p.Client = c; c.EAPOnly != EAPOnlyNever {
			p.Gateway.Pins, p.Gateway.Revocation = nil, ""
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOuterIdentity: a name is hidden where every method says it again inside TLS,
// and keeps its realm, by which servers find each other (RFC 7542 2.4, RFC 5281 7.3).
func TestOuterIdentity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		e          EAP
		name, want string
	}{
		{EAP{Methods: []EAPMethod{EAPTTLS}}, "alice@corp.example", "anonymous@corp.example"},
		{EAP{Methods: []EAPMethod{EAPPEAP, EAPTTLS}}, "alice", "anonymous"},
		{EAP{Methods: []EAPMethod{EAPPEAP}}, `CORP\alice`, "anonymous"},
		{EAP{Methods: []EAPMethod{EAPTTLS}, OuterIdentity: "@corp.example"}, "alice", "@corp.example"},
		{EAP{Methods: []EAPMethod{EAPTTLS, EAPMSCHAPv2}}, "alice@corp.example", "alice@corp.example"},
		{EAP{Methods: []EAPMethod{EAPTLS}}, "alice@corp.example", "alice@corp.example"},
		{EAP{Methods: []EAPMethod{EAPTLS}, OuterIdentity: "card@corp.example"}, "alice", "card@corp.example"},
	} {
		if got := c.e.Outer(c.name); got != c.want {
			t.Errorf("%+v of %s: %q, want %q", c.e, c.name, got, c.want)
		}
	}
}

// TestServerTrust: without names of its own, a sign-in server must have the
// gateway's; without authorities of its own, the gateway's count.
func TestServerTrust(t *testing.T) {
	t.Parallel()
	p := full(t)
	if got := p.ServerNames(p.Client.EAP); !slices.Equal(got, p.Client.EAP.ServerNames) {
		t.Errorf("names %v", got)
	}
	p.Gateway.Anchors = [][]byte{{1}}
	if got := p.ServerAnchors(p.Client.EAP); len(got) != 1 || len(got[0]) == 1 {
		t.Errorf("anchors %x", got)
	}
	if got := p.ServerAnchors(EAP{}); len(got) != 1 || len(got[0]) != 1 {
		t.Errorf("anchors %x", got)
	}
	p.Gateway.CertificateName, p.Gateway.Identity, p.Gateway.Address = "c.example", "i.example", "a.example"
	for _, want := range []string{"c.example", "i.example", "a.example"} {
		if got := p.ServerNames(EAP{}); !slices.Equal(got, []string{want}) {
			t.Errorf("names %v, want %s", got, want)
		}
		if p.Gateway.CertificateName == "" {
			p.Gateway.Identity = ""
		}
		p.Gateway.CertificateName = ""
	}
}

// TestEAPEqual: settings are the same where every field is.
func TestEAPEqual(t *testing.T) {
	t.Parallel()
	der := certificate(t)
	if a, b := eap(der), eap(slices.Clone(der)); !a.Equal(b) {
		t.Error("equal settings differ")
	}
	for i, change := range []func(e *EAP){
		func(e *EAP) { e.Methods = e.Methods[:1] }, func(e *EAP) { e.Inner = nil }, func(e *EAP) { e.ServerNames[0] = "b.example" },
		func(e *EAP) { e.Anchors = nil }, func(e *EAP) { e.MinTLS = "" }, func(e *EAP) { e.WithoutEMS = false }, func(e *EAP) { e.OuterIdentity = "" },
	} {
		a, b := eap(der), eap(der)
		if change(&b); a.Equal(b) {
			t.Errorf("change %d is not seen", i)
		}
	}
}

// TestSameServers: a password is kept for a gateway and for a way to sign in; neither
// another server nor a weaker method gets it.
func TestSameServers(t *testing.T) {
	t.Parallel()
	p := full(t)
	same := *p
	same.Name, same.Client.Username, same.Traffic.MTU = "Other", "bob", 1300
	if !p.SameServers(&same) {
		t.Error("another name, and the secret is not given")
	}
	for i, change := range []func(o *Profile){
		func(o *Profile) { o.Gateway.Address = "evil.example" }, func(o *Profile) { o.Gateway.Pins = nil },
		func(o *Profile) { o.Gateway.Revocation = RevocationOff }, func(o *Profile) { o.Client.EAPOnly = EAPOnlyAny },
		func(o *Profile) { o.Client.EAP.Methods = []EAPMethod{EAPGTC} }, func(o *Profile) { o.Client.EAP.ServerNames = []string{"evil.example"} },
		func(o *Profile) { o.Client.Auth = ClientMSCHAPv2 },
	} {
		o := *p
		if change(&o); p.SameServers(&o) {
			t.Errorf("change %d is not seen", i)
		}
	}
	short, long := Profile{Client: Client{Auth: ClientMSCHAPv2}}, Profile{Client: Client{Auth: ClientEAP, EAP: EAP{Methods: []EAPMethod{EAPMSCHAPv2}}}}
	if !short.SameServers(&long) {
		t.Error("the short form is another way to sign in")
	}
}
