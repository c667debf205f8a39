package ike_test

import (
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// by makes a pair that signs in by methods of EAP, of which the gateway has the first.
func by(signIn iketest.SignIn, methods ...uint8) iketest.PairConfig {
	return iketest.PairConfig{
		Client: func(c *ike.Config) { c.EAP.Methods = methods },
		Gateway: func(r *iketest.ResponderConfig) {
			r.SignIn = signIn
			if len(methods) > 0 {
				r.EAPMethods = methods[:1]
			}
		},
	}
}

// typing answers the questions in turn, a new password to who wants one; "" says no.
func typing(p *iketest.Pair, answers ...string) {
	p.Answer = func(e ike.Event) (ike.Command, bool) {
		q, ok := e.(ike.NeedCredentials)
		if !ok {
			return nil, false
		}
		if q.Kind == eap.AskConsent {
			return ike.Credentials{ID: q.ID}, true
		}
		c := ike.Credentials{ID: q.ID, Err: errNo}
		if len(answers) > 0 && answers[0] != "" {
			c.Err = nil
			if c.Password = []byte(answers[0]); q.Kind == eap.AskNewPassword {
				c.Password, c.New = nil, c.Password
			}
		}
		if len(answers) > 0 {
			answers = answers[1:]
		}
		return c, true
	}
}

var errNo = auth.ErrScheme // any error: the user says no

// kinds lists what was asked of the user.
func kinds(p *iketest.Pair) (out []eap.QuestionKind) {
	for _, q := range asked(p) {
		out = append(out, q.Kind)
	}
	return out
}

// RFC 7296 2.16, RFC 3748 5: every method that is not over TLS, with and without a
// key, round by round, with the server's own words.
func TestTwoPeerSignIn(t *testing.T) {
	t.Parallel()
	codes := []iketest.Prompt{{Text: "Enter PASSCODE:", Answer: "123456"}, {Text: "Enter the next code:", Answer: "654321"}, {Text: "Choose a new PIN:", Answer: "4711"}}
	for name, c := range map[string]struct {
		pair  iketest.PairConfig
		typed []string
		asked []eap.QuestionKind
	}{
		"a wrong password, then the right one": {by(iketest.SignIn{Retries: 2}, mschapv2), []string{"wrong", "wronger", iketest.Password}, []eap.QuestionKind{eap.AskPassword, eap.AskPassword, eap.AskPassword}},
		"an expired password":                  {by(iketest.SignIn{Expired: true, TooShort: 4}, mschapv2), []string{iketest.Password, "lion", "lioness"}, []eap.QuestionKind{eap.AskPassword, eap.AskNewPassword, eap.AskNewPassword}},
		"codes by GTC":                         {by(iketest.SignIn{Prompts: codes}, eap.TypeGTC), []string{"123456", "654321", "4711"}, []eap.QuestionKind{eap.AskCode, eap.AskCode, eap.AskCode}},
		"codes by OTP":                         {by(iketest.SignIn{Prompts: codes[:1]}, eap.TypeOTP), []string{"123456"}, []eap.QuestionKind{eap.AskCode}},
		"a password by GTC":                    {by(iketest.SignIn{}, eap.TypeGTC), []string{iketest.Password}, []eap.QuestionKind{eap.AskPassword}},
		"MD5":                                  {by(iketest.SignIn{}, eap.TypeMD5), []string{iketest.Password}, []eap.QuestionKind{eap.AskPassword}},
		"long types":                           {by(iketest.SignIn{LongTypes: true}, mschapv2), []string{iketest.Password}, []eap.QuestionKind{eap.AskPassword}},
		"notices":                              {by(iketest.SignIn{Notices: []string{"Use is watched.", "Ends on Friday."}}, mschapv2), []string{iketest.Password}, []eap.QuestionKind{eap.AskPassword}},
		"after refusing what it does not name": {both(by(iketest.SignIn{}, eap.TypeGTC), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.EAPMethods = []uint8{eap.TypeMD5, mschapv2, eap.TypeGTC} }}), []string{iketest.Password}, []eap.QuestionKind{eap.AskPassword}},
		"refusing in long types":               {both(by(iketest.SignIn{LongTypes: true}, eap.TypeGTC), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.EAPMethods = []uint8{eap.TypeMD5, eap.TypeGTC} }}), []string{iketest.Password}, []eap.QuestionKind{eap.AskPassword}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, c.pair)
			typing(p, c.typed...)
			connect(t, p)
			mustUp(t, p)
			if got := kinds(p); !slices.Equal(got, c.asked) {
				t.Errorf("asked %v, want %v", got, c.asked)
			}
			for i, q := range asked(p) {
				again := i > 0 && (name == "a wrong password, then the right one" || i == 2 && name == "an expired password")
				if q.Again != again || q.Again && q.Code == 0 || q.Username != iketest.UserName {
					t.Errorf("question %d: %+v", i, q)
				}
			}
			if name == "notices" && iketest.Count[ike.Notice](p) != 2 {
				t.Errorf("%d notices", iketest.Count[ike.Notice](p))
			}
		})
	}
}

