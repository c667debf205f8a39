package suite

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

type aeadVector struct {
	Name, Alg, Expect             string
	Key, Salt, IV, AAD, Plaintext vectors.Hex
	CiphertextICV                 vectors.Hex `json:"ciphertext_icv"`
	ICVLen                        int         `json:"icv_len"`
}

// The AEADs as payloads use them: nonce = salt | IV, 16 octets of ICV.
func TestAEADVectors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		file, prefix string
		id           uint16
		least        int
	}{
		{"strongswan/aead.json", "ENCR_AES_GCM_ICV16", ENCR_AES_GCM_16, 10},
		{"strongswan/aead.json", "ENCR_AES_GCM_ICV12", ENCR_AES_GCM_12, 3},
		{"strongswan/aead.json", "ENCR_AES_GCM_ICV8", ENCR_AES_GCM_8, 3},
		{"strongswan/aead.json", "ENCR_AES_CCM_ICV16", ENCR_AES_CCM_16, 5},
		{"strongswan/aead.json", "ENCR_AES_CCM_ICV12", ENCR_AES_CCM_12, 3},
		{"strongswan/aead.json", "ENCR_AES_CCM_ICV8", ENCR_AES_CCM_8, 8},
		{"strongswan/aead.json", "ENCR_CHACHA20_POLY1305", ENCR_CHACHA20_POLY1305, 3},
		{"linux/rfc4309_ccm.json", "", ENCR_AES_CCM_16, 20},
		{"linux/rfc4106_gcm.json", "", ENCR_AES_GCM_16, 20},
		{"linux/rfc7539esp_chachapoly.json", "", ENCR_CHACHA20_POLY1305, 1},
	} {
		var file struct{ Vectors []aeadVector }
		vectors.Load(t, row.file, &file)
		n := 0
		for i, v := range file.Vectors {
			if !strings.HasPrefix(v.Alg, row.prefix) || v.ICVLen != findEncryption(row.id).icv {
				continue
			}
			n++
			a, err := aeadFor(row.id, v.Key)
			if err != nil {
				t.Fatal(err)
			}
			nonce := append(append([]byte(nil), v.Salt...), v.IV...)
			if got := a.Seal(nil, nonce, v.Plaintext, v.AAD); !bytes.Equal(got, v.CiphertextICV) {
				t.Errorf("%s %d %s: sealed to something else", row.file, i, v.Name)
			}
			checkAEADOpen(t, row.id, v)
		}
		if n < row.least {
			t.Errorf("%s %s: only %d vectors", row.file, row.prefix, n)
		}
	}
}

// checkAEADOpen runs a vector through the payload code where its plaintext has
// a pad length that makes sense.
func checkAEADOpen(t *testing.T, id uint16, v aeadVector) {
	t.Helper()
	want, err := unpad(bytes.Clone(v.Plaintext))
	bits := uint16(len(v.Key) * 8)
	if id == ENCR_CHACHA20_POLY1305 {
		bits = 0
	}
	c, keyErr := newAEAD(Transform{id, bits}, append(append(Secret(nil), v.Key...), v.Salt...))
	if keyErr != nil {
		t.Fatal(keyErr)
	}
	body := append(append([]byte(nil), v.IV...), v.CiphertextICV...)
	got, openErr := c.open(v.AAD, body)
	if (err == nil) != (openErr == nil) || !bytes.Equal(got, want) {
		t.Errorf("open gave %x, %v; want %x, %v", got, openErr, want, err)
	}
	for i := range body {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1
		if _, err := c.open(v.AAD, flipped); err == nil {
			t.Errorf("octet %d may change unseen", i)
		}
	}
}

// Encrypt-then-MAC with the kernel's numbers; its associated data is the IV.
func TestCBCVectors(t *testing.T) {
	t.Parallel()
	ids := map[string]uint16{"hmac_sha256_aes_cbc": AUTH_HMAC_SHA2_256_128, "hmac_sha512_aes_cbc": AUTH_HMAC_SHA2_512_256}
	var file struct {
		Vectors []struct {
			Alg       string
			AuthKey   vectors.Hex `json:"auth_key"`
			EncKey    vectors.Hex `json:"enc_key"`
			IV, Assoc vectors.Hex
			Plaintext vectors.Hex
			Out       vectors.Hex `json:"ciphertext_full_mac"`
		}
	}
	vectors.Load(t, "linux/authenc_hmac_aes_cbc.json", &file)
	n := 0
	for i, v := range file.Vectors {
		id, ok := ids[v.Alg]
		if !ok {
			continue
		}
		n++
		m := findMAC(id)
		block, err := aes.NewCipher(v.EncKey)
		if err != nil {
			t.Fatal(err)
		}
		text := make([]byte, len(v.Plaintext))
		cipher.NewCBCEncrypter(block, v.IV).CryptBlocks(text, v.Plaintext)
		if !bytes.HasPrefix(v.Out, text) || !bytes.HasPrefix(v.Out[len(text):], m.sum(v.AuthKey, v.Assoc, text)) {
			t.Errorf("%s %d: another ciphertext or MAC", v.Alg, i)
		}
	}
	if n < 10 {
		t.Errorf("only %d vectors", n)
	}
}

