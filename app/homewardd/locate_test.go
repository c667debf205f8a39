package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestOwnResolvers: a resolver on this machine is asked where nobody knows another;
// those of elsewhere are for dns.Underlay to tell.
func TestOwnResolvers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# nameserver 127.0.0.9\nnameserver 127.0.0.1\nnameserver 192.0.2.53\nnameserver ::1\nnameserver\nnameserver none\nsearch example\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53"), netip.MustParseAddrPort("[::1]:53")}
	if got := ownResolvers(path); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := ownResolvers(path + ".gone"); got != nil {
		t.Errorf("%v", got)
	}
}
