package eap

import (
	"crypto/des"
	"crypto/sha1"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	//lint:ignore SA1019 MS-CHAPv2 is made of MD4 (RFC 2759 8.3)
	"golang.org/x/crypto/md4"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// The computations of MS-CHAPv2 (RFC 2759 8) and of its keys (RFC 3079 3). MD4,
// DES and SHA-1 are what the protocol is made of; its strength lies in the
// tunnel around it.

const (
	challengeSize = 16
	hashSize      = 16 // NT password hash
	responseSize  = 24 // NT response
	mskSize       = 64
)

var errPassword = errors.New("the password is not valid UTF-8 text, or longer than 256 characters")

// passwordHash is NtPasswordHash (RFC 2759 8.3): MD4 over UTF-16LE.
func passwordHash(password suite.Secret) (suite.Secret, error) {
	wide, err := utf16LE(password)
	if err != nil {
		return nil, err
	}
	defer wide.Clear()
	return md4Sum(wide), nil
}

// utf16LE is a password as these computations want it.
func utf16LE(password suite.Secret) (suite.Secret, error) {
	const most = 256 // RFC 2759 8.1
	if !utf8.Valid(password) {
		return nil, errPassword
	}
	wide := make(suite.Secret, 0, 2*len(password))
	for rest := []byte(password); len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		var units [2]rune
		list := units[:1]
		if units[0] = r; r > 0xffff {
			units[0], units[1] = utf16.EncodeRune(r)
			list = units[:2]
		}
		for _, u := range list {
			wide = append(wide, byte(u), byte(u>>8))
		}
	}
	if len(wide) > 2*most {
		wide.Clear()
		return nil, errPassword
	}
	return wide, nil
}

func md4Sum(b []byte) suite.Secret {
	h := md4.New()
	h.Write(b)
	return h.Sum(nil)
}

// challengeHash is ChallengeHash (RFC 2759 8.2). The user name goes in without
// a domain in front.
func challengeHash(peer, authenticator []byte, name string) []byte {
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:]
	}
	h := sha1.New()
	h.Write(peer)
	h.Write(authenticator)
	h.Write([]byte(name))
	return h.Sum(nil)[:8]
}

// challengeResponse is ChallengeResponse (RFC 2759 8.5): the challenge under
// three DES keys cut from the hash.
func challengeResponse(challenge []byte, hash suite.Secret) ([]byte, error) {
	keys := make(suite.Secret, 21)
	defer keys.Clear()
	copy(keys, hash)
	out := make([]byte, responseSize)
	for i := range 3 {
		block, err := des.NewCipher(desKey(keys[7*i : 7*i+7]))
		if err != nil {
			return nil, fmt.Errorf("eap: des: %w", err)
		}
		block.Encrypt(out[8*i:], challenge)
	}
	return out, nil
}

// desKey spreads 56 bits over 8 octets; DES ignores each octet's lowest bit.
func desKey(b []byte) suite.Secret {
	key := make(suite.Secret, 8)
	var acc uint64
	for _, x := range b {
		acc = acc<<8 | uint64(x)
	}
	for i := range key {
		key[i] = byte(acc>>(49-7*i)) << 1
	}
	return key
}

// authenticatorResponse is what the server proves with (RFC 2759 8.7), as raw
// octets. challenge is the result of challengeHash.
func authenticatorResponse(hash suite.Secret, ntResponse, challenge []byte) []byte {
	hashHash := md4Sum(hash)
	defer hashHash.Clear()
	h := sha1.New()
	h.Write(hashHash)
	h.Write(ntResponse)
	h.Write([]byte("Magic server to client signing constant"))
	digest := h.Sum(nil)
	h.Reset()
	h.Write(digest)
	h.Write(challenge)
	h.Write([]byte("Pad to make it do more than one iteration"))
	return h.Sum(nil)
}

// masterKey is GetMasterKey (RFC 3079 3.4).
func masterKey(hash suite.Secret, ntResponse []byte) suite.Secret {
	hashHash := md4Sum(hash)
	defer hashHash.Clear()
	h := sha1.New()
	h.Write(hashHash)
	h.Write(ntResponse)
	h.Write([]byte("This is the MPPE Master Key"))
	return h.Sum(nil)[:16]
}

// The two labels of RFC 3079 3.4. The first is the key from the peer to the
// server, the second from the server to the peer.
const (
	labelToServer = "On the client side, this is the send key; on the server side, it is the receive key."
	labelToPeer   = "On the client side, this is the receive key; on the server side, it is the send key."
)

// startKey is GetAsymmetricStartKey for 128 bits (RFC 3079 3.4).
func startKey(master suite.Secret, label string) suite.Secret {
	var pad1, pad2 [40]byte
	for i := range pad2 {
		pad2[i] = 0xf2
	}
	h := sha1.New()
	h.Write(master)
	h.Write(pad1[:])
	h.Write([]byte(label))
	h.Write(pad2[:])
	return h.Sum(nil)[:16]
}

// sessionKey is the MSK as IKEv2 gateways compute it: the key towards the
// server, the key towards the peer, and 32 zero octets.
func sessionKey(hash suite.Secret, ntResponse []byte) suite.Secret {
	master := masterKey(hash, ntResponse)
	defer master.Clear()
	msk := make(suite.Secret, mskSize)
	for i, label := range []string{labelToServer, labelToPeer} {
		key := startKey(master, label)
		copy(msk[16*i:], key)
		key.Clear()
	}
	return msk
}
