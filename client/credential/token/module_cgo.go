//go:build cgo

package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/pkcs11"
)

// module is a PKCS#11 module that is loaded. All its calls run on one goroutine of
// its own, one after the other: few modules are safe for more, and any may hang.
type module struct {
	file     string
	deadline time.Duration
	wrap     func(cryptoki) cryptoki // of tests; nil: the module as it is
	jobs     chan func(cryptoki)
	ended    chan struct{}
	broken   error // why it could not be loaded
}

// cryptoki is the part of PKCS#11 that is used; *pkcs11.Ctx is it.
type cryptoki interface {
	GetSlotList(tokenPresent bool) ([]uint, error)
	GetSlotInfo(slot uint) (pkcs11.SlotInfo, error)
	GetTokenInfo(slot uint) (pkcs11.TokenInfo, error)
	OpenSession(slot, flags uint) (pkcs11.SessionHandle, error)
	CloseSession(s pkcs11.SessionHandle) error
	Login(s pkcs11.SessionHandle, user uint, pin string) error
	FindObjectsInit(s pkcs11.SessionHandle, with []*pkcs11.Attribute) error
	FindObjects(s pkcs11.SessionHandle, most int) ([]pkcs11.ObjectHandle, bool, error)
	FindObjectsFinal(s pkcs11.SessionHandle) error
	GetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
	SignInit(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error
	Sign(s pkcs11.SessionHandle, message []byte) ([]byte, error)
}

// errSilent says that a module did not answer in time.
var errSilent = errors.New("the smart card, or its driver, does not answer")

// load loads a module on its goroutine; its file is only run from there.
func load(file string, deadline time.Duration, wrap func(cryptoki) cryptoki) *module {
	m := &module{file: file, deadline: deadline, wrap: wrap, jobs: make(chan func(cryptoki)), ended: make(chan struct{})}
	go m.run()
	return m
}

func (m *module) run() {
	defer close(m.ended)
	ctx := pkcs11.New(m.file)
	if ctx == nil {
		m.broken = fmt.Errorf("the smart card driver %s cannot be loaded", m.file)
	} else if err := ctx.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		m.broken = fmt.Errorf("the smart card driver %s does not start: %w", m.file, err)
	}
	var p cryptoki = ctx
	if m.wrap != nil {
		p = m.wrap(ctx)
	}
	for job := range m.jobs {
		job(p)
	}
	if m.broken == nil {
		// Nobody is left who could be told; the program is about to end.
		_ = ctx.Finalize()
	}
}

// call runs a job on a module's goroutine and waits for it. A job that is given up
// on goes on until the module answers, and the next one waits for that: what a job
// needs is its own, and what it finds is passed back.
func call[T any](ctx context.Context, m *module, job func(cryptoki) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, m.deadline)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1) // room for one, so that a late job can end
	run := func(p cryptoki) {
		var r result
		if r.err = m.broken; r.err == nil {
			r.value, r.err = job(p)
		}
		done <- r
	}
	var none T
	select {
	case m.jobs <- run:
	case <-ctx.Done():
		return none, silence(ctx)
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, silence(ctx)
	}
}

// do is call for a job that finds nothing.
func (m *module) do(ctx context.Context, job func(cryptoki) error) error {
	_, err := call(ctx, m, func(p cryptoki) (struct{}, error) { return struct{}{}, job(p) })
	return err
}

func silence(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errSilent
	}
	return ctx.Err()
}

// close ends the module, without waiting for one that hangs.
func (m *module) close() error {
	close(m.jobs)
	select {
	case <-m.ended:
		return nil
	case <-time.After(m.deadline):
		return errSilent
	}
}
