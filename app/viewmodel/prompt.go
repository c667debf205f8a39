package viewmodel

import (
	"bytes"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
)

// Asking is a question to a person with what is known about it.
type Asking struct {
	Prompt credential.Prompt
	// Question is the service's, which Prompt puts to the person; nil: the program
	// asks by itself.
	Question *control.Prompt
	// Profile is whose sign-in it is for, Gateway where that is; both empty: of none.
	Profile string
	Gateway string
	// File is the certificate file whose password is asked for, Card the smart card
	// whose PIN.
	File string
	Card string
	// Certificates describe the Options of a choice that have the same ID.
	Certificates []credential.Identity
	// Secrets is where an answer would be kept; Keep: it was, or is to be.
	Secrets credential.Mode
	Keep    bool
	Now     time.Time
}

// maxQuote bounds how many lines of somebody else's words are shown.
const maxQuote = 12

// PromptSheet puts a question into words: who asks, why, whose words they are, and
// what became of the answer before.
func PromptSheet(a Asking, say Say) PromptView {
	t := texts{say: say, now: a.Now}
	p := a.Prompt
	v := PromptView{
		Title: t.promptTitle(a), Why: t.promptWhy(a), Quote: t.quote(p), Refused: t.refused(p),
		Fields: t.promptFields(a), Submit: t.s("prompt.submit"), Cancel: t.s("button.cancel"),
		Mismatch: t.s("prompt.mismatch"),
	}
	switch p.Kind {
	case credential.KindChoice:
		v.Submit = t.s("prompt.choose")
		for _, o := range p.Options {
			v.Options = append(v.Options, t.option(a, o))
		}
	case credential.KindConsent:
		v.Submit, v.Cancel = t.s("prompt.agree"), t.s("prompt.decline")
	case credential.KindNewPassphrase:
		v.MinLength = credential.MinPassphrase
		v.TooShort = t.with("prompt.too-short", data{"Count": credential.MinPassphrase})
	}
	v.Remember = t.remember(a)
	if !p.Expires.IsZero() {
		v.Expires = t.with("prompt.expires", data{"In": t.until(p.Expires)})
	}
	return v
}

// promptWord is what the sheet asks for, as the translations call it.
func promptWord(a Asking) string {
	switch {
	case a.Prompt.Kind == credential.KindPassword && a.File != "":
		return "file"
	case a.Question != nil && a.Question.Kind == control.PromptFurther:
		return "further"
	}
	switch a.Prompt.Kind {
	case credential.KindPassword, credential.KindNewPassword, credential.KindCode, credential.KindPSK, credential.KindPIN,
		credential.KindPassphrase, credential.KindNewPassphrase, credential.KindChoice, credential.KindConsent:
		return string(a.Prompt.Kind)
	}
	return string(credential.KindText)
}

// byCertificate says that the choice is one of the person's certificates.
func byCertificate(a Asking) bool {
	return a.Prompt.Kind == credential.KindChoice && a.Question != nil && a.Question.Kind == control.PromptCertificate
}

func (t texts) promptTitle(a Asking) string {
	word := promptWord(a)
	if byCertificate(a) {
		word = "certificate"
	}
	if a.Profile == "" {
		return t.s("prompt." + word + ".plain")
	}
	return t.with("prompt."+word+".title", data{"Profile": a.Profile})
}

// promptWhy says who wants the answer and what for.
func (t texts) promptWhy(a Asking) string {
	user := ""
	if q := a.Question; q != nil {
		user = q.Username
		if q.Again {
			return t.with("prompt.why.again", data{"Profile": a.Profile, "Time": t.at(q.Expires)})
		}
	}
	switch {
	case a.File != "":
		return t.with("prompt.why.file", data{"File": a.File})
	case a.Prompt.Kind == credential.KindPIN && a.Card != "":
		return t.with("prompt.why.card", data{"Card": a.Card})
	case a.Prompt.Kind == credential.KindPassphrase, a.Prompt.Kind == credential.KindNewPassphrase:
		return t.s("prompt.why." + string(a.Prompt.Kind))
	case a.Gateway == "":
		return Clean(a.Prompt.Text, maxWords)
	case user != "":
		return t.with("prompt.why.user", data{"User": user, "Gateway": a.Gateway})
	}
	return t.with("prompt.why", data{"Gateway": a.Gateway})
}

