package tunnel

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// byEAP has a gateway that signs in by a method, and a profile that names it.
func byEAP(signIn iketest.SignIn, kind uint8) func(*iketest.ResponderConfig) {
	return func(g *iketest.ResponderConfig) { g.SignIn, g.EAPMethods = signIn, []uint8{kind} }
}

// person answers each question with the next of what it has typed; "" says no. It
// keeps the questions.
type person struct {
	typed []string
	asked []Question
}

func (p *person) answer(_ context.Context, q Question) (Answer, error) {
	p.asked = append(p.asked, q)
	if q.Kind == AskConsent {
		return Answer{}, nil
	}
	if len(p.typed) == 0 || p.typed[0] == "" {
		return Answer{}, &diagnose.Failure{Cause: diagnose.CauseUnanswered}
	}
	word := []byte(p.typed[0])
	p.typed = p.typed[1:]
	if q.Kind == AskNewPassword {
		return Answer{New: word}, nil
	}
	return Answer{Secret: word}, nil
}

func (p *person) kinds() (out []QuestionKind) {
	for _, q := range p.asked {
		out = append(out, q.Kind)
	}
	return out
}

// TestQuestions: what EAP asks reaches the user in its kind, with the server's words,
// and says when an answer was refused.
func TestQuestions(t *testing.T) {
	t.Parallel()
	gtc := func(p *profile.Profile) {
		p.Client.Auth, p.Client.EAP.Methods = profile.ClientEAP, []profile.EAPMethod{profile.EAPGTC}
	}
	codes := iketest.SignIn{Prompts: []iketest.Prompt{{Text: "Enter PASSCODE:", Answer: "123456"}, {Text: "Enter the next one:", Answer: "654321"}}}
	for name, c := range map[string]struct {
		gateway func(*iketest.ResponderConfig)
		profile func(*profile.Profile)
		typed   []string
		asked   []QuestionKind
		last    Question
	}{
		"the right password": {nil, nil, []string{iketest.Password}, []QuestionKind{AskPassword}, Question{}},
		"a wrong one first": {
			byEAP(iketest.SignIn{Retries: 1}, eap.TypeMSCHAPv2), nil, []string{"wrong", iketest.Password},
			[]QuestionKind{AskPassword, AskPassword}, Question{Fresh: true, Code: 691, Message: "Authentication failed"},
		},
		"an expired one": {
			byEAP(iketest.SignIn{Expired: true, TooShort: 4}, eap.TypeMSCHAPv2), nil, []string{iketest.Password, "lion", "lioness"},
			[]QuestionKind{AskPassword, AskNewPassword, AskNewPassword}, Question{Fresh: true, Code: 709, Message: "Authentication failed"},
		},
		"codes": {
			byEAP(codes, eap.TypeGTC), gtc, []string{"123456", "654321"}, []QuestionKind{AskCode, AskCode}, Question{Message: "Enter the next one:"},
		},
		"codes by OTP": {
			byEAP(codes, eap.TypeOTP), gtc, []string{"123456", "654321"}, []QuestionKind{AskCode, AskCode}, Question{Message: "Enter the next one:", Echo: true},
		},
		"a notice to agree to": {
			byEAP(iketest.SignIn{Notices: []string{"Use is watched."}}, eap.TypeMSCHAPv2), func(p *profile.Profile) {
				p.Client.Auth, p.Client.EAP.Methods, p.Client.EAP.ConfirmNotice = profile.ClientEAP, []profile.EAPMethod{profile.EAPMSCHAPv2}, true
			},
			[]string{iketest.Password}, []QuestionKind{AskConsent, AskPassword}, Question{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, c.gateway)
				cfg, who := o.config(), &person{typed: c.typed}
				cfg.Ask = who.answer
				if c.profile != nil {
					c.profile(cfg.Profile)
				}
				r := run(t, cfg)
				r.up()
				if !slices.Equal(who.kinds(), c.asked) {
					t.Fatalf("asked %v, want %v", who.kinds(), c.asked)
				}
				last := who.asked[len(who.asked)-1]
				if last.Fresh != c.last.Fresh || last.Code != c.last.Code || last.Message != c.last.Message || last.Echo != c.last.Echo || last.Username != iketest.UserName {
					t.Errorf("asked last %+v, want %+v", last, c.last)
				}
				exchange(t, o)
				r.stop()
				complaints(t, o)
			})
		})
	}
}

// TestNotice: what the server wants the user to know comes as an event.
func TestNotice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, byEAP(iketest.SignIn{Notices: []string{"Your password ends on Friday."}}, eap.TypeMSCHAPv2))
		r := run(t, o.config())
		var got []string
		for ev := range r.events {
			if n, ok := ev.(Notice); ok {
				got = append(got, n.Message)
			}
			if _, ok := ev.(Up); ok {
				break
			}
		}
		if !slices.Equal(got, []string{"Your password ends on Friday."}) {
			t.Errorf("notices %q", got)
		}
		r.stop()
	})
}

