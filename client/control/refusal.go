package control

import (
	"fmt"
	"net/http"
)

// Code says which kind of refusal it is. It is part of the API.
type Code string

// The codes.
const (
	CodeBadRequest  Code = "bad-request"
	CodeForbidden   Code = "forbidden"
	CodeNotFound    Code = "not-found"
	CodeConflict    Code = "conflict"  // the state does not allow it now
	CodeGone        Code = "gone"      // the prompt is answered or expired
	CodeTooLarge    Code = "too-large" // the request
	CodeVersion     Code = "version"   // another version of the API
	CodeInternal    Code = "internal"
	CodeUnavailable Code = "unavailable" // the service is ending, or has too many callers
)

// Refusal is a call that was not met. Message is one sentence for the user:
// what is wrong and what to do, lower case, without a full stop.
type Refusal struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Version string `json:"version,omitempty"` // CodeVersion: the service's
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// Refuse makes a Refusal.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

var httpStatus = map[Code]int{
	CodeBadRequest:  http.StatusBadRequest,
	CodeForbidden:   http.StatusForbidden,
	CodeNotFound:    http.StatusNotFound,
	CodeConflict:    http.StatusConflict,
	CodeGone:        http.StatusGone,
	CodeTooLarge:    http.StatusRequestEntityTooLarge,
	CodeVersion:     http.StatusUpgradeRequired,
	CodeInternal:    http.StatusInternalServerError,
	CodeUnavailable: http.StatusServiceUnavailable,
}

// errInternal is all that a caller learns of a defect; the log has the rest.
var errInternal = Refuse(CodeInternal, "the Homeward service could not do it; look at the log with «homewardctl logs»")