// RFC 7634 appendix B: a whole INFORMATIONAL message, byte for byte both ways.
func TestRFC7634Message(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Kind      string
			Keymat    vectors.Hex
			IV        vectors.Hex
			SPIi      vectors.Hex `json:"spi_i"`
			SPIr      vectors.Hex `json:"spi_r"`
			MessageID uint32      `json:"message_id"`
			Plaintext vectors.Hex
			Message   vectors.Hex `json:"ike_message"`
		}
	}
	vectors.Load(t, "rfc/rfc7634-chacha20poly1305.json", &file)
	n := 0
	for _, v := range file.Vectors {
		if v.Kind != "ikev2" {
			continue
		}
		n++
		p, err := ParseIKE("chacha20poly1305", "", "sha256", "x25519")
		if err != nil {
			t.Fatal(err)
		}
		// The request comes from the original responder.
		k := &Keys{SK_er: Secret(v.Keymat), SK_ei: make(Secret, 36)}
		sender, err := NewProtector(p, k, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		sender.out.(*aeadCipher).count = binary.BigEndian.Uint64(v.IV)
		inner, err := wire.ParseChain(wire.PayloadNotify, v.Plaintext[:len(v.Plaintext)-1])
		if err != nil {
			t.Fatal(err)
		}
		h := wire.Header{
			InitiatorSPI: wire.SPI(be64(v.SPIi)), ResponderSPI: wire.SPI(be64(v.SPIr)),
			Exchange: wire.ExchangeInformational, MessageID: v.MessageID,
		}
		got, err := sender.Seal(h, inner)
		if err != nil || !bytes.Equal(got, v.Message) {
			t.Errorf("sealed %x, %v\nwant   %x", got, err, []byte(v.Message))
		}
		receiver, err := NewProtector(p, k, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		first, plain, err := open(t, receiver, v.Message)
		if err != nil || first != wire.PayloadNotify || !bytes.Equal(plain, v.Plaintext[:len(v.Plaintext)-1]) {
			t.Errorf("opened %v %x, %v", first, plain, err)
		}
	}
	if n != 1 {
		t.Errorf("%d messages", n)
	}
}

// RFC 5282 3.2: AES-GCM and AES-CCM have ICVs of 8, 12 and 16 octets, and no
// other; each message is as much longer.
func TestICVLengths(t *testing.T) {
	t.Parallel()
	want := map[uint16]int{
		ENCR_AES_GCM_8: 8, ENCR_AES_GCM_12: 12, ENCR_AES_GCM_16: 16,
		ENCR_AES_CCM_8: 8, ENCR_AES_CCM_12: 12, ENCR_AES_CCM_16: 16, ENCR_CHACHA20_POLY1305: 16,
	}
	for _, k := range Keywords() {
		if k.Kind != "encryption" || !k.AEAD || k.ESPOnly {
			continue
		}
		p := mustIKE(t, k.Word, "", "sha256", "ecp256")
		i, _ := pair(t, p)
		raw, err := i.Seal(testHeader, nil)
		if err != nil {
			t.Fatal(err)
		}
		const inFront, padLength = wire.HeaderLen + genericHeader + aeadIV, 1
		if icv := len(raw) - inFront - padLength; icv != want[p.Encryption[0].ID] {
			t.Errorf("%s: an ICV of %d octets, want %d", k.Word, icv, want[p.Encryption[0].ID])
		}
	}
}

func TestUnpad(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in   []byte
		want int // -1: refused
	}{
		{nil, -1}, {[]byte{0}, 0}, {[]byte{1}, -1}, {[]byte{9, 0}, 1}, {[]byte{9, 1}, 0},
		{[]byte{9, 2}, -1}, {[]byte{7, 7, 7, 3}, 0}, {[]byte{7, 7, 7, 4}, -1}, {[]byte{1, 2, 3, 1}, 2},
		{append(make([]byte, 255), 255), 0}, {append(make([]byte, 254), 255), -1},
	} {
		got, err := unpad(row.in)
		if (err != nil) != (row.want < 0) || err == nil && len(got) != row.want {
			t.Errorf("%x: %d octets, %v; want %d", row.in, len(got), err, row.want)
		}
	}
}
