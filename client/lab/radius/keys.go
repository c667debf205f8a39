package radius

import (
	"crypto/md5"
	"encoding/binary"
)

// Microsoft's attributes of keys (RFC 2548 2.4).
const (
	vendorMicrosoft = 311
	mppeSendKey     = 16
	mppeReceiveKey  = 17
)

// microsoft opens a key in a Vendor-Specific attribute; 0: it holds none.
func (c *Client) microsoft(request, value []byte) (kind byte, key []byte) {
	const head = 6 // vendor, type, length
	if len(value) < head || binary.BigEndian.Uint32(value) != vendorMicrosoft || int(value[5]) != len(value)-4 {
		return 0, nil
	}
	if kind = value[4]; kind != mppeSendKey && kind != mppeReceiveKey {
		return 0, nil
	}
	return kind, c.open(request[4:headerSize], value[head:])
}

// open undoes the salted cipher of RFC 2548 2.4.2: each block of 16 octets is
// masked with MD5 of the secret and the cipher text before it.
func (c *Client) open(authenticator, salted []byte) []byte {
	const saltSize = 2
	if len(salted) < saltSize || (len(salted)-saltSize)%md5.Size != 0 {
		return nil
	}
	before := append(append([]byte{}, authenticator...), salted[:saltSize]...)
	var plain []byte
	for rest := salted[saltSize:]; len(rest) > 0; rest = rest[md5.Size:] {
		mask := md5.Sum(append(append([]byte{}, c.secret...), before...))
		for i, b := range rest[:md5.Size] {
			plain = append(plain, b^mask[i])
		}
		before = rest[:md5.Size]
	}
	if len(plain) == 0 || int(plain[0]) > len(plain)-1 {
		return nil
	}
	return plain[1 : 1+plain[0]]
}
