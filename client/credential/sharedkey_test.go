package credential

import (
	"bytes"
	"strings"
	"testing"
)

// RFC 7296 2.15: a shared key is text, of 64 octets and more, without anything
// behind it, or hexadecimal.
func TestSharedKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a shared key ", 20)
	for typed, want := range map[string]string{
		"correct horse": "correct horse", long: long, "": "", "0x": "0x", "0x0": "0x0",
		"0x00ff10": "\x00\xff\x10", "0xDEADbeef": "\xde\xad\xbe\xef", "0x" + strings.Repeat("61", 64): strings.Repeat("a", 64),
		"0x123": "0x123", "0x12 34": "0x12 34", "0xnothex": "0xnothex", "0X1234": "0X1234", "1234": "1234", "00x12": "00x12",
	} {
		given := []byte(typed)
		if got := SharedKey(given); string(got) != want {
			t.Errorf("%q is read as %q, want %q", typed, got, want)
		}
		if typed != want && !bytes.Equal(given, make([]byte, len(given))) {
			t.Errorf("%q: what was typed is left behind", typed)
		}
	}
}
