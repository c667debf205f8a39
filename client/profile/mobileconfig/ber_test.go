package mobileconfig

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// TestBERToDER has the encodings of X.690 8 on the left and what 10 allows on
// the right.
func TestBERToDER(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("41", 200)
	for name, c := range map[string]struct{ ber, der string }{
		"DER stays":           {"30060201050401aa", "30060201050401aa"},
		"indefinite":          {"30800201050000", "3003020105"},
		"indefinite twice":    {"308030800201050000" + "0000", "30053003020105"},
		"empty":               {"30800000", "3000"},
		"long form of short":  {"3081030201 05", "3003020105"},
		"leading zeros":       {"308400000003020105", "3003020105"},
		"segments":            {"24800402aabb0401cc0000", "0403aabbcc"},
		"definite segments":   {"24070402aabb0401cc", "0403aabbcc"},
		"segments inside":     {"248024800401aa00000401bb0000", "0402aabb"},
		"no segments":         {"24800000", "0400"},
		"long tag":            {"bf8148800201050000", "bf814803020105"},
		"length in two bytes": {"3080" + "0481c8" + long + "0000", "3081cb" + "0481c8" + long},
		"trailing bytes":      {"30030201050d0a", "3003020105"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := hex.DecodeString(strings.ReplaceAll(c.ber, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := berToDER(in)
			if err != nil || hex.EncodeToString(got) != c.der {
				t.Errorf("%x, %v; want %s", got, err, c.der)
			}
		})
	}
}

func TestBERRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("3080", 60) + strings.Repeat("0000", 60)
	for name, in := range map[string]string{
		"nothing":                "",
		"only a tag":             "30",
		"cut off":                "3005020105",
		"length cut off":         "3082",
		"no end":                 "3080020105",
		"half an end":            "308002010500",
		"primitive, indefinite":  "0480000000",
		"length beyond an int":   "3088ffffffffffffffff",
		"length of nine bytes":   "3089000000000000000000",
		"reserved length":        "30ff",
		"endless tag":            "1f8080808080808001",
		"child beyond its bound": "3003040500",
		"segment of another":     "24030201 05",
		"too deep":               deep,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := hex.DecodeString(strings.ReplaceAll(in, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := berToDER(b); err == nil {
				t.Errorf("became %x", got)
			}
		})
	}
}

// TestBEROfCertificate leaves DER as it is, and undoes what indefinite does.
func TestBEROfCertificate(t *testing.T) {
	t.Parallel()
	der := issue(t, issueOptions{name: "Harbour CA", ca: true}).cert.Raw
	for name, in := range map[string][]byte{"DER": der, "BER": indefinite(t, der)} {
		got, err := berToDER(in)
		if err != nil || !bytes.Equal(got, der) {
			t.Errorf("%s: changed, %v", name, err)
		}
		for n := range in {
			if _, err := berToDER(in[:n]); err == nil {
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
		h, err := parseHeader(der)
		if err != nil {
			t.Fatal(err)
		}
		body := der[h.size : h.size+h.content]
		switch {
		case h.constructed():
			out = append(out, h.tag...)
			out = append(append(append(out, 0x80), indefinite(t, body)...), 0, 0)
		case h.tag[0] == asn1OctetString && len(body) > 1:
			out = append(out, asn1OctetString|asn1Constructed, 0x80)
			for _, half := range [][]byte{body[:len(body)/2], body[len(body)/2:]} {
				out = append(appendHeader(out, []byte{asn1OctetString}, len(half)), half...)
			}
			out = append(out, 0, 0)
		default:
			out = append(appendHeader(out, h.tag, h.content), body...)
		}
		der = der[h.size+h.content:]
	}
	return out
}
