package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/dns"
)

// TestWarningsOfNames: what works otherwise than it should is a sentence, and
// only what does not work is an error.
func TestWarningsOfNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		says string
	}{
		{&dns.SplitUnsupportedError{Mode: dns.ModeFile}, "install systemd-resolved"},
		{&dns.TooManyDomainsError{Mode: dns.ModeResolved, Wanted: 10000, Told: 7}, "7 wider ones"},
		{&dns.TooManyDomainsError{Mode: dns.ModeResolved, Wanted: 10000}, "every name"},
		{&dns.ContestedError{Path: "/etc/resolv.conf", Until: time.Unix(0, 0)}, "stop that program"},
	} {
		said, err := limited(fmt.Errorf("wrapped: %w", c.err))
		if err != nil || !strings.Contains(said, c.says) || !strings.HasSuffix(said, ".") || strings.Contains(said, "\n") {
			t.Errorf("%T: %q, %v", c.err, said, err)
		}
	}
	if said, err := limited(errors.ErrUnsupported); said != "" || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%q, %v", said, err)
	}
	if said, err := limited(nil); said != "" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
}
