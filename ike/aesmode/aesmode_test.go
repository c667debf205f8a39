package aesmode

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 3610 8 prints packets with nonces of 13 octets alone, so those of RFC 4309
// are NIST's and the kernel's, as both projects keep them.
func TestAEADVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		Name, Alg                     string
		Key, Salt, IV, AAD, Plaintext vectors.Hex
		Sealed                        vectors.Hex `json:"ciphertext_icv"`
		ICVLen                        int         `json:"icv_len"`
	}
	n := 0
	for _, name := range []string{"strongswan/aead.json", "linux/rfc4309_ccm.json"} {
		var file struct{ Vectors []vector }
		vectors.Load(t, name, &file)
		for i, v := range file.Vectors {
			var a cipher.AEAD
			var err error
			switch {
			case len(v.Salt) == 3:
				a, err = NewCCM(v.Key, v.ICVLen)
			case v.Alg == "ENCR_AES_GCM_ICV8":
				a, err = NewGCM8(v.Key)
			default:
				continue // the standard library's
			}
			if err != nil {
				t.Fatal(err)
			}
			n++
			checkAEAD(t, fmt.Sprintf("%s %d %s", name, i, v.Name), a, append(bytes.Clone(v.Salt), v.IV...), v.AAD, v.Plaintext, v.Sealed)
		}
	}
	if n < 42 {
		t.Errorf("only %d vectors", n)
	}
}

// checkAEAD seals and opens, in place and into memory of its own, and finds that
// nothing may change unseen.
func checkAEAD(t *testing.T, name string, a cipher.AEAD, nonce, aad, plain, sealed []byte) {
	t.Helper()
	if got := a.Seal([]byte("head"), nonce, plain, aad); !bytes.Equal(got, append([]byte("head"), sealed...)) {
		t.Errorf("%s: sealed %x", name, got)
	}
	b := append(make([]byte, 0, len(sealed)), plain...)
	if got := a.Seal(b[:0], nonce, b, aad); !bytes.Equal(got, sealed) || &got[0] != &b[:1][0] {
		t.Errorf("%s: not sealed in place: %x", name, got)
	}
	if got, err := a.Open(nil, nonce, sealed, aad); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%s: opened %x, %v", name, got, err)
	}
	b = bytes.Clone(sealed)
	if got, err := a.Open(b[:0], nonce, b, aad); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%s: opened in place %x, %v", name, got, err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x10
		if got, err := a.Open(nil, nonce, bad, aad); err == nil || got != nil {
			t.Errorf("%s: octet %d may change unseen", name, i)
		}
		if _, err := a.Open(nil, nonce, sealed[:i], aad); err == nil {
			t.Errorf("%s: %d octets are enough", name, i)
		}
	}
	for i := range aad {
		bad := bytes.Clone(aad)
		bad[i] ^= 1
		if _, err := a.Open(nil, nonce, sealed, bad); err == nil {
			t.Errorf("%s: associated octet %d may change unseen", name, i)
		}
	}
	bad := bytes.Clone(nonce)
	bad[0] ^= 1
	if _, err := a.Open(nil, bad, sealed, aad); err == nil {
		t.Errorf("%s: another nonce will do", name)
	}
}

// RFC 3610 2.2: associated data of 2^16-2^8 octets and more has its length in
// another form. No vector here has it, so this computes the CBC-MAC by the book.
func TestCCMLongAdditionalData(t *testing.T) {
	t.Parallel()
	key, nonce := make([]byte, 16), make([]byte, 11)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0xfeff, 0xff00, 0x10000} {
		aad := bytes.Repeat([]byte{7}, size)
		in := append([]byte{1<<6 | 7<<3 | 3}, make([]byte, 15)...)
		if size < 0xff00 {
			in = append(in, byte(size>>8), byte(size))
		} else {
			in = append(in, 0xff, 0xfe, 0, byte(size>>16), byte(size>>8), byte(size))
		}
		in = append(in, aad...)
		in = append(in, make([]byte, -len(in)&15)...)
		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(in, in)
		var mask [16]byte
		mask[0] = 3
		block.Encrypt(mask[:], mask[:])
		for i := range mask {
			mask[i] ^= in[len(in)-16+i]
		}
		a, err := NewCCM(key, 16)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Seal(nil, nonce, nil, aad); !bytes.Equal(got, mask[:]) {
			t.Errorf("%d octets: tag %x, want %x", size, got, mask)
		}
	}
}

// RFC 3686 6, test vector 1, and the standard library's CTR for every length.
func TestCTR(t *testing.T) {
	t.Parallel()
	key := unhex(t, "ae6852f8121067cc4bf7a5765577f39e")
	c, err := NewCTR(key)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte("Single block msg")
	c.XOR(b, [12]byte{0, 0, 0, 0x30}, 1)
	if want := unhex(t, "e4095d4fb7a7b3792d6175a3261311b8"); !bytes.Equal(b, want) {
		t.Errorf("RFC 3686 test vector 1: %x", b)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 300 {
		b, want := make([]byte, n), make([]byte, n)
		c.XOR(b, [12]byte{9}, 0xfe)
		cipher.NewCTR(block, []byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe}).XORKeyStream(want, want)
		if !bytes.Equal(b, want) {
			t.Fatalf("%d octets differ from crypto/cipher", n)
		}
	}
}

