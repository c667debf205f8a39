// Package credential keeps the user's secrets and answers for them: passwords,
// shared keys and the private keys of client certificates.
//
// It runs in the user's own programs, never in the service. One key seals a store on
// disk with one file per profile; it is in the operating system's keychain, or sealed
// with a passphrase, or nothing is kept, as the user chose (mode.go). What a person
// is asked goes through a Prompter, which is a window or a terminal. It signs what
// the gateway wants signed, so that a private key never leaves the user's session. It
// does not decide when a secret is asked for: client/credential/answer does, for the
// command line and the desktop program.
package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"
)

// Keychain keeps small secrets for the user who runs the program. Errors are
// ErrNoEntry or a *KeychainError.
type Keychain interface {
	Get(ctx context.Context, service, user string) (string, error)
	Set(ctx context.Context, service, user, secret string) error
	Delete(ctx context.Context, service, user string) error
}

// ErrNoEntry says that the keychain answered and holds no such secret.
var ErrNoEntry = errors.New("credential: the keychain holds no such entry")

// KeychainError says that the keychain could not be used. Its message is one
// sentence for a person; Err is for the log.
type KeychainError struct {
	Reason KeychainReason
	Err    error
}

// KeychainReason is why a keychain could not be used.
type KeychainReason string

// The reasons.
const (
	KeychainAbsent KeychainReason = "absent" // none runs, or it refuses to talk
	KeychainLocked KeychainReason = "locked" // it was not unlocked
	KeychainSilent KeychainReason = "silent" // it did not answer in time
	KeychainBroken KeychainReason = "broken" // what it holds is not what was put in
)

// Error implements error.
func (e *KeychainError) Error() string {
	switch e.Reason {
	case KeychainLocked:
		return "the keychain is locked, so the password is not kept; unlock it and try again"
	case KeychainSilent:
		return "the keychain did not answer in time, so the password is not kept; look for its own window and try again"
	case KeychainBroken:
		return "the keychain's entry for homeward is damaged, so the password is not kept; delete that entry and try again"
	default:
		return "no keychain answers, so the password is not kept; start one (GNOME Keyring or KWallet, for example), or enter the password each time"
	}
}

// Unwrap gives the keychain's own words.
func (e *KeychainError) Unwrap() error { return e.Err }

// DefaultDeadline is how long the system's keychain may take. It is long,
// because the keychain may be asking the user to unlock it.
const DefaultDeadline = 60 * time.Second

// SystemKeychain is the operating system's: the Secret Service on Linux, the
// Keychain on macOS, the Credential Manager on Windows. The zero value is
// ready, and safe for concurrent use.
type SystemKeychain struct {
	// Deadline bounds each call. 0: DefaultDeadline.
	Deadline time.Duration

	backend backend // nil: go-keyring
}

// backend is the part of go-keyring that is used. Its calls may block for as
// long as a person looks at a dialog, and cannot be cancelled.
type backend interface {
	Get(service, user string) (string, error)
	Set(service, user, secret string) error
	Delete(service, user string) error
}

type osBackend struct{}

func (osBackend) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (osBackend) Set(service, user, secret string) error   { return keyring.Set(service, user, secret) }
func (osBackend) Delete(service, user string) error        { return keyring.Delete(service, user) }

// Get implements Keychain.
func (k *SystemKeychain) Get(ctx context.Context, service, user string) (string, error) {
	return k.do(ctx, func(b backend) (string, error) { return b.Get(service, user) })
}

// Set implements Keychain.
func (k *SystemKeychain) Set(ctx context.Context, service, user, secret string) error {
	_, err := k.do(ctx, func(b backend) (string, error) { return "", b.Set(service, user, secret) })
	return err
}

// Delete implements Keychain.
func (k *SystemKeychain) Delete(ctx context.Context, service, user string) error {
	_, err := k.do(ctx, func(b backend) (string, error) { return "", b.Delete(service, user) })
	return err
}

// do runs one call in a goroutine of its own and waits until the deadline. A
// call that is given up on goes on in its goroutine until the keychain
// answers; its result is dropped.
func (k *SystemKeychain) do(ctx context.Context, call func(backend) (string, error)) (string, error) {
	deadline := k.Deadline
	if deadline == 0 {
		deadline = DefaultDeadline
	}
	b := k.backend
	if b == nil {
		b = osBackend{}
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	type result struct {
		secret string
		err    error
	}
	done := make(chan result, 1) // room for one, so that a late call can end
	go func() {
		secret, err := callSafely(b, call)
		done <- result{secret, err}
	}()
	select {
	case r := <-done:
		return r.secret, keychainError(r.err)
	case <-ctx.Done():
		return "", &KeychainError{Reason: KeychainSilent, Err: ctx.Err()}
	}
}

// callSafely turns a panic of a D-Bus peer's unexpected answer into an error:
// the library converts types without looking.
func callSafely(b backend, call func(backend) (string, error)) (secret string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("keychain library failed: %v", r)
		}
	}()
	return call(b)
}
