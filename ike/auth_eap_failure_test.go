package ike

import (
	"testing"

	"github.com/homeward-vpn/homeward/ike/eap"
)

// A refusal without a reason (RFC 3748 4.2) is about what the server was given last.
func TestRefusalWithoutReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a    authentication
		want Cause
	}{
		"nothing was given":     {authentication{}, CauseRejected},
		"after a long silence":  {authentication{waited: longWait}, CauseSignInSilent},
		"after a password":      {authentication{given: eap.AskPassword, waited: longWait}, CauseWrongPassword},
		"after a code":          {authentication{given: eap.AskCode}, CauseWrongCode},
		"after our certificate": {authentication{given: eap.AskSignature}, CauseClientCert},
	} {
		if got := c.a.refused(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