// RFC 4493 4 and RFC 3566 4.
func TestMACExamples(t *testing.T) {
	t.Parallel()
	key := "2b7e151628aed2a6abf7158809cf4f3c"
	const text = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
	const count = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021"
	for _, row := range []struct {
		mode           func([]byte) (hash.Hash, error)
		key, data, out string
	}{
		{NewCMAC, key, "", "bb1d6929e95937287fa37d129b756746"},
		{NewCMAC, key, text[:32], "070a16b46b4d4144f79bdd9dd04a287c"},
		{NewCMAC, key, text[:80], "dfa66747de9ae63030ca32611497c827"},
		{NewCMAC, key, text, "51f0bebf7e3b9d92fc49741779363cfe"},
		{NewXCBC, count[:32], "", "75f0251d528ac01c4573dfd584d79f29"},
		{NewXCBC, count[:32], count[:6], "5b376580ae2f19afe7219ceef172756f"},
		{NewXCBC, count[:32], count[:32], "d2a246fa349b68a79998a4394ff7a263"},
		{NewXCBC, count[:32], count[:40], "47f51b4564966215b8985c63055ed308"},
		{NewXCBC, count[:32], count[:64], "f54f0ec8d2b9f3d36807734bd5283fd4"},
		{NewXCBC, count[:32], count[:68], "becbb3bccdb518a30677d5481fb6b4d8"},
	} {
		m, err := row.mode(unhex(t, row.key))
		if err != nil {
			t.Fatal(err)
		}
		data := unhex(t, row.data)
		for range 2 { // Reset starts again, Sum changes nothing
			for _, b := range data {
				m.Write([]byte{b})
			}
			m.Sum(nil)
			if got := m.Sum(nil); !bytes.Equal(got, unhex(t, row.out)) {
				t.Errorf("%d octets: %x, want %s", len(data), got, row.out)
			}
			m.Reset()
		}
	}
}

// Project Wycheproof's AES-CMAC, with tags of 16 octets.
func TestWycheproofCMAC(t *testing.T) {
	t.Parallel()
	var file struct {
		TestGroups []struct {
			KeySize, TagSize int
			Tests            []struct {
				ID            int `json:"tcId"`
				Comment       string
				Key, Msg, Tag vectors.Hex
				Result        string
			}
		}
	}
	vectors.Load(t, "wycheproof/aes_cmac_test.json", &file)
	n := 0
	for _, g := range file.TestGroups {
		for _, v := range g.Tests {
			m, err := NewCMAC(v.Key)
			if err != nil {
				if v.Result == "valid" {
					t.Errorf("%d: %v", v.ID, err)
				}
				continue
			}
			n++
			m.Write(v.Msg)
			if got := m.Sum(nil)[:g.TagSize/8]; bytes.Equal(got, v.Tag) != (v.Result == "valid") {
				t.Errorf("%d %s: %x, %s", v.ID, v.Comment, got, v.Result)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d tests", n)
	}
}

func TestOddKeysAndTags(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 15, 17, 31, 33} {
		key := make([]byte, n)
		_, ctr := NewCTR(key)
		_, ccm := NewCCM(key, 16)
		_, gcm := NewGCM8(key)
		_, cmac := NewCMAC(key)
		_, xcbc := NewXCBC(key)
		for i, err := range []error{ctr, ccm, gcm, cmac, xcbc} {
			if err == nil {
				t.Errorf("mode %d takes a key of %d octets", i, n)
			}
		}
	}
	if _, err := NewXCBC(make([]byte, 32)); err == nil {
		t.Error("XCBC is defined for keys of 16 octets alone")
	}
	for _, n := range []int{4, 6, 10, 14, 17} {
		if _, err := NewCCM(make([]byte, 16), n); err == nil {
			t.Errorf("CCM with a tag of %d octets", n)
		}
	}
}

// Not in parallel: AllocsPerRun counts for the whole process.
func TestNoAllocations(t *testing.T) {
	key := make([]byte, 16)
	ccm, err := NewCCM(key, 8)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := NewGCM8(key)
	if err != nil {
		t.Fatal(err)
	}
	cmac, err := NewCMAC(key)
	if err != nil {
		t.Fatal(err)
	}
	b, aad, sum := make([]byte, 1400, 1500), make([]byte, 12), make([]byte, 0, 16)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	for _, a := range []cipher.AEAD{ccm, gcm} {
		nonce := make([]byte, a.NonceSize())
		if n := testing.AllocsPerRun(50, func() {
			sealed := a.Seal(b[:0], nonce, b, aad)
			if _, err := a.Open(sealed[:0], nonce, sealed, aad); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%T: %v allocations", a, n)
		}
	}
	if n := testing.AllocsPerRun(50, func() {
		cmac.Reset()
		cmac.Write(b)
		sum = cmac.Sum(sum[:0])
	}); n != 0 {
		t.Errorf("CMAC: %v allocations", n)
	}
}
