package control

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// A sign-in is open for as long as its program reads, and says why it has ended.
func TestSignInPortal(t *testing.T) {
	t.Parallel()
	begun := PortalSignIn{Session: 7, URL: "https://portal.example/", Until: time.Unix(1_800_000_000, 0).UTC(), Resolvers: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	gone := make(chan struct{}, 1)
	waits := func(ctx context.Context, emit func(PortalSignIn) error) error {
		if err := emit(begun); err != nil {
			return err
		}
		<-ctx.Done()
		gone <- struct{}{}
		return ctx.Err()
	}
	ends := func(_ context.Context, emit func(PortalSignIn) error) error {
		last := begun
		last.Ended = SignInDone
		return errors.Join(emit(begun), emit(last))
	}
	breaks := func(_ context.Context, emit func(PortalSignIn) error) error { return emit(begun) }
	enough := errors.New("enough")

	b := newFakeBackend()
	c := serve(t, b)
	for _, tc := range []struct {
		name   string
		signIn func(context.Context, func(PortalSignIn) error) error
		each   func(PortalSignIn) error
		want   func(error) bool
		lines  int
		left   bool // the service learns that the program has left
	}{
		{"to its end", ends, func(PortalSignIn) error { return nil }, func(err error) bool { return err == nil }, 2, false},
		{"the program leaves", waits, func(PortalSignIn) error { return enough }, func(err error) bool { return errors.Is(err, enough) }, 1, true},
		{"the service breaks off", breaks, func(PortalSignIn) error { return nil }, func(err error) bool { var lost *LostError; return errors.As(err, &lost) }, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.mu.Lock()
			b.signIn = tc.signIn
			b.mu.Unlock()
			var lines []PortalSignIn
			err := c.SignInPortal(t.Context(), func(v PortalSignIn) error {
				lines = append(lines, v)
				return tc.each(v)
			})
			if !tc.want(err) || len(lines) != tc.lines {
				t.Fatalf("%d lines, %v", len(lines), err)
			}
			if got := lines[0]; got.Session != begun.Session || got.URL != begun.URL || !got.Until.Equal(begun.Until) || len(got.Resolvers) != 1 {
				t.Errorf("the first line is %+v, want %+v", got, begun)
			}
			if tc.left {
				<-gone
			}
		})
	}
	b.mu.Lock()
	b.err = Refuse(CodeForbidden, "not you")
	b.mu.Unlock()
	var refused *Refusal
	if err := c.SignInPortal(t.Context(), func(PortalSignIn) error { return nil }); !errors.As(err, &refused) || refused.Code != CodeForbidden {
		t.Errorf("a refusal comes as %v", err)
	}
	if err := c.EnterPortal(t.Context(), 7); !errors.As(err, &refused) {
		t.Errorf("a refusal comes as %v", err)
	}
	b.mu.Lock()
	b.err = nil
	b.mu.Unlock()
	if err := c.EnterPortal(t.Context(), 9); err != nil || b.entered[len(b.entered)-1] != 9 {
		t.Errorf("let in was %v, %v", b.entered, err)
	}
	if p, err := c.LookPortal(t.Context()); err != nil || p.State != PortalCaptive || p.URL == "" {
		t.Errorf("the network is %+v, %v", p, err)
	}
}
