package viewmodel

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestImportSaysThatItConnects: where a yes also connects, the button says so.
func TestImportSaysThatItConnects(t *testing.T) {
	one, two := make([]profile.Imported, 1), make([]profile.Imported, 2)
	for _, c := range []struct {
		name string
		o    Offer
		want string
	}{
		{"the first profile", Offer{Found: one, Idle: true}, "Add and connect"},
		{"beside a line", Offer{Found: one}, "Add"},
		{"several", Offer{Found: two, Idle: true}, "Add"},
	} {
		c.o.Replaces, c.o.Elsewhere, c.o.Now = make([]string, len(c.o.Found)), make([]bool, len(c.o.Found)), time.Unix(0, 0)
		if got := ImportSheet(c.o, speak(t, "en")).Accept; got != c.want {
			t.Errorf("%s: the button says %q, want %q", c.name, got, c.want)
		}
	}
}