// TestLateAnswer: who types longer than gateways wait is signed in anew with what was
// typed, and not asked again.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	for pause, inits := range map[time.Duration]int{10 * time.Second: 1, 40 * time.Second: 2} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t, nil)
			cfg, who := o.config(), &person{typed: []string{iketest.Password}}
			cfg.OpenTransport = func() (Transport, error) { return socket{o.reopen()}, nil }
			cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
				<-time.After(pause)
				return who.answer(ctx, q)
			}
			r := run(t, cfg)
			r.up()
			if len(who.asked) != 1 {
				t.Errorf("after %v: asked %v", pause, who.kinds())
			}
			o.tell(func(time.Time) error {
				if n := o.gateway.Received[wire.ExchangeIKESAInit]; n != inits {
					t.Errorf("after %v: %d sign-ins begun, want %d", pause, n, inits)
				}
				return nil
			})
			r.stop()
		})
	}
}

// TestSignInFailures: why a sign-in was refused, in the server's own words where it has
// some.
func TestSignInFailures(t *testing.T) {
	t.Parallel()
	refuse := func(code int) func(*iketest.ResponderConfig) {
		return byEAP(iketest.SignIn{Refuse: map[string]int{iketest.UserName: code}}, eap.TypeMSCHAPv2)
	}
	for name, c := range map[string]struct {
		gateway func(*iketest.ResponderConfig)
		methods []profile.EAPMethod
		typed   []string
		want    diagnose.Cause
		seen    string
	}{
		"wrong password":          {nil, nil, []string{"wrong"}, diagnose.CauseWrongPassword, "Authentication failed"},
		"wrong, and no other":     {byEAP(iketest.SignIn{Retries: 3}, eap.TypeMSCHAPv2), nil, []string{"wrong", ""}, diagnose.CauseWrongPassword, "Authentication failed"},
		"locked account":          {refuse(647), nil, []string{iketest.Password}, diagnose.CauseAccountLocked, "Authentication failed"},
		"expired, and no new one": {byEAP(iketest.SignIn{Expired: true}, eap.TypeMSCHAPv2), nil, []string{iketest.Password, ""}, diagnose.CausePasswordExpired, "Authentication failed"},
		"a new one refused":       {byEAP(iketest.SignIn{Expired: true, TooShort: 9}, eap.TypeMSCHAPv2), nil, []string{iketest.Password, "lion", ""}, diagnose.CausePasswordRefused, "Authentication failed"},
		"wrong code":              {byEAP(iketest.SignIn{Prompts: []iketest.Prompt{{Text: "Code?", Answer: "1"}}}, eap.TypeGTC), []profile.EAPMethod{profile.EAPGTC}, []string{"2"}, diagnose.CauseWrongCode, ""},
		"nobody typed":            {nil, nil, []string{""}, diagnose.CauseUnanswered, ""},
		"method not allowed":      {byEAP(iketest.SignIn{}, eap.TypeMD5), nil, nil, diagnose.CauseEAPMethod, "MD5"},
		"server silent": {func(g *iketest.ResponderConfig) {
			g.OnRequest = func(x *iketest.Exchange) bool {
				_, isEAP := wire.Find[*wire.EAPPayload](x.Request)
				return !isEAP
			}
		}, nil, nil, diagnose.CauseSignInSilent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, c.gateway)
				cfg, who := o.config(), &person{typed: c.typed}
				cfg.Ask = who.answer
				if c.methods != nil {
					cfg.Profile.Client.Auth, cfg.Profile.Client.EAP.Methods = profile.ClientEAP, c.methods
				}
				r := run(t, cfg)
				var f *diagnose.Failure
				if err := <-r.result; !errors.As(err, &f) || f.Cause != c.want || f.Seen != c.seen {
					t.Errorf("ended with %v, seen %q; want %s, %q", err, f.Seen, c.want, c.seen)
				} else if s := f.Sentence(); !strings.HasSuffix(s, ".") || strings.Contains(s, "%!") {
					t.Errorf("the sentence reads %q", s)
				}
				if c.want == diagnose.CauseEAPMethod && f.Expected != "MSCHAPV2" {
					t.Errorf("expected %q", f.Expected)
				}
			})
		})
	}
}

