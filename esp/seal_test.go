package esp_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

var (
	hostA = netip.MustParseAddrPort("10.98.0.7:40000")
	hostB = netip.MustParseAddrPort("10.99.0.2:443")
	six1  = netip.MustParseAddrPort("[fd00:98::7]:40000")
	six2  = netip.MustParseAddrPort("[fd00:99::2]:443")
)

// seal puts a packet into a fresh buffer and seals it with the next number.
func seal(t testing.TB, out *esp.Outbound, inner []byte) []byte {
	t.Helper()
	buf := make([]byte, esp.HeaderRoom+len(inner)+esp.TrailerRoom)
	copy(buf[esp.HeaderRoom:], inner)
	seq, granted := out.Reserve(1)
	if granted != 1 {
		t.Fatal("no sequence number granted")
	}
	b, drop := out.Seal(buf, esp.HeaderRoom, len(inner), seq)
	if drop != esp.DropNone {
		t.Fatalf("seal: %v", drop)
	}
	return b
}

func forEachSuite(t *testing.T, f func(t *testing.T, s esptest.Suite)) {
	for _, s := range esptest.Suites() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			f(t, s)
		})
	}
}

// Every length comes back as it was, and has the length that was announced.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	forEachSuite(t, func(t *testing.T, s esptest.Suite) {
		a, b := s.Ends(0x1001, 0x1002)
		r := rand.New(rand.NewPCG(1, 2))
		for size := range 300 {
			payload := make([]byte, size)
			for i := range payload {
				payload[i] = byte(r.Uint32())
			}
			for _, inner := range [][]byte{esptest.UDP(hostA, hostB, payload), esptest.UDP(six1, six2, payload)} {
				sealed := seal(t, a.Out, inner)
				if len(sealed) != a.Out.SealedLen(len(inner)) {
					t.Fatalf("%d octets sealed to %d, announced %d", len(inner), len(sealed), a.Out.SealedLen(len(inner)))
				}
				if bytes.Contains(sealed, payload) != s.Readable && size > 3 {
					t.Fatalf("payload is readable: %t", !s.Readable)
				}
				got, drop := b.In.Open(sealed)
				if drop != esp.DropNone || !bytes.Equal(got, inner) {
					t.Fatalf("size %d: %v", size, drop)
				}
				if &got[0] != &sealed[b.In.HeaderLen()] {
					t.Fatal("not opened in place")
				}
			}
		}
	})
}

// Every strict prefix, and every flipped bit, is refused, and leaves the SA as
// it was: the true packet still opens afterwards.
func TestTamper(t *testing.T) {
	t.Parallel()
	forEachSuite(t, func(t *testing.T, s esptest.Suite) {
		a, b := s.Ends(0x1001, 0x1002)
		sealed := seal(t, a.Out, esptest.UDP(hostA, hostB, []byte("hello")))
		for n := range sealed {
			if _, drop := b.In.Open(bytes.Clone(sealed[:n])); drop == esp.DropNone || drop.Authentic() {
				t.Fatalf("prefix of %d octets: %v", n, drop)
			}
		}
		for bit := 32; bit < len(sealed)*8; bit++ { // the SPI only chooses the SA, but is authenticated too
			bad := bytes.Clone(sealed)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, drop := b.In.Open(bad); drop == esp.DropNone || drop.Authentic() {
				t.Fatalf("bit %d flipped: %v", bit, drop)
			}
		}
		bad := bytes.Clone(sealed)
		bad[0] ^= 1
		if _, drop := b.In.Open(bad); drop != esp.DropAuthentication {
			t.Fatalf("wrong SPI: %v", drop)
		}
		if _, drop := b.In.Open(bytes.Clone(sealed)); drop != esp.DropNone {
			t.Fatalf("true packet after all that: %v", drop)
		}
		if _, drop := b.In.Open(bytes.Clone(sealed)); drop != esp.DropReplay {
			t.Fatalf("true packet again: %v", drop)
		}
	})
}

