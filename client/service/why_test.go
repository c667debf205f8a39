package service

import (
	"errors"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// TestBecause takes the word of the user's program for what it alone can know, and
// for nothing else.
func TestBecause(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	for _, cause := range diagnose.Causes() {
		err := because(&control.Why{Cause: string(cause), Seen: "seen", Expected: "expected", When: day, Tries: 2})
		var f *diagnose.Failure
		switch cause {
		case diagnose.CauseCertificateExpired, diagnose.CauseCertificateMissing, diagnose.CauseKeyMissing,
			diagnose.CauseCardRemoved, diagnose.CausePINWrong, diagnose.CausePINLocked, diagnose.CauseKeychain:
			if !errors.As(err, &f) || f.Cause != cause || f.Seen != "seen" || f.Expected != "expected" || !f.When.Equal(day) || f.Tries != 2 {
				t.Errorf("%s became %+v", cause, err)
			}
		default:
			if err != nil {
				t.Errorf("%s was believed: %v", cause, err)
			}
		}
	}
	if err := because(nil); err != nil {
		t.Error(err)
	}
}