// RFC 3748 5.2: a notice that wants consent waits for it, and a no is the end.
func TestTwoPeerConsent(t *testing.T) {
	t.Parallel()
	for _, agrees := range []bool{true, false} {
		p := newPair(t, both(by(iketest.SignIn{Notices: []string{"Use is watched."}}, mschapv2), iketest.PairConfig{Client: func(c *ike.Config) { c.EAP.ConfirmNotice = true }}))
		p.Answer = func(e ike.Event) (ike.Command, bool) {
			q, ok := e.(ike.NeedCredentials)
			if !ok || q.Kind != eap.AskConsent {
				return nil, false
			}
			if q.Message != "Use is watched." {
				t.Errorf("%+v", q)
			}
			if agrees {
				return ike.Credentials{ID: q.ID}, true
			}
			return ike.Credentials{ID: q.ID, Err: errNo}, true
		}
		connect(t, p)
		if agrees {
			mustUp(t, p)
			continue
		}
		mustFail(t, p, ike.CauseCredentials)
		if len(asked(p)) != 1 {
			t.Errorf("asked %+v", asked(p))
		}
	}
}

// What the server says about the account, the password's age or the code is the cause.
func TestTwoPeerSignInRefused(t *testing.T) {
	t.Parallel()
	refuse := func(code int) iketest.SignIn {
		return iketest.SignIn{Refuse: map[string]int{iketest.UserName: code}}
	}
	code := []iketest.Prompt{{Text: "Code?", Answer: "123456"}}
	for name, c := range map[string]struct {
		pair  iketest.PairConfig
		typed []string
		want  ike.Cause
	}{
		"wrong password":               {by(iketest.SignIn{}, mschapv2), []string{"wrong"}, ike.CauseWrongPassword},
		"wrong, and no other":          {by(iketest.SignIn{Retries: 3}, mschapv2), []string{"wrong", ""}, ike.CauseWrongPassword},
		"wrong, by GTC":                {by(iketest.SignIn{}, eap.TypeGTC), []string{"wrong"}, ike.CauseWrongPassword},
		"wrong, by MD5":                {by(iketest.SignIn{}, eap.TypeMD5), []string{"wrong"}, ike.CauseWrongPassword},
		"wrong code":                   {by(iketest.SignIn{Prompts: code}, eap.TypeGTC), []string{"1"}, ike.CauseWrongCode},
		"no code":                      {by(iketest.SignIn{Prompts: code}, eap.TypeGTC), []string{""}, ike.CauseCredentials},
		"disabled":                     {by(refuse(647), mschapv2), []string{iketest.Password}, ike.CauseAccount},
		"outside its hours":            {by(refuse(646), mschapv2), []string{iketest.Password}, ike.CauseAccount},
		"no right to dial in":          {by(refuse(649), mschapv2), []string{iketest.Password}, ike.CauseAccount},
		"expired, and no new one":      {by(iketest.SignIn{Expired: true}, mschapv2), []string{iketest.Password, ""}, ike.CausePasswordExpired},
		"expired, and too short a one": {by(iketest.SignIn{Expired: true, TooShort: 4}, mschapv2), []string{iketest.Password, "lion", ""}, ike.CausePasswordRefused},
		"no method":                    {both(by(iketest.SignIn{}, mschapv2), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.EAPMethods = []uint8{eap.TypeMD5, eap.TypeGTC} }}), nil, ike.CauseEAPMethod},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, c.pair)
			typing(p, c.typed...)
			connect(t, p)
			mustFail(t, p, c.want)
			mustBehave(t, p)
		})
	}
}

