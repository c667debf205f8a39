package control

import (
	"testing"

	"github.com/homeward-vpn/homeward/platform/localsock"
)

// TestCallerWithoutANumber: users whom the system does not tell apart are turned away,
// rather than being one user who sees every prompt.
func TestCallerWithoutANumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		who   localsock.Credentials
		known bool
		want  Caller
	}{
		{localsock.Credentials{UID: 1000, GID: 1000, PID: 7}, true, Caller{UID: 1000, PID: 7}},
		{localsock.Credentials{UID: 0, PID: 7}, true, Caller{PID: 7, Admin: true}},
		{localsock.Credentials{UID: localsock.UnknownID, GID: localsock.UnknownID, PID: 7, SID: "S-1-5-21-1-1001"}, false, Caller{}},
	} {
		got, err := caller(tt.who)
		if (err == nil) != tt.known || got != tt.want {
			t.Errorf("%+v is %+v, %v", tt.who, got, err)
		}
	}
}
