package ber

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// TestToDER has the encodings of X.690 8 on the left and what 10 allows on
// the right.
func TestToDER(t *testing.T) {
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
			got, err := ToDER(in)
			if err != nil || hex.EncodeToString(got) != c.der {
				t.Errorf("%x, %v; want %s", got, err, c.der)
			}
		})
	}
}

func TestRefused(t *testing.T) {
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
			if got, err := ToDER(b); err == nil {
				t.Errorf("became %x", got)
			}
		})
	}
}

// FuzzToDER converts; what comes out is DER, which conversion leaves alone.
func FuzzToDER(f *testing.F) {
	f.Add([]byte{0x24, 0x80, 0x04, 0x02, 0xAA, 0xBB, 0x04, 0x01, 0xCC, 0x00, 0x00})
	f.Add([]byte{0x30, 0x80, 0x02, 0x01, 0x05, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		der, err := ToDER(data)
		if err != nil {
			return
		}
		again, err := ToDER(der)
		if err != nil || !bytes.Equal(der, again) {
			t.Fatalf("%x became %x, then %x, %v", data, der, again, err)
		}
	})
}
