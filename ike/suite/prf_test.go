package suite

import (
	"bytes"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Integrity algorithms and pseudorandom functions with the numbers of RFC 2202,
// 3566, 4434, 4493, 4615 and 4868, as strongSwan's test vectors list them.
func TestMACAndPRFVectors(t *testing.T) {
	t.Parallel()
	ids := map[string]uint16{
		"PRF_HMAC_SHA1": PRF_HMAC_SHA1, "PRF_AES128_XCBC": PRF_AES128_XCBC, "PRF_AES128_CMAC": PRF_AES128_CMAC,
		"PRF_HMAC_SHA2_256": PRF_HMAC_SHA2_256, "PRF_HMAC_SHA2_384": PRF_HMAC_SHA2_384, "PRF_HMAC_SHA2_512": PRF_HMAC_SHA2_512,
		"AUTH_HMAC_SHA1_96": AUTH_HMAC_SHA1_96, "AUTH_AES_XCBC_96": AUTH_AES_XCBC_96, "AUTH_AES_CMAC_96": AUTH_AES_CMAC_96,
		"AUTH_HMAC_SHA2_256_128": AUTH_HMAC_SHA2_256_128, "AUTH_HMAC_SHA2_384_192": AUTH_HMAC_SHA2_384_192,
		"AUTH_HMAC_SHA2_512_256": AUTH_HMAC_SHA2_512_256,
	}
	var file struct {
		Vectors []struct {
			Name, Kind, Alg string
			Key, Data, Out  vectors.Hex
		}
	}
	vectors.Load(t, "strongswan/mac_prf.json", &file)
	seen := map[string]bool{}
	for _, v := range file.Vectors {
		id, ok := ids[v.Alg]
		if !ok {
			continue // integrity algorithms that IKEv2 does not negotiate
		}
		seen[v.Alg] = true
		var got []byte
		if v.Kind == "prf" {
			got = PRF(id, v.Key, v.Data)
			if half := len(v.Data) / 2; !bytes.Equal(got, PRF(id, v.Key, v.Data[:half], v.Data[half:])) {
				t.Errorf("%s: data in two parts gives another result", v.Name)
			}
		} else {
			got = findMAC(id).sum(v.Key, v.Data)
		}
		if !bytes.Equal(got, v.Out) {
			t.Errorf("%s: %x, want %x", v.Name, got, []byte(v.Out))
		}
	}
	if len(seen) != len(ids) {
		t.Errorf("vectors for %d of %d algorithms", len(seen), len(ids))
	}
}

// RFC 4434 2 and RFC 4615 3: keys of other lengths than 16 octets. A short one
// is filled up by the first and compressed by the second.
func TestPRFKeyLengths(t *testing.T) {
	t.Parallel()
	data := []byte("data")
	short, exact, long := []byte("0123456789"), []byte("0123456789abcdef"), []byte("0123456789abcdef0")
	padded := append(bytes.Clone(short), make([]byte, 6)...)
	for _, id := range []uint16{PRF_AES128_XCBC, PRF_AES128_CMAC} {
		if !bytes.Equal(PRF(id, long, data), PRF(id, PRF(id, make([]byte, 16), long), data)) {
			t.Errorf("PRF %d: a long key is not compressed", id)
		}
		if len(PRF(id, exact, data)) != 16 {
			t.Errorf("PRF %d: %d octets", id, len(PRF(id, exact, data)))
		}
	}
	if !bytes.Equal(PRF(PRF_AES128_XCBC, short, data), PRF(PRF_AES128_XCBC, padded, data)) {
		t.Error("AES-XCBC-PRF-128 does not fill up a short key")
	}
	if !bytes.Equal(PRF(PRF_AES128_CMAC, short, data), PRF(PRF_AES128_CMAC, PRF(PRF_AES128_CMAC, make([]byte, 16), short), data)) {
		t.Error("AES-CMAC-PRF-128 does not compress a short key")
	}
}

// RFC 7296 2.14: for the two functions made of AES only the first 8 octets of
// each nonce are the key of SKEYSEED, and all of both go into prf+.
func TestHalfNonces(t *testing.T) {
	t.Parallel()
	ni, nr, shared := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 24), Secret("g^ir")
	for _, word := range []string{"aesxcbc", "aescmac"} {
		p := mustIKE(t, "aes128", "sha256", word, "ecp256")
		got, err := DeriveKeys(p, shared, ni, nr, 3, 4)
		if err != nil {
			t.Fatal(err)
		}
		seed := PRF(p.PRF[0], append(bytes.Clone(ni[:8]), nr[:8]...), shared)
		want, err := p.expand(seed, ni, nr, wire.SPI(3), wire.SPI(4))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.SK_d, want.SK_d) || !bytes.Equal(got.SK_pr, want.SK_pr) || len(got.SK_d) != 16 {
			t.Errorf("%s: another SKEYSEED", word)
		}
	}
}
