package esptest

import (
	"fmt"
	"net/netip"

	"github.com/homeward-vpn/homeward/esp"
)

// Suite is one combination of algorithms.
type Suite struct {
	Name             string
	Cipher           esp.Cipher
	Integrity        esp.Integrity
	KeyLen, IntegLen int // octets; KeyLen includes the salt
	ESN              bool
	Readable         bool // the cipher does not encrypt
}

// Suites is every combination that esp supports.
func Suites() []Suite {
	base := []Suite{
		{Name: "aes128gcm16", Cipher: esp.AESGCM16, KeyLen: 20},
		{Name: "aes192gcm16", Cipher: esp.AESGCM16, KeyLen: 28},
		{Name: "aes256gcm16", Cipher: esp.AESGCM16, KeyLen: 36},
		{Name: "chacha20poly1305", Cipher: esp.ChaCha20Poly1305, KeyLen: 36},
		{Name: "aes128-sha256", Cipher: esp.AESCBC, KeyLen: 16, Integrity: esp.HMACSHA256_128, IntegLen: 32},
		{Name: "aes192-sha384", Cipher: esp.AESCBC, KeyLen: 24, Integrity: esp.HMACSHA384_192, IntegLen: 48},
		{Name: "aes256-sha512", Cipher: esp.AESCBC, KeyLen: 32, Integrity: esp.HMACSHA512_256, IntegLen: 64},
		{Name: "aes256gcm12", Cipher: esp.AESGCM12, KeyLen: 36},
		{Name: "aes128gcm8", Cipher: esp.AESGCM8, KeyLen: 20},
		{Name: "aes256ccm16", Cipher: esp.AESCCM16, KeyLen: 35},
		{Name: "aes192ccm12", Cipher: esp.AESCCM12, KeyLen: 27},
		{Name: "aes128ccm8", Cipher: esp.AESCCM8, KeyLen: 19},
		{Name: "aes128ctr-aesxcbc", Cipher: esp.AESCTR, KeyLen: 20, Integrity: esp.AESXCBC_96, IntegLen: 16},
		{Name: "aes256ctr-sha256", Cipher: esp.AESCTR, KeyLen: 36, Integrity: esp.HMACSHA256_128, IntegLen: 32},
		{Name: "aes128-aescmac", Cipher: esp.AESCBC, KeyLen: 16, Integrity: esp.AESCMAC_96, IntegLen: 16},
		{Name: "3des-sha1", Cipher: esp.TripleDES, KeyLen: 24, Integrity: esp.HMACSHA1_96, IntegLen: 20},
		{Name: "aes256gmac", Cipher: esp.AESGMAC, KeyLen: 36, Readable: true},
		{Name: "null-sha256", Cipher: esp.Null, Integrity: esp.HMACSHA256_128, IntegLen: 32, Readable: true},
	}
	all := base
	for _, s := range base {
		s.Name += "-esn"
		s.ESN = true
		all = append(all, s)
	}
	return all
}

// Default is AES-256-GCM with extended sequence numbers.
func Default() Suite {
	return Suite{Name: "aes256gcm16-esn", Cipher: esp.AESGCM16, KeyLen: 36, ESN: true}
}

// Any is the pair of selectors that covers everything, one per family.
func Any() []esp.Selector {
	return []esp.Selector{
		Prefix(netip.MustParsePrefix("0.0.0.0/0")),
		Prefix(netip.MustParsePrefix("::/0")),
	}
}

// Prefix is a selector for all protocols and ports of a prefix.
func Prefix(p netip.Prefix) esp.Selector {
	p = p.Masked()
	end := p.Addr().AsSlice()
	for i := p.Bits(); i < len(end)*8; i++ {
		end[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(end)
	return esp.Selector{Start: p.Addr(), End: last, EndPort: 65535}
}

// Config makes one direction of an SA whose keys follow from its SPI, so that
// both ends can make it.
func (s Suite) Config(spi uint32, source, destination []esp.Selector) esp.Config {
	return esp.Config{
		SPI:          spi,
		Cipher:       s.Cipher,
		Key:          key(spi, s.KeyLen, 1),
		Integrity:    s.Integrity,
		IntegrityKey: key(spi, s.IntegLen, 2),
		ESN:          s.ESN,
		Source:       source,
		Destination:  destination,
	}
}

func key(spi uint32, n int, tag byte) []byte {
	k := make([]byte, n)
	for i := range k {
		k[i] = byte(i)*7 + byte(spi) + byte(spi>>8)*3 + tag
	}
	return k
}

// Pair is one end of a Child SA.
type Pair struct {
	In  *esp.Inbound
	Out *esp.Outbound
}

// Ends makes both ends of a Child SA that carries everything. a receives on
// spiA, b on spiB.
func (s Suite) Ends(spiA, spiB uint32) (a, b Pair) {
	toA, toB := s.Config(spiA, Any(), Any()), s.Config(spiB, Any(), Any())
	return Pair{In: MustInbound(toA), Out: MustOutbound(toB)}, Pair{In: MustInbound(toB), Out: MustOutbound(toA)}
}

// MustInbound panics where NewInbound fails.
func MustInbound(c esp.Config) *esp.Inbound {
	in, err := esp.NewInbound(c)
	if err != nil {
		panic(fmt.Sprintf("esptest: %v", err))
	}
	return in
}

// MustOutbound panics where NewOutbound fails.
func MustOutbound(c esp.Config) *esp.Outbound {
	out, err := esp.NewOutbound(c)
	if err != nil {
		panic(fmt.Sprintf("esptest: %v", err))
	}
	return out
}
