//go:build cgo

package token

import (
	"errors"

	"github.com/miekg/pkcs11"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// is says whether an error is one of these of PKCS#11.
func is(err error, codes ...pkcs11.Error) bool {
	var e pkcs11.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e == c {
			return true
		}
	}
	return false
}

// gone says that a token is not where it was.
func gone(err error) bool {
	return is(err, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_DEVICE_REMOVED,
		pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED)
}

// unread says that a token could not be read, and not that its module is no good.
func unread(err error) bool {
	var e pkcs11.Error
	return errors.As(err, &e)
}

// unlessGone is for the end of a session that went with its token.
func unlessGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

func wrongPIN(err error) bool {
	return is(err, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE)
}

func removed(label string) error {
	return &diagnose.Failure{Cause: diagnose.CauseCardRemoved, Seen: label}
}

// explain turns an error into one that a person can be told.
func explain(err error, label string) error {
	var known *diagnose.Failure
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case gone(err), errors.Is(err, errSilent):
		return &diagnose.Failure{Cause: diagnose.CauseCardRemoved, Seen: label, Err: err}
	case is(err, pkcs11.CKR_PIN_LOCKED):
		return &diagnose.Failure{Cause: diagnose.CausePINLocked, Seen: label, Err: err}
	}
	return err
}
