package service

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// wanted names what a question wants, for a person.
var wanted = map[tunnel.QuestionKind]string{
	tunnel.AskPassword: "password", tunnel.AskNewPassword: "new password", tunnel.AskFurther: "second password",
	tunnel.AskCode: "one-time code", tunnel.AskPSK: "shared key", tunnel.AskSignature: "private key",
	tunnel.AskCertificate: "certificate", tunnel.AskChoice: "choice", tunnel.AskConsent: "consent",
}

// declined is what a tunnel ends with whose question was declined. Who says no to
// a choice or a notice wants no line; what else is declined may be missing.
func declined(kind tunnel.QuestionKind) error {
	f := &diagnose.Failure{Cause: diagnose.CauseCredentialsMissing, Expected: wanted[kind], Detail: "the user declined"}
	switch kind {
	case tunnel.AskChoice, tunnel.AskConsent:
		f.Cause = diagnose.CauseCancelled
	case tunnel.AskCertificate:
		f.Cause, f.Expected = diagnose.CauseCertificateMissing, ""
	}
	return f
}

func promptText(profile string, q tunnel.Question) string {
	of := ""
	if q.Username != "" {
		of = " of " + q.Username
	}
	switch q.Kind {
	case tunnel.AskNewPassword:
		return fmt.Sprintf("New password%s for %s, since the old one has expired", of, profile)
	case tunnel.AskFurther:
		return fmt.Sprintf("Second password%s for %s", of, profile)
	case tunnel.AskCode:
		return fmt.Sprintf("One-time code%s for %s", of, profile)
	case tunnel.AskPSK:
		return fmt.Sprintf("Shared key for %s", profile)
	case tunnel.AskSignature:
		return fmt.Sprintf("Signature for %s", profile)
	case tunnel.AskCertificate:
		return fmt.Sprintf("Your certificate for %s", profile)
	case tunnel.AskChoice:
		return fmt.Sprintf("Your choice for %s", profile)
	case tunnel.AskConsent:
		return fmt.Sprintf("The gateway of %s wants your consent to go on", profile)
	}
	switch {
	case q.Again && !q.Until.IsZero():
		return fmt.Sprintf("Password%s for %s, which ends at %s without a new sign-in", of, profile, q.Until.Local().Format("15:04"))
	case q.Username == "":
		return fmt.Sprintf("User name and password for %s", profile)
	default:
		return fmt.Sprintf("Password%s for %s", of, profile)
	}
}

// serverWords makes a text from the network fit to be shown: what could rewrite
// or hide what stands around it becomes spaces, and what is long is cut. Line
// breaks stay, for a menu of a one-time code's server has some.
func serverWords(s string) string {
	if most := 8 * control.MaxMessage; len(s) > most { // what is cut anyway is not looked at
		s = s[:most]
	}
	var lines []string
	left := control.MaxMessage
	for line := range strings.Lines(s) {
		line = oneLine(line, left)
		if line == "" {
			continue
		}
		if len(lines) == control.MaxMessageLines || left <= 1 {
			lines[len(lines)-1] = strings.TrimSuffix(lines[len(lines)-1], "…") + "…"
			break
		}
		lines = append(lines, line)
		left -= len([]rune(line)) + 1
	}
	return strings.Join(lines, "\n")
}

// oneLine is the same for a text of one line and at most so many characters.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:max(most-1, 0)]) + "…"
	}
	return s
}

const (
	mostOptions = 50
	optionWords = 200 // characters of a label or detail
)

// options are what may be chosen, fit to be shown.
func options(list []tunnel.Option) []control.Option {
	var out []control.Option
	for _, o := range list[:min(len(list), mostOptions)] {
		out = append(out, control.Option{ID: o.ID, Label: oneLine(o.Label, optionWords), Detail: oneLine(o.Detail, optionWords)})
	}
	return out
}

// mostIssuers bounds the names of issuers, in bytes. A server that has more to
// say is taken to say nothing.
const mostIssuers = 64 << 10

func issuers(list [][]byte) [][]byte {
	var out [][]byte
	size := 0
	for _, name := range list {
		if size += len(name); size > mostIssuers {
			return nil
		}
		out = append(out, bytes.Clone(name))
	}
	return out
}
