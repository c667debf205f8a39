package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// A private key under a password (RFC 5958 3): PBES2 with PBKDF2 (RFC 8018 6.2),
// which OpenSSL writes since 1.1.0.

// errScheme says that a key is encrypted in a way that is not read.
var errScheme = errors.New("its key is encrypted in a way that this version does not read")

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	Derivation pkix.AlgorithmIdentifier
	Encryption pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// prfs are the pseudorandom functions of RFC 8018 B.1, and what a block of each
// costs beside HMAC-SHA-256.
var prfs = []struct {
	oid    asn1.ObjectIdentifier
	hash   func() hash.Hash
	weight uint64
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}, sha1.New, 2}, // the default
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 8}, sha256.New224, 1},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, sha256.New, 1},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}, sha512.New384, 3},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}, sha512.New, 3},
}

// ciphers are the encryption schemes of RFC 8018 B.2, in CBC mode.
var ciphers = []struct {
	oid       asn1.ObjectIdentifier
	keyLength int
	new       func(key []byte) (cipher.Block, error)
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, 16, aes.NewCipher},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, 24, aes.NewCipher},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, 32, aes.NewCipher},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, 24, des.NewTripleDESCipher},
}

// openPKCS8 decrypts a key. ErrPassword where what comes out is no key.
func openPKCS8(info encryptedPrivateKeyInfo, password string) (any, error) {
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errScheme
	}
	var params pbes2Params
	if err := unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, err
	}
	for _, c := range ciphers {
		if !c.oid.Equal(params.Encryption.Algorithm) {
			continue
		}
		key, err := derive(params.Derivation, c.keyLength, password)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		block, err := c.new(key)
		if err != nil {
			return nil, err
		}
		return decryptPKCS8(block, params.Encryption.Parameters.FullBytes, info.Data)
	}
	return nil, errScheme
}

// derive makes the key of a cipher out of a password (RFC 8018 5.2).
func derive(from pkix.AlgorithmIdentifier, length int, password string) ([]byte, error) {
	if !from.Algorithm.Equal(oidPBKDF2) {
		return nil, errScheme
	}
	var params pbkdf2Params
	if err := unmarshal(from.Parameters.FullBytes, &params); err != nil {
		return nil, err
	}
	switch {
	case params.Iterations < 1 || params.KeyLength != 0 && params.KeyLength != length:
		return nil, errors.New("its key's encryption makes no sense")
	case params.Iterations > maxIterations:
		return nil, ErrCostly
	}
	prf := prfs[0].oid
	if params.PRF.Algorithm != nil {
		prf = params.PRF.Algorithm
	}
	for _, p := range prfs {
		if p.oid.Equal(prf) {
			return pbkdf2.Key(p.hash, password, params.Salt, params.Iterations, length)
		}
	}
	return nil, errScheme
}

// decryptPKCS8 undoes CBC and its padding (RFC 8018 6.1.1).
func decryptPKCS8(block cipher.Block, parameters, data []byte) (any, error) {
	var iv []byte
	size := block.BlockSize()
	if err := unmarshal(parameters, &iv); err != nil {
		return nil, err
	}
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("its encrypted key is cut off")
	}
	plain := make([]byte, len(data))
	defer clear(plain)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > size || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, ErrPassword
	}
	key, err := x509.ParsePKCS8PrivateKey(plain[:len(plain)-pad])
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrPassword, err) // the padding of one wrong password in 256 looks right
	}
	return key, nil
}

// unmarshal wants one value and nothing behind it.
func unmarshal(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err == nil && len(rest) != 0 {
		err = errors.New("it goes on behind its end")
	}
	return err
}
