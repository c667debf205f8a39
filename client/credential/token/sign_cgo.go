//go:build cgo

package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// maxPINs is how often a person is asked for one PIN. Cards lock after three to ten
// wrong ones, and the next attempt may be a calmer one.
const maxPINs = 3

// Cards are the smart cards of this computer. A PIN is asked for when a key is
// used first; the card then stays open for this program. Safe for concurrent use.
type Cards struct {
	cfg  Config
	salt [32]byte
	wrap func(cryptoki) cryptoki // of tests

	mu      sync.Mutex
	loaded  []*module
	open    map[string]session // by the token's serial number
	refused map[string][32]byte
	signing sync.Mutex // one person, one PIN at a time
}

// session is one in which the user has signed in to the token.
type session struct {
	module *module
	handle pkcs11.SessionHandle
	slot   uint
}

// New makes Cards. No module is loaded before a card is asked for.
func New(cfg Config) *Cards {
	if cfg.Deadline == 0 {
		cfg.Deadline = defaultDeadline
	}
	c := &Cards{cfg: cfg, open: map[string]session{}, refused: map[string][32]byte{}}
	rand.Read(c.salt[:]) // never fails
	return c
}

func (c *Cards) modules() []*module {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded == nil {
		files := c.cfg.Modules
		if files == nil {
			files = Modules()
		}
		for _, file := range files {
			c.loaded = append(c.loaded, load(file, c.cfg.Deadline, c.wrap))
		}
	}
	return c.loaded
}

// Close signs out of all tokens and ends their modules. Cards are not used afterwards.
func (c *Cards) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, m := range c.loaded {
		errs = append(errs, m.close())
	}
	c.loaded, c.open = nil, map[string]session{}
	return errors.Join(errs...)
}

// Sign signs a message with the key of a certificate (DER) on the token that has it,
// in the forms of credential.Sign. Errors that a person has to know of are
// *diagnose.Failure: the card is not there, it has no such key, its PIN is wrong or
// locked.
func (c *Cards) Sign(ctx context.Context, text string, leaf []byte, scheme string, message []byte) ([]byte, error) {
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	p, err := newPlan(cert, scheme, message)
	if err != nil {
		return nil, err
	}
	c.signing.Lock()
	defer c.signing.Unlock()
	f, err := c.locate(ctx, text, leaf)
	if err != nil {
		return nil, err
	}
	raw, err := c.signOn(ctx, f, p)
	if err != nil && gone(err) {
		c.drop(f.serial)
	}
	if err != nil {
		return nil, c.missing(ctx, f, err)
	}
	return p.finish(raw)
}

// missing tells a card that was taken out from one that is broken: some modules
// give the same error for both.
func (c *Cards) missing(ctx context.Context, f found, err error) error {
	told := explain(err, f.label)
	var known *diagnose.Failure
	if errors.As(told, &known) || ctx.Err() != nil || errors.Is(err, credential.ErrDeclined) || errors.Is(err, credential.ErrNobody) {
		return told
	}
	if _, lost := c.locate(ctx, "", f.leaf.Raw); lost != nil {
		c.drop(f.serial)
		return removed(f.label)
	}
	return fmt.Errorf("the smart card %s could not sign: %w", f.label, err)
}

func (c *Cards) drop(serial string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, serial)
}

// signOn signs on a token, with one more try where the session that was open is of a
// token that was taken out and put back.
func (c *Cards) signOn(ctx context.Context, f found, p plan) ([]byte, error) {
	for again := false; ; again = true {
		s, fresh, typed, err := c.session(ctx, f)
		if err != nil {
			return nil, err
		}
		raw, err := c.use(ctx, f, s, p, typed)
		clear(typed)
		if err == nil || !gone(err) || fresh || again {
			return raw, err
		}
		c.drop(f.serial)
	}
}

