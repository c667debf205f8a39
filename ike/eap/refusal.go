package eap

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// Error numbers of a Failure (RFC 2759 6).
const (
	errorRestrictedHours = 646
	errorDisabled        = 647
	errorExpired         = 648
	errorNoDialIn        = 649
	errorAuthentication  = 691
	errorChanging        = 709
)

// refusal is what "E=691 R=1 C=<32 hex digits> V=3 M=<text>" says (RFC 2759 6).
type refusal struct {
	code       int
	retry      bool
	challenge  [challengeSize]byte
	challenged bool // there was a challenge
	version    int  // of the password change that the server understands
	message    string
}

// parseRefusal reads what there is; old servers leave fields out.
func parseRefusal(text string) (r refusal) {
	fields, message, _ := strings.Cut(text, "M=")
	r.message = displayable([]byte(message))
	for _, f := range strings.Fields(fields) {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "E":
			r.code = number(value)
		case "R":
			r.retry = value == "1"
		case "C":
			if b, err := hex.DecodeString(value); err == nil && len(b) == challengeSize {
				r.challenge, r.challenged = [challengeSize]byte(b), true
			}
		case "V":
			r.version = number(value)
		}
	}
	return r
}

// number reads one of up to 16 bits; anything else is 0.
func number(text string) int {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// reason is the refusal as an end.
func (r refusal) reason() *Error {
	e := &Error{Kind: Failed, Fatal: true, Code: r.code, Message: r.message}
	switch r.code {
	case errorAuthentication:
		e.Kind = WrongPassword
	case errorDisabled, errorRestrictedHours, errorNoDialIn:
		e.Kind = Account
	case errorExpired:
		e.Kind = PasswordExpired
	case errorChanging:
		e.Kind = PasswordRefused
	}
	return e
}