// TestExplainServer: what is wrong with the certificate of the server behind the
// gateway is told apart from what is wrong with the gateway's.
func TestExplainServer(t *testing.T) {
	t.Parallel()
	when := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	tun := New(Config{Profile: &profile.Profile{}})
	for kind, want := range map[auth.CertificateErrorKind][2]diagnose.Cause{
		auth.Untrusted:   {diagnose.CauseServerUntrusted, diagnose.CauseGatewayUntrusted},
		auth.WrongName:   {diagnose.CauseServerWrongName, diagnose.CauseGatewayWrongName},
		auth.Expired:     {diagnose.CauseServerExpired, diagnose.CauseGatewayExpired},
		auth.Revoked:     {diagnose.CauseServerRevoked, diagnose.CauseGatewayRevoked},
		auth.Unverified:  {diagnose.CauseRevocationUnknown, diagnose.CauseRevocationUnknown},
		auth.NotPinned:   {diagnose.CauseServerCertificate, diagnose.CauseGatewayPin},
		auth.Usage:       {diagnose.CauseServerCertificate, diagnose.CauseGatewayUsage},
		auth.NotYetValid: {diagnose.CauseServerCertificate, diagnose.CauseGatewayNotYetValid},
		auth.WrongIssuer: {diagnose.CauseServerUntrusted, diagnose.CauseGatewayIssuer},
		auth.Weak:        {diagnose.CauseServerCertificate, diagnose.CauseGatewayCertificate},
	} {
		cert := &auth.CertificateError{Kind: kind, Seen: "seen", Expected: "expected", NotAfter: when, NotBefore: when, RevokedAt: when}
		server := tun.explain(&ike.Failure{Cause: ike.CauseServerCert, Err: &eap.Error{Kind: eap.Untrusted, Fatal: true, Err: cert}})
		gateway := tun.explain(&ike.Failure{Cause: ike.CauseGatewayCert, Err: cert})
		if server.Cause != want[0] || gateway.Cause != want[1] || server.Seen != "seen" || server.Expected != "expected" {
			t.Errorf("%s: %s and %s, want %s", kind, server.Cause, gateway.Cause, want)
		}
		if dated := kind == auth.Expired || kind == auth.Revoked; dated != server.When.Equal(when) {
			t.Errorf("%s: when %v", kind, server.When)
		}
	}
	for _, c := range []struct {
		f    ike.Failure
		want diagnose.Cause
	}{
		{ike.Failure{Cause: ike.CauseServerTLS, Err: &eap.Error{Kind: eap.NoEMS}}, diagnose.CauseServerTLS},
		{ike.Failure{Cause: ike.CauseServerTLS, Err: &eap.Error{Kind: eap.TLSFailed, Alert: 70}}, diagnose.CauseServerTLS},
		{ike.Failure{Cause: ike.CauseServerProof, Err: &eap.Error{Kind: eap.Binding}}, diagnose.CauseServerProof},
		{ike.Failure{Cause: ike.CauseClientCert, Err: &eap.Error{Kind: eap.CertificateMissing}}, diagnose.CauseCertificateMissing},
		{ike.Failure{Cause: ike.CauseClientCert, Err: &eap.Error{Kind: eap.CertificateRefused, Alert: 42}}, diagnose.CauseCertificateRefused},
		{ike.Failure{Cause: ike.CauseClientCert, Err: &eap.Error{Kind: eap.CertificateRefused, Alert: 44}}, diagnose.CauseCertificateRefused},
		{ike.Failure{Cause: ike.CauseClientCert, Err: &eap.Error{Kind: eap.CertificateRefused, Alert: 116}}, diagnose.CauseCertificateMissing},
		{ike.Failure{Cause: ike.CauseClientCert, Err: &eap.Error{Kind: eap.CertificateRefused, Alert: 45}}, diagnose.CauseCertificateExpired},
		{ike.Failure{Cause: ike.CauseClientCert, Err: &eap.Error{Kind: eap.Failed}}, diagnose.CauseCertificateRefused},
		{ike.Failure{Cause: ike.CauseClientCert}, diagnose.CauseCertificateRefused},
	} {
		if got := tun.explain(&c.f); got.Cause != c.want || got.Sentence() == "" {
			t.Errorf("%v: %s, want %s", &c.f, got.Cause, c.want)
		}
	}
}

// A question that outlives the session's next input shares nothing with it.
func TestQuestionIsCopied(t *testing.T) {
	t.Parallel()
	q := Question{Data: []byte{1}, Issuers: [][]byte{{1}}, IssuerKeys: [][20]byte{{1}}, Hashes: []uint16{1}, Certificate: []byte{1}}
	c := q.clone()
	q.Data[0], q.Issuers[0][0], q.IssuerKeys[0][0], q.Hashes[0], q.Certificate[0] = 2, 2, 2, 2, 2
	if !bytes.Equal(c.Data, []byte{1}) || c.Issuers[0][0] != 1 || c.IssuerKeys[0][0] != 1 || c.Hashes[0] != 1 || c.Certificate[0] != 1 {
		t.Errorf("%+v", c)
	}
}