// session gives one that is signed in, and the PIN where it was typed just now.
func (c *Cards) session(ctx context.Context, f found) (s session, fresh bool, typed pin, err error) {
	c.mu.Lock()
	s, ok := c.open[f.serial]
	c.mu.Unlock()
	if ok && s.slot == f.slot {
		return s, false, nil, nil
	}
	s = session{module: f.module, slot: f.slot}
	token, err := c.tokenInfo(ctx, f)
	if err != nil {
		return session{}, true, nil, err
	}
	s.handle, err = call(ctx, f.module, func(p cryptoki) (pkcs11.SessionHandle, error) {
		return p.OpenSession(f.slot, pkcs11.CKF_SERIAL_SESSION)
	})
	if err != nil {
		return session{}, true, nil, err
	}
	if token.Flags&pkcs11.CKF_LOGIN_REQUIRED != 0 {
		typed, err = c.login(ctx, f, s, pkcs11.CKU_USER, nil)
	}
	if err != nil {
		closing := f.module.do(context.WithoutCancel(ctx), func(p cryptoki) error { return unlessGone(p.CloseSession(s.handle)) })
		return session{}, true, nil, errors.Join(err, closing)
	}
	c.mu.Lock()
	c.open[f.serial] = s
	c.mu.Unlock()
	return s, true, typed, nil
}

// login asks for the PIN until it fits. before signs in anew what a wrong PIN has
// ended; nil: nothing.
func (c *Cards) login(ctx context.Context, f found, s session, user uint, before func(cryptoki) error) (pin, error) {
	refused := false
	for range maxPINs {
		token, err := c.tokenInfo(ctx, f)
		if err != nil {
			return nil, err
		}
		if token.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0 {
			return nil, &diagnose.Failure{Cause: diagnose.CausePINLocked, Seen: f.label}
		}
		var typed pin
		if token.Flags&pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH == 0 {
			if typed, err = c.ask(ctx, f, token.Flags, refused); err != nil {
				return nil, err
			}
		}
		if c.known(f, typed) {
			clear(typed)
			refused = true // it was wrong before, and would cost a try
			continue
		}
		err = c.signIn(ctx, s, user, typed, before)
		if err == nil || is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) {
			return typed, nil
		}
		if !wrongPIN(err) {
			clear(typed)
			return nil, err
		}
		c.note(f, typed)
		clear(typed)
		refused = true
	}
	return nil, c.gaveUp(ctx, f)
}

// signIn sends a PIN to the token, once. The job has a copy of its own: it may be
// given up on and still be under way.
func (c *Cards) signIn(ctx context.Context, s session, user uint, typed pin, before func(cryptoki) error) error {
	own := pin(bytes.Clone(typed))
	return s.module.do(ctx, func(p cryptoki) error {
		defer clear(own)
		if before != nil {
			if err := before(p); err != nil {
				return err
			}
		}
		return p.Login(s.handle, user, own.text())
	})
}

// gaveUp says how things stand after several wrong PINs.
func (c *Cards) gaveUp(ctx context.Context, f found) error {
	token, err := c.tokenInfo(ctx, f)
	switch {
	case err != nil:
		return err
	case token.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return &diagnose.Failure{Cause: diagnose.CausePINLocked, Seen: f.label}
	}
	return &diagnose.Failure{Cause: diagnose.CausePINWrong, Seen: f.label, Tries: triesLeft(token.Flags)}
}

// triesLeft is what a card tells of it: one, or nothing.
func triesLeft(flags uint) int {
	if flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0 {
		return 1
	}
	return 0
}

func (c *Cards) tokenInfo(ctx context.Context, f found) (pkcs11.TokenInfo, error) {
	return call(ctx, f.module, func(p cryptoki) (pkcs11.TokenInfo, error) { return p.GetTokenInfo(f.slot) })
}

// ask asks the person for the PIN.
func (c *Cards) ask(ctx context.Context, f found, flags uint, refused bool) (pin, error) {
	if c.cfg.Prompter == nil {
		return nil, credential.ErrNobody
	}
	q := credential.Prompt{Kind: credential.KindPIN, Text: "PIN of " + f.label, Subject: f.label, Refused: refused, TriesLeft: triesLeft(flags)}
	if flags&pkcs11.CKF_USER_PIN_COUNT_LOW != 0 && q.TriesLeft == 0 {
		q.Speaker, q.Message = "The smart card", "The PIN was wrong before; several more wrong ones lock the card."
	}
	reply, err := c.cfg.Prompter.Prompt(ctx, q)
	return pin(reply.Secret), err
}

