package credential

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadPassword(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", MaxPassword)
	for in, want := range map[string]string{
		"secret\n": "secret", "secret\r\n": "secret", "secret": "secret", " spaces \n": " spaces ", "pässword\nsecond line\n": "pässword",
		"\r\r\n": "\r", longest + "\r\n": longest, longest: longest,
	} {
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			got, err := ReadPassword(r)
			if err != nil || string(got) != want {
				t.Errorf("%.20q became %.20q, %v", in, got, err)
			}
		}
	}
	for in, want := range map[string]error{
		"": ErrNoPassword, "\n": ErrNoPassword, "\r\n": ErrNoPassword, "a\x00b\n": ErrPasswordBytes,
		longest + "x\n": ErrPasswordLong, strings.Repeat("x", 1<<20): ErrPasswordLong,
	} {
		if _, err := ReadPassword(strings.NewReader(in)); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", in, err, want)
		}
	}
	if _, err := ReadPassword(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a broken pipe: %v", err)
	}
}

// TestReadPasswordLeavesTheRest: what follows the line is another reader's.
func TestReadPasswordLeavesTheRest(t *testing.T) {
	t.Parallel()
	r := strings.NewReader("one\ntwo\n")
	if _, err := ReadPassword(r); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadPassword(r); err != nil || string(got) != "two" {
		t.Errorf("%q, %v", got, err)
	}
}