// RFC 4106: the layout of a sealed packet, put together here from its parts.
func TestSealLayoutGCM(t *testing.T) {
	t.Parallel()
	for _, esn := range []bool{false, true} {
		s := esptest.Default()
		s.ESN = esn
		c := s.Config(0xa1b2c3d4, esptest.Any(), esptest.Any())
		out := esptest.MustOutbound(c)
		inner := esptest.UDP(six1, six2, []byte("layout!"))
		seal(t, out, inner) // number 1
		got := seal(t, out, inner)

		block, err := aes.NewCipher(c.Key[:32])
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		plain := bytes.Clone(inner)
		pad := 0
		for (len(plain)+2)%4 != 0 {
			pad++
			plain = append(plain, byte(pad))
		}
		plain = append(plain, byte(pad), 41)
		iv := got[8:16]
		aad := []byte{0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0, 2}
		want := append(bytes.Clone(aad), iv...)
		if esn {
			aad = []byte{0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0, 0, 0, 0, 0, 2}
		}
		want = gcm.Seal(want, append(bytes.Clone(c.Key[32:]), iv...), plain, aad)
		if !bytes.Equal(got, want) {
			t.Errorf("esn=%t:\n got %x\nwant %x", esn, got, want)
		}
	}
}

// RFC 3602 and RFC 4868: the same for CBC, with the high half of the sequence
// number authenticated though not sent (RFC 4303 2.2.1).
func TestSealLayoutCBC(t *testing.T) {
	t.Parallel()
	s := esptest.Suite{Cipher: esp.AESCBC, KeyLen: 32, Integrity: esp.HMACSHA512_256, IntegLen: 64, ESN: true}
	c := s.Config(0x0a0b0c0d, esptest.Any(), esptest.Any())
	out := esptest.MustOutbound(c)
	inner := esptest.UDP(hostA, hostB, []byte("layout!"))
	first := bytes.Clone(seal(t, out, inner))
	got := seal(t, out, inner)
	if bytes.Equal(first[8:24], got[8:24]) || binary.BigEndian.Uint64(got[16:]) == 2 {
		t.Errorf("IVs %x and %x are predictable", first[8:24], got[8:24])
	}
	m := hmac.New(sha512.New, c.IntegrityKey)
	m.Write(got[:len(got)-32])
	m.Write([]byte{0, 0, 0, 0})
	if !bytes.Equal(m.Sum(nil)[:32], got[len(got)-32:]) {
		t.Error("ICV does not cover packet and high sequence number")
	}
	block, err := aes.NewCipher(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Clone(got[24 : len(got)-32])
	cipher.NewCBCDecrypter(block, got[8:24]).CryptBlocks(plain, plain)
	if !bytes.Equal(plain[:len(inner)], inner) || plain[len(plain)-1] != 4 {
		t.Errorf("plaintext %x", plain)
	}
}

// Two SAs with the same keys make different IVs from their own secret.
func TestCBCIVsDifferBetweenSAs(t *testing.T) {
	t.Parallel()
	c := esptest.Suites()[4].Config(0x1001, esptest.Any(), esptest.Any())
	inner := esptest.UDP(hostA, hostB, nil)
	one, two := seal(t, esptest.MustOutbound(c), inner), seal(t, esptest.MustOutbound(c), inner)
	if bytes.Equal(one[8:24], two[8:24]) {
		t.Error("the IV follows from keys and number alone")
	}
}

// RFC 4303 3.3.3: a 32-bit counter ends, and grants what is left of it.
func TestSequenceExhaustion(t *testing.T) {
	t.Parallel()
	for _, esn := range []bool{false, true} {
		s := esptest.Default()
		s.ESN = esn
		a, _ := s.Ends(0x1001, 0x1002)
		if _, n := a.Out.Reserve(1<<32 - 3); n != 1<<32-3 {
			t.Fatalf("esn=%t: granted %d", esn, n)
		}
		first, n := a.Out.Reserve(10)
		if want := map[bool]int{false: 2, true: 10}[esn]; n != want || first != 1<<32-2 {
			t.Errorf("esn=%t: granted %d from %d", esn, n, first)
		}
		if _, n = a.Out.Reserve(1); (n == 0) == esn {
			t.Errorf("esn=%t: granted %d at the end", esn, n)
		}
		if used := a.Out.Used(); (used == 1<<32-1) == esn {
			t.Errorf("esn=%t: used %d", esn, used)
		}
	}
}

func TestClear(t *testing.T) {
	t.Parallel()
	forEachSuite(t, func(t *testing.T, s esptest.Suite) {
		a, b := s.Ends(0x1001, 0x1002)
		inner := esptest.UDP(hostA, hostB, nil)
		sealed := seal(t, a.Out, inner)
		a.Out.Clear()
		b.In.Clear()
		a.Out.Clear()
		b.In.Clear()
		if _, drop := b.In.Open(sealed); drop != esp.DropCleared {
			t.Errorf("open: %v", drop)
		}
		buf := make([]byte, 200)
		if _, drop := a.Out.Seal(buf, esp.HeaderRoom, 20, 9); drop != esp.DropCleared {
			t.Errorf("seal: %v", drop)
		}
	})
}

// A buffer that is too short is refused, never overrun.
func TestSealRoom(t *testing.T) {
	t.Parallel()
	forEachSuite(t, func(t *testing.T, s esptest.Suite) {
		a, _ := s.Ends(0x1001, 0x1002)
		inner := esptest.UDP(hostA, hostB, []byte{1, 2, 3})
		need := a.Out.SealedLen(len(inner)) - a.Out.HeaderLen()
		for room := len(inner); room <= need; room++ {
			buf := make([]byte, esp.HeaderRoom+room)
			copy(buf[esp.HeaderRoom:], inner)
			_, drop := a.Out.Seal(buf, esp.HeaderRoom, len(inner), 1)
			if (drop == esp.DropNone) != (room == need) || drop != esp.DropNone && drop != esp.DropRoom {
				t.Errorf("%d of %d octets: %v", room, need, drop)
			}
		}
		if _, drop := a.Out.Seal(make([]byte, 300), a.Out.HeaderLen()-1, 20, 1); drop != esp.DropRoom {
			t.Errorf("no headroom: %v", drop)
		}
	})
}

// MaxInner is the inverse of SealedLen.
func TestMaxInner(t *testing.T) {
	t.Parallel()
	forEachSuite(t, func(t *testing.T, s esptest.Suite) {
		a, _ := s.Ends(0x1001, 0x1002)
		for outer := 200; outer < 260; outer++ {
			n := a.Out.MaxInner(outer)
			if a.Out.SealedLen(n) > outer || a.Out.SealedLen(n+1) <= outer {
				t.Errorf("%d octets: inner %d seals to %d, one more to %d", outer, n, a.Out.SealedLen(n), a.Out.SealedLen(n+1))
			}
		}
		if n := a.Out.MaxInner(10); n != 0 {
			t.Errorf("10 octets: inner %d", n)
		}
	})
}

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	good := esptest.Default().Config(0x1001, esptest.Any(), esptest.Any())
	cbc := esptest.Suites()[4].Config(0x1001, esptest.Any(), esptest.Any())
	tests := map[string]struct {
		base esp.Config
		edit func(*esp.Config)
	}{
		"reserved SPI":        {good, func(c *esp.Config) { c.SPI = 255 }},
		"no cipher":           {good, func(c *esp.Config) { c.Cipher = 0 }},
		"AEAD with integrity": {good, func(c *esp.Config) { c.Integrity = esp.HMACSHA256_128 }},
		"AEAD with MAC key":   {good, func(c *esp.Config) { c.IntegrityKey = make([]byte, 32) }},
		"short key":           {good, func(c *esp.Config) { c.Key = c.Key[:3] }},
		"odd AES key":         {good, func(c *esp.Config) { c.Key = c.Key[:30] }},
		"odd ChaCha key":      {good, func(c *esp.Config) { c.Cipher, c.Key = esp.ChaCha20Poly1305, c.Key[:35] }},
		"CBC alone":           {cbc, func(c *esp.Config) { c.Integrity = esp.IntegrityNone }},
		"odd CBC key":         {cbc, func(c *esp.Config) { c.Key = c.Key[:15] }},
		"odd MAC key":         {cbc, func(c *esp.Config) { c.IntegrityKey = c.IntegrityKey[:31] }},
		"odd XCBC key":        {cbc, func(c *esp.Config) { c.Integrity, c.IntegrityKey = esp.AESXCBC_96, c.IntegrityKey[:20] }},
		"odd CMAC key":        {cbc, func(c *esp.Config) { c.Integrity, c.IntegrityKey = esp.AESCMAC_96, c.IntegrityKey[:24] }},
		"odd 3DES key":        {cbc, func(c *esp.Config) { c.Cipher = esp.TripleDES }},
		"CTR alone": {cbc, func(c *esp.Config) {
			c.Cipher, c.Key, c.Integrity, c.IntegrityKey = esp.AESCTR, make([]byte, 20), esp.IntegrityNone, nil
		}},
		"CTR key without nonce": {cbc, func(c *esp.Config) { c.Cipher = esp.AESCTR }},
		"NULL alone": {cbc, func(c *esp.Config) {
			c.Cipher, c.Key, c.Integrity, c.IntegrityKey = esp.Null, nil, esp.IntegrityNone, nil
		}},
		"NULL with a key":     {cbc, func(c *esp.Config) { c.Cipher = esp.Null }},
		"GMAC with integrity": {good, func(c *esp.Config) { c.Cipher, c.Integrity = esp.AESGMAC, esp.HMACSHA256_128 }},
		"GMAC key cut":        {good, func(c *esp.Config) { c.Cipher, c.Key = esp.AESGMAC, c.Key[:3] }},
		"unknown integrity":   {cbc, func(c *esp.Config) { c.Integrity = 99 }},
		"unknown cipher":      {cbc, func(c *esp.Config) { c.Cipher = 99 }},
		"no source":           {good, func(c *esp.Config) { c.Source = nil }},
		"no destination":      {good, func(c *esp.Config) { c.Destination = nil }},
		"mixed families":      {good, func(c *esp.Config) { c.Source = []esp.Selector{{Start: hostA.Addr(), End: six1.Addr()}} }},
		"backward range":      {good, func(c *esp.Config) { c.Source = []esp.Selector{{Start: hostB.Addr(), End: hostA.Addr()}} }},
		"no address":          {good, func(c *esp.Config) { c.Source = []esp.Selector{{}} }},
		"backward ports": {good, func(c *esp.Config) {
			c.Source = []esp.Selector{{Start: hostA.Addr(), End: hostA.Addr(), StartPort: 2, EndPort: 1}}
		}},
		"window too large": {good, func(c *esp.Config) { c.ReplayWindow = esp.MaxReplayWindow + 1 }},
		"window negative":  {good, func(c *esp.Config) { c.ReplayWindow = -1 }},
	}
	for name, test := range tests {
		c := test.base
		test.edit(&c)
		if _, err := esp.NewInbound(c); !errors.Is(err, esp.ErrConfig) {
			t.Errorf("%s: inbound: %v", name, err)
		}
		if _, err := esp.NewOutbound(c); !errors.Is(err, esp.ErrConfig) {
			t.Errorf("%s: outbound: %v", name, err)
		}
	}
}

// Keys never show in what is printed.
func TestConfigRedacted(t *testing.T) {
	t.Parallel()
	c := esptest.Default().Config(0x1001, nil, nil)
	for _, text := range []string{c.String(), c.GoString()} {
		if want := "esp SA 00001001 AES-GCM-16/none esn=true keys redacted"; text != want {
			t.Errorf("got %q", text)
		}
	}
}