// known says that a PIN was refused by this token already, note that it is now. Only
// a salted hash is kept.
func (c *Cards) known(f found, typed pin) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.refused[f.serial]
	return ok && len(typed) > 0 && last == c.hash(typed)
}

func (c *Cards) note(f found, typed pin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[f.serial] = c.hash(typed)
}

func (c *Cards) hash(typed pin) [32]byte {
	h := sha256.New()
	h.Write(c.salt[:]) // a hash never fails
	h.Write(typed)
	return [32]byte(h.Sum(nil))
}

// use makes the signature in a session that is signed in.
func (c *Cards) use(ctx context.Context, f found, s session, p plan, typed pin) ([]byte, error) {
	key, err := call(ctx, s.module, func(x cryptoki) (privateKey, error) { return findKey(x, s.handle, f.id) })
	if err != nil {
		return nil, err
	}
	if key.handle == 0 {
		return nil, &diagnose.Failure{Cause: diagnose.CauseKeyMissing, Seen: holder(f)}
	}
	begin := func(x cryptoki) error { return x.SignInit(s.handle, p.pkcs11(), key.handle) }
	if key.always {
		// The key wants the PIN for each signature, between its begin and its end.
		err = c.confirm(ctx, f, s, begin, typed)
	} else {
		err = s.module.do(ctx, begin)
	}
	if err != nil {
		return nil, err
	}
	return call(ctx, s.module, func(x cryptoki) ([]byte, error) { return x.Sign(s.handle, p.input) })
}

// holder is whose certificate it is.
func holder(f found) string {
	id, err := f.identity()
	if err != nil {
		return ""
	}
	return id.Name()
}

// confirm signs in for one signature: with the PIN that was typed just now for the
// token, else with one that is asked for.
func (c *Cards) confirm(ctx context.Context, f found, s session, begin func(cryptoki) error, typed pin) error {
	if typed != nil {
		return c.signIn(ctx, s, pkcs11.CKU_CONTEXT_SPECIFIC, typed, begin)
	}
	again, err := c.login(ctx, f, s, pkcs11.CKU_CONTEXT_SPECIFIC, func(x cryptoki) error {
		if err := begin(x); !is(err, pkcs11.CKR_OPERATION_ACTIVE) { // a wrong PIN has left it as it was
			return err
		}
		return nil
	})
	clear(again)
	return err
}

// privateKey is a key on a token; always: it wants the PIN for each signature.
type privateKey struct {
	handle pkcs11.ObjectHandle
	always bool
}

// findKey finds the key of a certificate by its ID. A handle of 0: there is none.
func findKey(p cryptoki, s pkcs11.SessionHandle, id []byte) (privateKey, error) {
	list, err := objects(p, s, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	if err != nil || len(list) == 0 {
		return privateKey{}, err
	}
	values, err := p.GetAttributeValue(s, list[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ALWAYS_AUTHENTICATE, nil)})
	if is(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID) { // modules of before PKCS#11 2.20
		return privateKey{handle: list[0]}, nil
	}
	if err != nil {
		return privateKey{}, err
	}
	return privateKey{list[0], len(values[0].Value) > 0 && values[0].Value[0] != 0}, nil
}

// ckmEdDSA is CKM_EDDSA of PKCS#11 3.0.
const ckmEdDSA = 0x1057

// pkcs11 is the plan in the words of PKCS#11.
func (p plan) pkcs11() []*pkcs11.Mechanism {
	switch p.mechanism {
	case rsaPKCS1:
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)}
	case rsaPSS:
		hash, mgf := uint(pkcs11.CKM_SHA256), uint(pkcs11.CKG_MGF1_SHA256)
		switch p.hash {
		case crypto.SHA384:
			hash, mgf = pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384
		case crypto.SHA512:
			hash, mgf = pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512
		}
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, pkcs11.NewPSSParams(hash, mgf, uint(p.hash.Size())))}
	case ecdsaRaw:
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}
	}
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmEdDSA, nil)}
}
