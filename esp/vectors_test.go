package esp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// shared is the folder of the vectors that lie beside the repository, seen from
// this package.
var shared = filepath.Join("..", "..", "shared", "vectors")

// vectors reads one file of {"vectors": [...]}.
func vectors[T any](t *testing.T, name string) []T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(shared, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the shared vectors are not beside the repository: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []T }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return file.Vectors
}

// octets is hex in JSON.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// everything is a selector pair for tests.
func everything() []Selector {
	return []Selector{
		{Start: netip.MustParseAddr("0.0.0.0"), End: netip.MustParseAddr("255.255.255.255"), EndPort: 65535},
		{Start: netip.IPv6Unspecified(), End: netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), EndPort: 65535},
	}
}

func inboundFor(t *testing.T, c Config) *Inbound {
	t.Helper()
	c.Source, c.Destination = everything(), everything()
	in, err := NewInbound(c)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// withICV puts an HMAC-SHA-256-128 behind a packet that was made without
// integrity, and gives the key.
func withICV(packet []byte) (sealed, key []byte) {
	key = bytes.Repeat([]byte{0x5a}, sha256.Size)
	m := hmac.New(sha256.New, key)
	m.Write(packet)
	return append(bytes.Clone(packet), m.Sum(nil)[:16]...), key
}

// Packets that the Linux kernel made (tunnel mode). Those without integrity
// get an ICV here, for this package refuses to run without one.
func TestOpenLinuxKernelPackets(t *testing.T) {
	t.Parallel()
	type vector struct {
		Title       string
		Alg         string
		Key         octets
		SPI         octets
		Seq         uint32
		ESNHigh     *uint32 `json:"esn_high"`
		Packet      octets  `json:"esp_packet"`
		InnerPacket octets  `json:"inner_packet"`
	}
	ran := 0
	for _, v := range vectors[vector](t, "esp/linux-kernel-esp-packets.json") {
		c := Config{SPI: binary.BigEndian.Uint32(v.SPI), Key: v.Key}
		packet := bytes.Clone(v.Packet)
		switch v.Alg {
		case "cbc(aes)":
			c.Cipher, c.Integrity = AESCBC, HMACSHA256_128
			packet, c.IntegrityKey = withICV(packet)
		case "rfc4106(gcm(aes))":
			c.Cipher = AESGCM16
		case "rfc4543(gcm(aes))":
			c.Cipher = AESGMAC
		case "rfc4309(ccm(aes))":
			c.Cipher = AESCCM8
		case "rfc3686(ctr(aes))":
			c.Cipher, c.Integrity = AESCTR, HMACSHA256_128
			packet, c.IntegrityKey = withICV(packet)
		case "cbc(des3_ede)":
			c.Cipher, c.Integrity = TripleDES, HMACSHA256_128
			packet, c.IntegrityKey = withICV(packet)
		default:
			t.Errorf("%s: %s is not a cipher of this package", v.Title, v.Alg)
			continue
		}
		ran++
		in := inboundFor(t, c)
		if v.ESNHigh != nil {
			c.ESN = true
			in = inboundFor(t, c)
			// As if the SA had come as far as the packet before.
			in.window.top = uint64(*v.ESNHigh)<<32 | uint64(v.Seq-1)
		}
		inner, drop := in.Open(packet)
		if drop != DropNone || !bytes.Equal(inner, v.InnerPacket) {
			t.Errorf("%s (%s): drop %v, inner %x", v.Title, v.Alg, drop, inner)
		}
	}
	if ran != 8 {
		t.Errorf("%d packets of 8", ran)
	}
}

// RFC 7634 appendix A.
func TestOpenRFC7634(t *testing.T) {
	t.Parallel()
	type vector struct {
		Kind        string
		Keymat      octets
		Packet      octets `json:"esp_packet"`
		InnerPacket octets `json:"inner_packet"`
	}
	for _, v := range vectors[vector](t, "rfc/rfc7634-chacha20poly1305.json") {
		if v.Kind != "esp" {
			continue
		}
		in := inboundFor(t, Config{SPI: 0x01020304, Cipher: ChaCha20Poly1305, Key: v.Keymat})
		inner, drop := in.Open(bytes.Clone(v.Packet))
		if drop != DropNone || !bytes.Equal(inner, v.InnerPacket) {
			t.Errorf("drop %v, inner %x", drop, inner)
		}
	}
}

// RFC 3602 section 4: ciphertexts, and whole packets with an ICV put behind.
func TestRFC3602(t *testing.T) {
	t.Parallel()
	type vector struct {
		Case          int
		Kind          string
		Key, IV       octets
		Plaintext     octets
		Ciphertext    octets
		SPI           octets
		Packet        octets `json:"esp_packet"`
		PreEncryption octets `json:"pre_encryption"`
		OriginalIP    octets `json:"original_ip_header"`
		OriginalData  octets `json:"original_data"`
	}
	for _, v := range vectors[vector](t, "rfc/rfc3602-aes-cbc-esp.json") {
		c := Config{Cipher: AESCBC, Key: v.Key, Integrity: HMACSHA256_128, IntegrityKey: make([]byte, 32)}
		tr, err := newCBC(&c)
		if err != nil {
			t.Fatal(err)
		}
		if v.Kind == "aes-cbc" {
			got := bytes.Clone(v.Plaintext)
			tr.encryptWith(v.IV, got)
			if !bytes.Equal(got, v.Ciphertext) {
				t.Errorf("case %d: ciphertext %x", v.Case, got)
			}
			continue
		}
		plain := bytes.Clone(v.PreEncryption)
		tr.encryptWith(v.IV, plain)
		if !bytes.Equal(plain, v.Packet[24:]) {
			t.Errorf("case %d: ciphertext %x", v.Case, plain)
		}
		c.SPI = binary.BigEndian.Uint32(v.SPI)
		var packet []byte
		packet, c.IntegrityKey = withICV(v.Packet)
		inner, drop := inboundFor(t, c).Open(packet)
		if v.Kind != "esp-tunnel" {
			if drop != DropNextHeader {
				t.Errorf("case %d: transport mode gives %v", v.Case, drop)
			}
			continue
		}
		want := append(bytes.Clone(v.OriginalIP), v.OriginalData...)
		if drop != DropNone || !bytes.Equal(inner, want) {
			t.Errorf("case %d: drop %v, inner %x", v.Case, drop, inner)
		}
	}
}

// The kernel's own vectors for RFC 4106, RFC 4309 and RFC 7634, which include the set of
// draft-mcgrew-gcm-test-01 with 8 and 12 octets of associated data.
func TestAEADVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		I             int
		Key, Salt, IV octets
		AAD           octets
		Plaintext     octets
		Sealed        octets `json:"ciphertext_icv"`
	}
	for name, cipher := range map[string]Cipher{
		"linux/rfc4106_gcm.json":           AESGCM16,
		"linux/rfc4309_ccm.json":           AESCCM16,
		"linux/rfc7539esp_chachapoly.json": ChaCha20Poly1305,
	} {
		for _, v := range vectors[vector](t, name) {
			if len(v.AAD) != 8 && len(v.AAD) != 12 {
				t.Errorf("%s %d: %d octets of associated data", name, v.I, len(v.AAD))
				continue
			}
			tr, err := newAEAD(&Config{Cipher: cipher, Key: append(bytes.Clone(v.Key), v.Salt...), ESN: len(v.AAD) == 12})
			if err != nil {
				t.Fatal(err)
			}
			seq := uint64(binary.BigEndian.Uint32(v.AAD[4:]))
			if len(v.AAD) == 12 {
				seq = binary.BigEndian.Uint64(v.AAD[4:])
			}
			b := append(bytes.Clone(v.AAD[:4]), v.AAD[len(v.AAD)-4:]...)
			b = append(append(b, v.IV...), v.Sealed...)
			plain, ok := tr.open(b, seq)
			if !ok || !bytes.Equal(plain, v.Plaintext) {
				t.Errorf("%s %d: ok=%t, plaintext %x", name, v.I, ok, plain)
			}
		}
	}
}

