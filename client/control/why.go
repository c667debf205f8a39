package control

import "time"

// Why says why the user's program gives no answer, where it knows better than that
// the user said no: a certificate that has ended, a card that is not there. Its
// fields are those of a diagnose.Failure, whose sentence the user is told.
type Why struct {
	Cause    string    `json:"cause"`
	Seen     string    `json:"seen,omitempty"`
	Expected string    `json:"expected,omitempty"`
	When     time.Time `json:"when,omitzero"`
	Tries    int       `json:"tries,omitempty"`
}

// maxWhy bounds each text in a Why, in bytes.
const maxWhy = 1024

func (w *Why) validate() error {
	if w.Cause == "" || len(w.Cause) > maxWhy || len(w.Seen) > maxWhy || len(w.Expected) > maxWhy || w.Tries < 0 {
		return Refuse(CodeBadRequest, "an answer says in a way that cannot be read why there is none; use a program of the same release as the service")
	}
	return nil
}
