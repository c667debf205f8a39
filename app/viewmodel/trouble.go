package viewmodel

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// What went wrong with a wish or a file, in words.

// trouble says why a wish was not met, and what an administrator needs to know.
func (t texts) trouble(err error) (sentence, detail string) {
	if err == nil {
		return "", ""
	}
	var failed *diagnose.Failure
	var refusal *control.Refusal
	if errors.As(err, &failed) {
		return t.failure(control.Error{
			Cause: string(failed.Cause), Message: failed.Sentence(), Detail: failed.Detail,
			Seen: failed.Seen, Expected: failed.Expected, When: failed.When, Tries: failed.Tries,
		})
	}
	if errors.As(err, &refusal) {
		return t.refusal(refusal)
	}
	if key, detail := serviceTrouble(err); key != "" {
		return t.s(key), detail
	}
	return t.ownTrouble(err)
}

// refusal says why the service did not do something. Its own sentence says most, in
// English.
func (t texts) refusal(r *control.Refusal) (sentence, detail string) {
	key := "refusal.other"
	switch r.Code {
	case control.CodeForbidden, control.CodeNotFound, control.CodeConflict, control.CodeGone, control.CodeTooLarge,
		control.CodeVersion, control.CodeInternal, control.CodeUnavailable, control.CodeBadRequest:
		key = "refusal." + string(r.Code)
	}
	if t.englishTexts() && r.Message != "" && r.Code != control.CodeInternal {
		return asSentence(r.Message), ""
	}
	return t.s(key), asSentence(r.Message)
}

// serviceTrouble is the key for a service that cannot be spoken to.
func serviceTrouble(err error) (key, detail string) {
	var absent *control.NotRunningError
	var foreign *control.ForeignSocketError
	var version *control.VersionError
	var lost *control.LostError
	switch {
	case errors.As(err, &foreign):
		return "notice.foreign", foreign.Path
	case errors.As(err, &version):
		return "notice.version", version.Service
	case errors.As(err, &absent):
		return "notice.absent", absent.Path
	case errors.As(err, &lost), errors.Is(err, context.DeadlineExceeded):
		return "trouble.lost", err.Error()
	}
	return "", ""
}

// ownTrouble says what went wrong in the person's own programs.
func (t texts) ownTrouble(err error) (sentence, detail string) {
	var keychain *credential.KeychainError
	var imported *profile.ImportError
	var taken *profile.NameTakenError
	var told interface {
		error
		ForPerson() string // a clause that says what is and what to do, in English
	}
	switch {
	case errors.As(err, &keychain):
		switch keychain.Reason {
		case credential.KeychainAbsent, credential.KeychainLocked, credential.KeychainSilent, credential.KeychainBroken:
			return t.s("trouble.keychain." + string(keychain.Reason)), err.Error()
		}
		return t.s("trouble.keychain.absent"), err.Error()
	case errors.As(err, &told):
		clause := asSentence(told.ForPerson())
		if t.englishTexts() {
			return clause, ""
		}
		return t.s("trouble.other"), clause
	case errors.As(err, &imported):
		return t.s(importKey(imported.Problem)), asSentence(imported.Sentence)
	case errors.As(err, &taken):
		return t.s("problem.name.taken"), taken.Name
	case errors.Is(err, credential.ErrKeepsNothing):
		return t.s("trouble.keeps-nothing"), ""
	case errors.Is(err, credential.ErrWrongPassphrase):
		return t.s("prompt.passphrase.refused"), ""
	case errors.Is(err, credential.ErrBusy):
		return t.s("trouble.busy"), ""
	case errors.Is(err, credential.ErrNoCards):
		return t.s("trouble.no-cards"), ""
	case errors.Is(err, fs.ErrNotExist):
		return t.s("trouble.no-file"), err.Error()
	case errors.Is(err, fs.ErrPermission):
		return t.s("trouble.no-permission"), err.Error()
	}
	return t.s("trouble.other"), err.Error()
}

// asSentence makes a sentence of the clause of an error.
func asSentence(clause string) string {
	clause = Clean(clause, maxWords)
	first, n := utf8.DecodeRuneInString(clause)
	if n == 0 {
		return ""
	}
	clause = string(unicode.ToUpper(first)) + clause[n:]
	if !strings.HasSuffix(clause, ".") && !strings.HasSuffix(clause, "…") {
		clause += "."
	}
	return clause
}
