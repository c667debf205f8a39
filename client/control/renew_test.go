package control

import (
	"errors"
	"testing"
)

// TestRenew: the wish comes to the backend with who has it, and its refusal back.
func TestRenew(t *testing.T) {
	t.Parallel()
	b := newFakeBackend()
	c := serve(t, b)
	if a, err := c.Renew(t.Context()); err != nil || a.Revision != 9 || len(b.callers) != 1 {
		t.Errorf("%+v, %v, %d callers", a, err, len(b.callers))
	}
	b.err = Refuse(CodeConflict, "there is no line")
	var refusal *Refusal
	if _, err := c.Renew(t.Context()); !errors.As(err, &refusal) || refusal.Code != CodeConflict {
		t.Errorf("%v", err)
	}
}