// The kernel's vectors for AES-CBC with HMAC, whose MAC is over associated data
// and ciphertext: the parts of the transform on their own.
func TestCBCVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		I         int
		Alg       string
		AuthKey   octets `json:"auth_key"`
		EncKey    octets `json:"enc_key"`
		IV, Assoc octets
		Plaintext octets
		Sealed    octets `json:"ciphertext_full_mac"`
	}
	integrity := map[string]Integrity{
		"hmac_sha1_aes_cbc": HMACSHA1_96, "hmac_sha256_aes_cbc": HMACSHA256_128, "hmac_sha512_aes_cbc": HMACSHA512_256,
	}
	ran := 0
	for _, v := range vectors[vector](t, "linux/authenc_hmac_aes_cbc.json") {
		i, ok := integrity[v.Alg]
		if !ok {
			t.Errorf("%s is no algorithm of this package", v.Alg)
			continue
		}
		ran++
		tr, err := newCBC(&Config{Cipher: AESCBC, Key: v.EncKey, Integrity: i, IntegrityKey: v.AuthKey})
		if err != nil {
			t.Fatal(err)
		}
		n := len(v.Plaintext)
		b := bytes.Clone(v.Plaintext)
		tr.encryptWith(v.IV, b)
		if !bytes.Equal(b, v.Sealed[:n]) {
			t.Errorf("%s %d: ciphertext %x", v.Alg, v.I, b)
		}
		if mac := tr.icv(append(bytes.Clone(v.Assoc), b...), 0); !bytes.Equal(mac, v.Sealed[n:n+tr.icvLen]) {
			t.Errorf("%s %d: ICV %x", v.Alg, v.I, mac)
		}
	}
	if ran < 10 {
		t.Errorf("only %d vectors were of a supported algorithm", ran)
	}
}

