package keyfile

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/homeward-vpn/homeward/client/profile/ber"
)

// openDeadline bounds the work on one PKCS#12 file. checkCost sees the
// iteration counts that stand in the open, which is all that a real file has; this
// is for those inside what the file encrypts, and above what an honest file takes
// on a slow machine.
const openDeadline = 3 * time.Second

// PKCS12 opens a file in BER or DER with that password; "" opens one without.
// Errors are ErrPassword, ErrCostly, ErrNoKey, ErrNoCertificate, ErrForeign or
// about a damaged file.
func PKCS12(data []byte, password string) (*Identity, error) {
	der, err := ber.ToDER(data)
	if err == nil {
		err = checkCost(der)
	}
	if err != nil {
		return nil, err
	}
	return openPKCS12(der, password)
}

// openPKCS12 decrypts a file in a goroutine of its own, which the deadline
// leaves behind; it ends when its iterations do.
func openPKCS12(der []byte, password string) (*Identity, error) {
	type result struct {
		id  *Identity
		err error
	}
	done := make(chan result, 1)
	go func() {
		id, err := decodePKCS12(der, password)
		done <- result{id, err}
	}()
	timer := time.NewTimer(openDeadline)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.id, r.err
	case <-timer.C:
		return nil, ErrCostly
	}
}

func decodePKCS12(der []byte, password string) (id *Identity, err error) {
	defer func() {
		if r := recover(); r != nil {
			id, err = nil, errors.New("it does not hold together")
		}
	}()
	key, first, rest, err := pkcs12.DecodeChain(der, password)
	switch {
	case err == nil:
		return newIdentity(key, append([]*x509.Certificate{first}, rest...))
	case errors.Is(err, pkcs12.ErrDecryption), errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, ErrPassword
	// The library types neither of these.
	case strings.Contains(err.Error(), "private key missing"):
		return nil, ErrNoKey
	case strings.Contains(err.Error(), "certificate missing"):
		return nil, ErrNoCertificate
	}
	return nil, err
}
