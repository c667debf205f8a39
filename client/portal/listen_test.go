package portal

import (
	"errors"
	"net/http"
	"testing"
)

// Listening asks nobody, whatever the network names.
func TestListen(t *testing.T) {
	t.Parallel()
	asked := func(http.ResponseWriter, *http.Request) { t.Error("somebody beyond the link was asked") }
	for _, tc := range []struct {
		name  string
		world world
		want  Finding
	}{
		{"the network names an API", world{word: Word{API: "https://example.com:PORT/api"}}, Finding{State: Named, Device: "wlan0", By: "network"}},
		{"the network has no portal", world{word: Word{Unrestricted: true}}, Finding{State: Open, Device: "wlan0", By: "network"}},
		{"silence", world{wordErr: errors.New("silence")}, Finding{State: Unknown}},
		{"no network", world{devices: []string{}}, Finding{State: Unknown}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.world.devices == nil {
				tc.world.devices = []string{"wlan0"}
			}
			tc.world.api, tc.world.probe = asked, asked
			got, err := tc.world.detector(t).Listen(t.Context())
			if got != tc.want || (err != nil) != (tc.want.State == Unknown) || len(tc.world.lookups) != 0 {
				t.Errorf("heard %+v, %v, and looked up %q; want %+v", got, err, tc.world.lookups, tc.want)
			}
		})
	}
}
