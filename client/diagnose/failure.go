package diagnose

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Failure is one cause with what is needed to put it into words. Nothing in it
// is secret. Seen may come from the network: it is cleaned before it is shown.
type Failure struct {
	Cause    Cause
	Seen     string    // what was found; see the cause
	Expected string    // what should have been there; see the cause
	When     time.Time // a date that matters; see the cause
	Tries    int       // how many are left; see the cause
	Detail   string    // for an administrator, technical
	Err      error     // the underlying error, may be nil
}

// Error implements error: the cause and the technical detail. People read
// Sentence instead.
func (f *Failure) Error() string {
	s := string(f.Cause)
	if f.Detail != "" {
		s += ": " + clean(f.Detail, detailLimit)
	}
	if f.Err != nil {
		s += ": " + clean(f.Err.Error(), detailLimit)
	}
	return s
}

// Unwrap gives the underlying error.
func (f *Failure) Unwrap() error { return f.Err }

// LogValue implements slog.LogValuer.
func (f *Failure) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("cause", string(f.Cause))}
	for _, a := range []struct{ key, text string }{
		{"seen", f.Seen}, {"expected", f.Expected}, {"detail", f.Detail},
	} {
		if a.text != "" {
			attrs = append(attrs, slog.String(a.key, clean(a.text, detailLimit)))
		}
	}
	if f.Err != nil {
		attrs = append(attrs, slog.String("error", clean(f.Err.Error(), detailLimit)))
	}
	return slog.GroupValue(attrs...)
}

// From gives the Failure inside err. A cancelled context and a missed deadline
// become their causes; any other error is internal. From(nil) is nil.
func From(err error) *Failure {
	if err == nil {
		return nil
	}
	var f *Failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Cause: CauseTimeout, Err: err}
	case errors.Is(err, context.Canceled):
		return &Failure{Cause: CauseCancelled, Err: err}
	default:
		return &Failure{Cause: CauseInternal, Err: err}
	}
}
