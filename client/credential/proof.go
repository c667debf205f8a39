package credential

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// What a private key signs for the service is a proof of who the user is, to a
// gateway or a TLS server, and nothing else: a service that is not what it should
// be must not get a signature under a letter, a program or a certificate. Each of
// the three proofs begins in a way that nothing else does:
//
//	IKE      the client's own IKE_SA_INIT request, whole (RFC 7296 2.15)
//	TLS 1.3  64 spaces and a fixed text (RFC 8446 4.4.3)
//	TLS 1.2  the handshake, which begins with a ClientHello (RFC 5246 7.4.8)

// ErrNoProof says that what is to be signed is no proof of who somebody is.
var ErrNoProof = errors.New("what the service wants signed is no sign-in, so it was not signed; install the service and this program from one release")

const (
	ikeHeader   = 28 // octets (RFC 7296 3.1)
	ikeVersion2 = 0x20
	ikeSAInit   = 34
	clientHello = 1
)

var tls13Context = append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, client CertificateVerify\x00"...)

// CheckProof refuses a message that is none of the three; see ErrNoProof.
func CheckProof(message []byte) error {
	if isIKE(message) || isTLS13(message) || isTLS12(message) {
		return nil
	}
	return ErrNoProof
}

// isIKE looks at the header of the request (RFC 7296 3.1): from the initiator, to
// a responder without an SPI, and followed by a nonce and a MAC at least.
func isIKE(m []byte) bool {
	const initiator, least = 0x08, 16 + 16
	if len(m) < ikeHeader+least {
		return false
	}
	length := binary.BigEndian.Uint32(m[24:])
	return binary.BigEndian.Uint64(m) != 0 && binary.BigEndian.Uint64(m[8:]) == 0 &&
		m[17] == ikeVersion2 && m[18] == ikeSAInit && m[19] == initiator && binary.BigEndian.Uint32(m[20:]) == 0 &&
		length >= ikeHeader && uint64(length)+least <= uint64(len(m))
}

func isTLS13(m []byte) bool {
	rest, ok := bytes.CutPrefix(m, tls13Context)
	return ok && (len(rest) == 32 || len(rest) == 48)
}

// isTLS12 walks the whole handshake: messages of a type and three octets of length.
func isTLS12(m []byte) bool {
	if len(m) < 6 || m[0] != clientHello || m[4] != 3 || m[5] != 3 {
		return false
	}
	n := 0
	for ; len(m) >= 4; n++ {
		length := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
		if length > len(m)-4 {
			return false
		}
		m = m[4+length:]
	}
	return len(m) == 0 && n > 2
}
