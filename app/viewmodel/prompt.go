package viewmodel

import (
	"bytes"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/credential"
)

// maxQuote bounds how many lines of somebody else's words are shown.
const maxQuote = 12

// PromptSheet puts a question into words: who asks, why, whose words they are, and
// what became of the answer before.
func PromptSheet(p credential.Prompt, now time.Time, say Say) PromptView {
	t := texts{say: say, now: now}
	v := PromptView{
		Title: t.promptTitle(p), Why: t.promptWhy(p), Quote: t.quote(p), Refused: t.refused(p),
		Fields: t.promptFields(p), Submit: t.s("prompt.submit"), Cancel: t.s("button.cancel"),
		Mismatch: t.s("prompt.mismatch"),
	}
	switch p.Kind {
	case credential.KindChoice:
		v.Submit = t.s("prompt.choose")
		for _, o := range p.Options {
			v.Options = append(v.Options, t.option(o))
		}
	case credential.KindConsent:
		v.Submit, v.Cancel = t.s("prompt.agree"), t.s("prompt.decline")
	case credential.KindNewPassphrase:
		v.MinLength = credential.MinPassphrase
		v.TooShort = t.with("prompt.too-short", data{"Count": credential.MinPassphrase})
	}
	v.Remember = t.remember(p)
	if !p.Expires.IsZero() && !p.Again {
		v.Expires = t.with("prompt.expires", data{"In": t.until(p.Expires)})
	}
	return v
}

// promptWord is what the sheet asks for, as the translations call it.
func promptWord(p credential.Prompt) string {
	switch {
	case p.Kind == credential.KindPassword && (p.Topic == credential.TopicFile || p.Topic == credential.TopicFurther):
		return string(p.Topic)
	case p.Kind == credential.KindChoice && p.Topic == credential.TopicCertificate:
		return string(p.Topic)
	}
	switch p.Kind {
	case credential.KindPassword, credential.KindNewPassword, credential.KindCode, credential.KindPSK, credential.KindPIN,
		credential.KindPassphrase, credential.KindNewPassphrase, credential.KindChoice, credential.KindConsent:
		return string(p.Kind)
	}
	return string(credential.KindText)
}

func (t texts) promptTitle(p credential.Prompt) string {
	word := promptWord(p)
	if p.AsksUser {
		word = "sign-in"
	}
	if p.Profile == "" {
		return t.s("prompt." + word + ".plain")
	}
	return t.with("prompt."+word+".title", data{"Profile": p.Profile})
}

// promptWhy says who wants the answer and what for.
func (t texts) promptWhy(p credential.Prompt) string {
	switch {
	case p.Again && !p.Expires.IsZero():
		return t.with("prompt.why.again", data{"Profile": p.Profile, "In": t.until(p.Expires)})
	case p.Topic == credential.TopicFile:
		return t.with("prompt.why.file", data{"File": p.Subject})
	case p.Kind == credential.KindPIN && p.Subject != "":
		return t.with("prompt.why.card", data{"Card": p.Subject})
	case p.Kind == credential.KindPassphrase, p.Kind == credential.KindNewPassphrase:
		return t.s("prompt.why." + string(p.Kind))
	case p.Gateway == "":
		return Clean(p.Text, maxWords)
	case p.Username != "":
		return t.with("prompt.why.user", data{"User": p.Username, "Gateway": p.Gateway})
	}
	return t.with("prompt.why", data{"Gateway": p.Gateway})
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

func (t texts) promptFields(p credential.Prompt) []PromptField {
	if p.Kind == credential.KindChoice || p.Kind == credential.KindConsent {
		return nil
	}
	field := PromptField{Label: t.s("prompt." + promptWord(p) + ".field"), Secret: true}
	switch p.Kind {
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
	if p.AsksUser {
		return []PromptField{{Label: t.s("prompt.text.field"), User: true}, field}
	}
	return []PromptField{field}
}

// option is one of the things to choose from; a certificate by name, issuer and end.
func (t texts) option(o credential.Option) PromptOption {
	if id := o.Certificate; id != nil && id.Leaf != nil {
		key := "certificate.detail"
		if id.Leaf.NotAfter.Before(t.now) {
			key = "certificate.ended"
		}
		v := PromptOption{ID: o.ID, Label: Clean(id.Name(), maxName), Detail: t.with(key, data{"Issuer": id.Issuer(), "Date": t.date(id.Leaf.NotAfter)})}
		if id.Card != "" {
			v.Detail = t.upTo("certificate.card", maxWords, data{"Detail": v.Detail, "Card": Clean(id.Card, maxName)})
		}
		return v
	}
	v := PromptOption{ID: o.ID, Label: Clean(o.Label, maxName), Detail: Clean(o.Detail, maxWords)}
	if v.Label == "" {
		v.Label = Clean(o.ID, maxName)
	}
	return v
}

// remember lets the person choose whether the answer is kept, where it can be.
func (t texts) remember(p credential.Prompt) *Check {
	switch p.KeptIn {
	case credential.ModeKeychain, credential.ModePassphrase:
		return &Check{Text: t.s("prompt.remember." + string(p.KeptIn)), On: true}
	}
	return nil
}

// Problem says what is wrong with what was typed, and typed again where the view
// wants that; empty: nothing.
func (v PromptView) Problem(typed, repeated []byte) string {
	switch {
	case v.MinLength > 0 && len(typed) < v.MinLength:
		return v.TooShort
	case len(v.Fields) == 2 && v.Fields[1].Repeat && !bytes.Equal(typed, repeated):
		return v.Mismatch
	}
	return ""
}