// quote is what somebody else says, line by line.
func (t texts) quote(p credential.Prompt) *Quote {
	var lines []string
	for line := range strings.SplitSeq(p.Message, "\n") {
		if line = Clean(line, maxWords); line != "" && len(lines) < maxQuote {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	speaker := t.s("prompt.speaker.gateway")
	if p.Kind == credential.KindPIN {
		speaker = t.s("prompt.speaker.card")
	}
	return &Quote{Speaker: speaker, Lines: lines}
}

// refused says why the question comes again.
func (t texts) refused(p credential.Prompt) string {
	if p.Kind == credential.KindPIN && p.TriesLeft > 0 {
		key := "prompt.pin.left"
		if p.Refused {
			key = "prompt.pin.refused-left"
		} else if p.TriesLeft > 2 {
			return ""
		}
		return t.with(key, data{"Count": p.TriesLeft})
	}
	if !p.Refused {
		return ""
	}
	switch p.Kind {
	case credential.KindPassword, credential.KindNewPassword, credential.KindCode, credential.KindPSK, credential.KindPIN, credential.KindPassphrase:
		return t.s("prompt." + string(p.Kind) + ".refused")
	}
	return t.s("prompt.refused")
}

func (t texts) promptFields(a Asking) []PromptField {
	p := a.Prompt
	field := PromptField{Label: t.s("prompt." + promptWord(a) + ".field"), Secret: true}
	switch p.Kind {
	case credential.KindChoice, credential.KindConsent:
		return nil
	case credential.KindCode:
		field.Code, field.Secret = true, !p.Echo
	case credential.KindPIN:
		field.Code = true
	case credential.KindNewPassword, credential.KindNewPassphrase:
		again := PromptField{Label: t.s("prompt.repeat"), Secret: true, Repeat: true}
		return []PromptField{field, again}
	case credential.KindPassword, credential.KindPSK, credential.KindPassphrase:
	default:
		field.Secret = false
	}
	return []PromptField{field}
}

// option is one of the things to choose from; a certificate by name, issuer and end.
func (t texts) option(a Asking, o credential.Option) PromptOption {
	for i := range a.Certificates {
		id := &a.Certificates[i]
		if id.ID != o.ID || id.Leaf == nil {
			continue
		}
		key := "certificate.detail"
		if id.Leaf.NotAfter.Before(t.now) {
			key = "certificate.ended"
		}
		return PromptOption{ID: o.ID, Label: Clean(id.Name(), maxName), Detail: t.with(key, data{"Issuer": id.Issuer(), "Date": t.date(id.Leaf.NotAfter)})}
	}
	v := PromptOption{ID: o.ID, Label: Clean(o.Label, maxName), Detail: Clean(o.Detail, maxWords)}
	if v.Label == "" {
		v.Label = Clean(o.ID, maxName)
	}
	return v
}

// remember lets the person choose whether a password or shared key is kept. What is
// good for one time never is, nor is anything where the person wants nothing kept.
func (t texts) remember(a Asking) *Check {
	kept := a.Question != nil && (a.Question.Kind == control.PromptPassword || a.Question.Kind == control.PromptNewPassword || a.Question.Kind == control.PromptPSK)
	if !kept {
		return nil
	}
	switch a.Secrets {
	case credential.ModeKeychain, credential.ModePassphrase:
		return &Check{Text: t.s("prompt.remember." + string(a.Secrets)), On: a.Keep}
	}
	return nil
}

// Problem says what is wrong with what was typed, and typed again where the view
// wants that; empty: nothing.
func (v PromptView) Problem(typed, repeated []byte) string {
	switch {
	case v.MinLength > 0 && len(typed) < v.MinLength:
		return v.TooShort
	case len(v.Fields) == 2 && !bytes.Equal(typed, repeated):
		return v.Mismatch
	}
	return ""
}
