package iketest

import (
	"bytes"
	"crypto/des"
	"crypto/rc4"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf16"

	//lint:ignore SA1019 MS-CHAPv2 is made of MD4 (RFC 2759 8.3)
	"golang.org/x/crypto/md4"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// mschapv2 holds what the server computes of one MSCHAPv2 run (RFC 2759 8).
type mschapv2 struct {
	hashHash              []byte // MD4(MD4(password))
	ntResponse            []byte // 24 octets, what an honest peer sends
	authenticatorResponse []byte // 20 octets
}

func newMSCHAPv2(user, password string, authChallenge, peerChallenge []byte) *mschapv2 {
	hash := md4Sum(utf16le(password))
	x := &mschapv2{hashHash: md4Sum(hash)}
	challenge := sha1Sum(peerChallenge, authChallenge, []byte(user))[:8]
	x.ntResponse = desResponse(challenge, hash)
	// RFC 2759 8.7 and its two magic constants.
	digest := sha1Sum(x.hashHash, x.ntResponse, []byte("Magic server to client signing constant"))
	x.authenticatorResponse = sha1Sum(digest, challenge, []byte("Pad to make it do more than one iteration"))
	return x
}

// msk is the server's receive key, its send key and zeros (RFC 3079 3.4).
func (x *mschapv2) msk() suite.Secret {
	master := sha1Sum(x.hashHash, x.ntResponse, []byte("This is the MPPE Master Key"))[:16]
	key := func(magic string) []byte {
		return sha1Sum(master, make([]byte, 40), []byte(magic), bytes.Repeat([]byte{0xf2}, 40))[:16]
	}
	receive := key("On the client side, this is the send key; on the server side, it is the receive key.")
	send := key("On the client side, this is the receive key; on the server side, it is the send key.")
	return slices.Concat(receive, send, make([]byte, 32))
}

// desResponse encrypts the challenge under three DES keys cut from the hash
// (RFC 2759 8.5).
func desResponse(challenge, hash []byte) []byte {
	keys := append(slices.Clone(hash), make([]byte, 5)...)
	var out []byte
	for i := 0; i < 21; i += 7 {
		block, err := des.NewCipher(spread(keys[i : i+7]))
		if err != nil {
			panic("iketest: " + err.Error()) // the key has 8 octets
		}
		var b [8]byte
		block.Encrypt(b[:], challenge)
		out = append(out, b[:]...)
	}
	return out
}

// spread puts 56 bits into 8 octets of 7; DES ignores the parity bits.
func spread(k []byte) []byte {
	v := binary.BigEndian.Uint64(append([]byte{0}, k...))
	out := make([]byte, 8)
	for i := range out {
		out[7-i] = byte(v>>(7*i)) << 1
	}
	return out
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func md4Sum(b []byte) []byte {
	h := md4.New()
	h.Write(b)
	return h.Sum(nil)
}

func sha1Sum(parts ...[]byte) []byte {
	sum := sha1.Sum(slices.Concat(parts...))
	return sum[:]
}

// changedPassword reads a new password that came under the old one's hash, and holds
// the old hash, which came under the new one's, against it (RFC 2759 8.11, 8.13).
func changedPassword(block, oldHash, old []byte) (string, error) {
	c, err := rc4.NewCipher(old)
	if err != nil {
		return "", err
	}
	clear := make([]byte, len(block))
	c.XORKeyStream(clear, block)
	n := int(binary.LittleEndian.Uint32(clear[512:]))
	if n > 512 || n%2 != 0 {
		return "", errors.New("a new password that is not under the old one's hash")
	}
	wide := clear[512-n : 512]
	hash := md4Sum(wide)
	var want []byte
	for i := range 2 {
		d, err := des.NewCipher(spread(hash[7*i : 7*i+7]))
		if err != nil {
			return "", err
		}
		var b [8]byte
		d.Encrypt(b[:], old[8*i:8*i+8])
		want = append(want, b[:]...)
	}
	if !bytes.Equal(want, oldHash) {
		return "", errors.New("the old hash is not under the new password's")
	}
	units := make([]uint16, n/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(wide[2*i:])
	}
	return string(utf16.Decode(units)), nil
}
