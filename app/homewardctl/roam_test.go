package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// TestStatusTellsMoves: a person reads where the line has gone, and that it waits
// where there is no network.
func TestStatusTellsMoves(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	wifi, lte := netip.MustParseAddr("192.168.1.23"), netip.MustParseAddr("10.64.3.9")
	gateway := netip.MustParseAddr("203.0.113.1")
	move := control.Move{At: now.Add(-time.Minute), From: wifi, To: lte, Gateway: gateway}
	for _, tt := range []struct {
		name string
		path *control.Path
		want []string
		not  string
	}{
		{"at first", &control.Path{}, []string{"Connected to Office since"}, "Moved"},
		{"an older service", nil, []string{"Connected to Office since"}, "Moved"},
		{"moved", &control.Path{Moves: []control.Move{move}}, []string{"Moved", "from 192.168.1.23 to 10.64.3.9 since 11:59"}, "before"},
		{"moved often", &control.Path{Moves: []control.Move{move, move, move}}, []string{", and 2 times before"}, "waiting"},
		{"at the gateway's end", &control.Path{Moves: []control.Move{{At: now, From: lte, To: lte, Gateway: gateway}}}, []string{"to another address of the gateway"}, "from"},
		{"no network", &control.Path{Waiting: true}, []string{"Connected to Office, and waiting for a network"}, "since"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			a := &app{out: &out}
			st := control.Status{State: control.StateConnected, Profile: "Office", Since: now.Add(-time.Hour), Path: tt.path}
			if err := a.printStatus(st, now); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), tt.not) {
				t.Errorf("%q is in\n%s", tt.not, out.String())
			}
		})
	}
}
