package mobileconfig

import (
	"bytes"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile/ber"
)

// TestBEROfCertificate leaves DER as it is, and undoes what indefinite does.
func TestBEROfCertificate(t *testing.T) {
	t.Parallel()
	der := issue(t, issueOptions{name: "Harbour CA", ca: true}).cert.Raw
	for name, in := range map[string][]byte{"DER": der, "BER": indefinite(t, der)} {
		got, err := ber.ToDER(in)
		if err != nil || !bytes.Equal(got, der) {
			t.Errorf("%s: changed, %v", name, err)
		}
		for n := range in {
			if _, err := ber.ToDER(in[:n]); err == nil {
				t.Fatalf("%s: %d of %d bytes passed for the whole", name, n, len(in))
			}
		}
	}
}

// indefinite rewrites DER with indefinite lengths for all that is constructed,
// and octet strings of more than one byte in two segments.
func indefinite(t testing.TB, der []byte) []byte {
	t.Helper()
	var out []byte
	for len(der) > 0 {
		h, err := ber.ParseHeader(der)
		if err != nil {
			t.Fatal(err)
		}
		body := der[h.Size : h.Size+h.Content]
		switch {
		case h.Constructed():
			out = append(out, h.Tag...)
			out = append(append(append(out, 0x80), indefinite(t, body)...), 0, 0)
		case h.Tag[0] == ber.OctetString && len(body) > 1:
			out = append(out, ber.OctetString|0x20, 0x80)
			for _, half := range [][]byte{body[:len(body)/2], body[len(body)/2:]} {
				out = append(ber.AppendHeader(out, []byte{ber.OctetString}, len(half)), half...)
			}
			out = append(out, 0, 0)
		default:
			out = append(ber.AppendHeader(out, h.Tag, h.Content), body...)
		}
		der = der[h.Size+h.Content:]
	}
	return out
}
