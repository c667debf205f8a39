package ike

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7383 2.5.1: no cut is smaller than what every path of the family carries.
func TestFragmentSizesByFamily(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		remote string
		known  int
		from   int
		want   []int
	}{
		"IPv4":                            {"203.0.113.5:4500", 1280, 1280, []int{576}},
		"IPv4, a check of the path":       {"203.0.113.5:4500", 1280, 1500, []int{1280, 576}},
		"IPv4, a size between":            {"203.0.113.5:4500", 1400, 1400, []int{1280, 576}},
		"IPv4, found already":             {"203.0.113.5:4500", 576, 1500, []int{576}},
		"IPv6":                            {"[2001:db8::5]:4500", 1280, 1280, nil},
		"IPv6, a check of the path":       {"[2001:db8::5]:4500", 1280, 1500, []int{1280}},
		"IPv4 in the clothes of IPv6":     {"[::ffff:203.0.113.5]:4500", 1280, 1280, []int{576}},
		"IPv4, the least there is":        {"203.0.113.5:4500", 576, 576, nil},
		"IPv6, configured below its 1280": {"[2001:db8::5]:4500", 576, 576, nil},
	} {
		s := &Session{fragmentSize: tt.known, path: path{remote: netip.MustParseAddrPort(tt.remote)}}
		size := tt.from
		for _, w := range tt.want {
			if size = s.smaller(size); size != w {
				t.Fatalf("%s: %d, want %d", name, size, w)
			}
		}
		if next := s.smaller(size); next != 0 {
			t.Errorf("%s: after %d comes %d", name, size, next)
		}
	}
}

// RFC 7383 2.6, 5: half a message is forgotten after a time, and the rest of it
// is the beginning of another; the same message again, whole, is then taken.
func TestHalfAMessageIsForgotten(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	long := &wire.VendorIDPayload{Data: make([]byte, 300)}
	parts, err := p.protector.SealFragments(p.header(wire.ExchangeInformational, 0, false), []wire.Payload{long}, 200)
	if err != nil || len(parts) < 3 {
		t.Fatalf("%d fragments, %v", len(parts), err)
	}
	sa := p.s.current
	if err := p.deliver(parts[0]); err != nil {
		t.Fatal(err)
	}
	if err := p.pass(reassemblyTime - time.Second); err != nil || sa.window.requests.parts == nil {
		t.Fatalf("forgotten too soon (%v)", err)
	}
	if err := p.deliver(parts[1]); err != nil {
		t.Fatal(err)
	}
	if err := p.pass(time.Second); err != nil || sa.window.requests.parts != nil {
		t.Fatalf("half a message is kept for longer than %v (%v)", reassemblyTime, err)
	}
	answered := len(p.sent)
	if err := p.deliver(parts[2]); err != nil || len(p.sent) != answered {
		t.Fatalf("the last fragment alone was answered (%v)", err)
	}
	for _, b := range parts[:2] {
		if err := p.deliver(b); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.sent) != answered+1 {
		t.Errorf("%d answers to the whole message, want 1", len(p.sent)-answered)
	}
	if err := p.pass(2 * reassemblyTime); err != nil {
		t.Error(err)
	}
	if _, armed := p.s.timers.at(timerFragments, sa.id); armed {
		t.Error("the timer goes on without half a message")
	}
}

// RFC 7383 2.3: the IKE_SA_INIT request offers fragmentation, by a notification that
// is empty and names no SA.
func TestFragmentationIsOffered(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	n, ok := wire.Notify(p.sentInit().Payloads, wire.NotifyFragmentationSupported)
	if !ok || len(n.Data) != 0 || len(n.SPI) != 0 || n.Protocol != 0 {
		t.Errorf("%+v, %v", n, ok)
	}
}

// RFC 7383 2.6: a fragment that is not authentic is dropped, whatever number and
// total it names, and those that are held stay.
func TestForgedFragmentChangesNothing(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	long := &wire.VendorIDPayload{Data: make([]byte, 300)}
	parts, err := p.protector.SealFragments(p.header(wire.ExchangeInformational, 0, false), []wire.Payload{long}, 200)
	if err != nil || len(parts) != 3 {
		t.Fatalf("%d fragments, %v", len(parts), err)
	}
	for _, b := range parts[:2] {
		if err := p.deliver(b); err != nil {
			t.Fatal(err)
		}
	}
	const number, total = wire.HeaderLen + 4 + 1, wire.HeaderLen + 4 + 3
	for _, change := range []func(b []byte){
		func(b []byte) { b[len(b)-1] ^= 1 },
		func(b []byte) { b[total] = 9 }, // would replace what is held
		func(b []byte) { b[number], b[total] = 4, 4 },
	} {
		forged := bytes.Clone(parts[2])
		change(forged)
		wantDrop(t, p.deliver(forged), DropNotAuthentic)
	}
	if have := p.s.current.window.requests.have; have != 2 {
		t.Fatalf("%d fragments are held, want 2", have)
	}
	answered := len(p.sent)
	if err := p.deliver(parts[2]); err != nil || len(p.sent) != answered+1 {
		t.Errorf("the message is not taken (%v)", err)
	}
}

// RFC 3948 2.1, RFC 4303 2.1: no SPI of ours is zero or reserved.
func TestESPSPIIsNeverReserved(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Rand = zeros{}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if spi, err := s.newESPSPI(); err != nil || spi < 256 {
		t.Errorf("spi %d, %v", spi, err)
	}
}
