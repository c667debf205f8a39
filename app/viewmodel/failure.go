package viewmodel

import (
	"context"
	"errors"
	"strings"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// failure says in the person's language why there is no line; in the service's
// English words where there are no others.
func (t texts) failure(e control.Error) string {
	return Clean(e.Message, maxWords)
}

// trouble says why a wish was not met, and what an administrator needs to know.
func (t texts) trouble(err error) (sentence, detail string) {
	var refusal *control.Refusal
	var failed *diagnose.Failure
	var absent *control.NotRunningError
	var foreign *control.ForeignSocketError
	var version *control.VersionError
	var lost *control.LostError
	switch {
	case errors.As(err, &failed):
		return Clean(failed.Sentence(), maxWords), failed.Detail
	case errors.As(err, &refusal):
		return asSentence(refusal.Message), ""
	case errors.As(err, &foreign):
		return t.s("notice.foreign"), foreign.Path
	case errors.As(err, &version):
		return t.s("notice.version"), version.Service
	case errors.As(err, &absent):
		return t.s("notice.absent"), absent.Path
	case errors.As(err, &lost), errors.Is(err, context.DeadlineExceeded):
		return t.s("trouble.lost"), err.Error()
	}
	return t.s("trouble.other"), err.Error()
}

// asSentence makes a sentence of the clause of an error.
func asSentence(clause string) string {
	clause = Clean(clause, maxWords)
	if clause == "" {
		return ""
	}
	clause = strings.ToUpper(clause[:1]) + clause[1:]
	if !strings.HasSuffix(clause, ".") {
		clause += "."
	}
	return clause
}