// The kernel's vectors for RFC 4543, one of which has a wrong ICV.
func TestGMACVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		I             int
		Key, Salt, IV octets
		AAD           octets
		Plaintext     octets
		Sealed        octets `json:"ciphertext_icv"`
		Expect        string
	}
	for _, v := range vectors[vector](t, "linux/rfc4543_gmac.json") {
		c := Config{Cipher: AESGMAC, Key: append(bytes.Clone(v.Key), v.Salt...)}
		for _, esn := range []bool{false, true} {
			c.ESN = esn
			tr, err := newGMAC(&c)
			if err != nil {
				t.Fatal(err)
			}
			// With ESN the vector's first octets stand for the number's high half.
			b := append(append(bytes.Clone(v.AAD), v.IV...), v.Sealed...)
			plain, ok := tr.open(b, uint64(binary.BigEndian.Uint32(v.AAD[4:])))
			if !bytes.Equal(plain, v.Plaintext) || ok != (v.Expect == "accept" && !esn) {
				t.Errorf("%d, ESN %t: ok=%t, plaintext %x", v.I, esn, ok, plain)
			}
		}
	}
}

// strongSwan's vectors for AES-CTR, and for 3DES that of NIST: ciphertexts alone.
func TestCipherVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		Name, Alg     string
		Key, Salt, IV octets
		Plaintext     octets
		Ciphertext    octets
	}
	ran := map[string]int{}
	for _, v := range vectors[vector](t, "strongswan/ciphers.json") {
		ran[v.Alg]++
		c := Config{Key: append(bytes.Clone(v.Key), v.Salt...), Integrity: HMACSHA256_128, IntegrityKey: make([]byte, 32)}
		got := bytes.Clone(v.Plaintext)
		switch v.Alg {
		case "ENCR_AES_CTR":
			c.Cipher = AESCTR
			tr, err := newCTR(&c)
			if err != nil {
				t.Fatal(err)
			}
			got = tr.xor(append(append(make([]byte, spiSeqLen), v.IV...), got...))
		case "ENCR_AES_CBC", "ENCR_3DES":
			if c.Cipher = AESCBC; v.Alg == "ENCR_3DES" {
				c.Cipher = TripleDES
			}
			tr, err := newCBC(&c)
			if err != nil {
				t.Fatal(err)
			}
			tr.encryptWith(v.IV, got)
		}
		if !bytes.Equal(got, v.Ciphertext) {
			t.Errorf("%s: ciphertext %x", v.Name, got)
		}
	}
	if ran["ENCR_AES_CTR"] < 9 || ran["ENCR_AES_CBC"] < 6 || ran["ENCR_3DES"] < 2 {
		t.Errorf("too few vectors: %v", ran)
	}
}