// Hostile servers: the attempt ends, soon, with nothing given away that was not asked
// for in order, and nothing that they do leads to a line.
func TestTwoPeerHostileSignIn(t *testing.T) {
	t.Parallel()
	for hostile, c := range map[iketest.Hostile]struct {
		methods []uint8
		want    ike.Cause
		asked   int
	}{
		iketest.EarlySuccess:    {[]uint8{mschapv2}, ike.CauseProtocol, 0},
		iketest.UnprovenSuccess: {[]uint8{mschapv2}, ike.CauseProtocol, 1},
		iketest.WrongProof:      {[]uint8{mschapv2}, ike.CauseServerProof, 1},
		iketest.HugeIdentities:  {[]uint8{mschapv2}, ike.CauseProtocol, 0},
		iketest.EndlessNotices:  {[]uint8{mschapv2}, ike.CauseProtocol, 0},
		iketest.EndlessRetries:  {[]uint8{mschapv2}, ike.CauseWrongPassword, 5},
		iketest.EndlessPrompts:  {[]uint8{eap.TypeGTC}, ike.CauseProtocol, 10},
		iketest.EndlessMethods:  {[]uint8{mschapv2}, ike.CauseProtocol, 0},
		iketest.SecondMethod:    {[]uint8{mschapv2, eap.TypeGTC}, ike.CauseProtocol, 1},
		iketest.OneIdentifier:   {[]uint8{mschapv2}, ike.CauseProtocol, 0},
		iketest.OneRequest:      {[]uint8{mschapv2}, ike.CauseProtocol, 0},
	} {
		t.Run(string(hostile), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, by(iketest.SignIn{Hostile: hostile}, c.methods...))
			if hostile != iketest.UnprovenSuccess && hostile != iketest.WrongProof && hostile != iketest.SecondMethod {
				p.Password = "wrong"
			}
			connect(t, p)
			start := p.Now
			mustFail(t, p, c.want)
			if took := p.Now.Sub(start); took > time.Minute {
				t.Errorf("took %v", took)
			}
			if n := len(asked(p)); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
			if n := p.Gateway.Received[wire.ExchangeIKEAuth]; n > 130 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// RFC 4739: a code as the second factor, after a certificate, a shared key or a
// password.
func TestTwoPeerCodeAsSecondFactor(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"certificate", "shared key", "EAP"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			c := twice(false)
			c = both(c, iketest.PairConfig{
				Client: func(c *ike.Config) { c.Further[0].EAP.Methods = []uint8{eap.TypeGTC} },
				Gateway: func(r *iketest.ResponderConfig) {
					r.Further[0].EAPMethods, r.Further[0].SignIn.Prompts = []uint8{eap.TypeGTC}, []iketest.Prompt{{Text: "Enter PASSCODE:", Answer: "123456"}}
				},
			})
			p := pairFor(t, first, c)
			answers(p, "123456")
			connect(t, p)
			mustUp(t, p)
			last := asked(p)[len(asked(p))-1]
			if last.Kind != eap.AskCode || last.Round != 1 || last.Message != "Enter PASSCODE:" || last.Username != secondUser {
				t.Errorf("asked %+v", last)
			}
		})
	}
}

// A gateway whose server behind it is silent: the gateway itself has answered, and says
// nothing more, or refuses after a long wait.
func TestTwoPeerSilentServer(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.OnRequest = func(x *iketest.Exchange) bool {
			e, ok := wire.Find[*wire.EAPPayload](x.Request)
			return !ok || e.Data[4] != eap.TypeIdentity
		}
	}})
	connect(t, p)
	mustFail(t, p, ike.CauseSignInSilent)
	if n := len(asked(p)); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// A refusal before anything of the user's was looked at: at once it is the gateway's
// word, and after a long wait nobody's.
func TestTwoPeerRefusalAfterSilence(t *testing.T) {
	t.Parallel()
	for delay, want := range map[time.Duration]ike.Cause{10 * time.Millisecond: ike.CauseRejected, 3500 * time.Millisecond: ike.CauseSignInSilent} {
		for _, notify := range []bool{false, true} {
			p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: delay}, Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					e, ok := wire.Find[*wire.EAPPayload](x.Request)
					switch {
					case ok && e.Data[4] == eap.TypeIdentity && notify:
						x.Response = []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyAuthenticationFailed}}
					case ok && e.Data[4] == eap.TypeIdentity:
						x.Response = []wire.Payload{&wire.EAPPayload{Data: []byte{4, e.Data[1], 0, 4}}}
					}
				}
			}})
			connect(t, p)
			mustFail(t, p, want)
		}
	}
}
