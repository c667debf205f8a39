package service

import (
	"fmt"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// TestNotices: what the sign-in server wants the user to know is shown from then on, to
// the user whose line it is, and a server that says much has the last words alone.
func TestNotices(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		f := r.up()
		var want []string
		for i := range 10 {
			words := fmt.Sprintf("Notice %d.", i)
			f.do(func() { f.emit(tunnel.Notice{Message: words}); f.emit(tunnel.Notice{Message: words}) })
			want = append(want, "The sign-in server says: “"+words+"”")
		}
		f.do(func() { f.emit(tunnel.Changed{Info: officeUp().Info}) })
		st := r.state(control.StateConnected)
		var got []string
		for _, w := range st.Warnings {
			if slices.Contains(want, w) {
				got = append(got, w)
			}
		}
		if !slices.Equal(got, want[len(want)-maxNotices:]) {
			t.Errorf("shown %q", got)
		}
	})
}
