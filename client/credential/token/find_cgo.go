//go:build cgo

package token

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// The bounds of what a token may hold. Its maker's code is trusted with this
// program; what is on it came from somebody else.
const (
	maxSlots       = 64
	maxObjects     = 256
	maxCertificate = 32 << 10
)

// found is a certificate on a token.
type found struct {
	module *module
	slot   uint
	label  string // of the token
	serial string
	id     []byte // CKA_ID, which its key has too
	leaf   *x509.Certificate
	above  []*x509.Certificate // authorities on the same token
}

// search lists the certificates that a URI names, on every token of every module.
func (c *Cards) search(ctx context.Context, want uri) ([]found, error) {
	var all []found
	var errs []error
	meant := 0
	for _, m := range c.modules() {
		if !want.matchesModule(m.file) {
			continue
		}
		meant++
		list, err := call(ctx, m, func(p cryptoki) ([]found, error) { return searchModule(p, m, want) })
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, list...)
	}
	if len(all) == 0 && len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if meant == 0 && want.modulePath+want.moduleName != "" {
		return nil, errors.New("the profile names a smart card driver that this computer does not use; set " + ModuleVariable + " to its file if you trust it")
	}
	return all, nil
}

// searchModule looks at every slot. A token that cannot be read, because it is taken
// out this moment for example, is left out; the error says why where nothing was
// found.
func searchModule(p cryptoki, m *module, want uri) (all []found, err error) {
	slots, err := p.GetSlotList(true)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, slot := range slots[:min(len(slots), maxSlots)] {
		list, err := searchSlot(p, slot, want)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i := range list {
			list[i].module = m
		}
		all = append(all, list...)
	}
	if len(all) > 0 {
		return all, nil
	}
	return nil, errors.Join(errs...)
}

func searchSlot(p cryptoki, slot uint, want uri) (list []found, err error) {
	info, err := p.GetSlotInfo(slot)
	if err != nil {
		return nil, err
	}
	token, err := p.GetTokenInfo(slot)
	if err != nil {
		return nil, err
	}
	label, serial := strings.TrimRight(token.Label, " \x00"), strings.TrimRight(token.SerialNumber, " \x00")
	if token.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 || !want.matchesSlot(slot, info.SlotDescription, info.ManufacturerID) ||
		!want.matchesToken(token.Label, token.ManufacturerID, token.Model, token.SerialNumber) {
		return nil, nil
	}
	session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlessGone(p.CloseSession(session))) }()
	objects, err := objects(p, session, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE))
	if err != nil {
		return nil, err
	}
	var above []*x509.Certificate
	for _, o := range objects {
		f, object, err := certificate(p, session, o)
		if err != nil {
			return nil, err
		}
		if f.leaf == nil {
			continue
		}
		if f.leaf.IsCA && !want.namesObject() {
			above = append(above, f.leaf)
			continue
		}
		if want.matchesObject(object, f.id) {
			f.slot, f.label, f.serial = slot, label, serial
			list = append(list, f)
		} else if f.leaf.IsCA {
			above = append(above, f.leaf)
		}
	}
	if token.Flags&pkcs11.CKF_LOGIN_REQUIRED == 0 {
		if list, err = withKeys(p, session, list); err != nil {
			return nil, err
		}
	}
	for i := range list {
		list[i].above = above
	}
	return list, nil
}

// withKeys leaves out the certificates of others: a token that wants no PIN shows
// its keys, and one that has none is a list of certificates, as p11-kit's trust is.
func withKeys(p cryptoki, s pkcs11.SessionHandle, list []found) (own []found, err error) {
	for _, f := range list {
		key, err := findKey(p, s, f.id)
		if err != nil {
			return nil, err
		}
		if key.handle != 0 {
			own = append(own, f)
		}
	}
	return own, nil
}

// certificate reads one; without a leaf it is none that is understood.
func certificate(p cryptoki, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) (f found, label string, err error) {
	values, err := p.GetAttributeValue(s, o, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil), pkcs11.NewAttribute(pkcs11.CKA_ID, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil),
	})
	if err != nil {
		return found{}, "", err
	}
	if der := values[0].Value; len(der) > 0 && len(der) <= maxCertificate {
		if f.leaf, err = x509.ParseCertificate(der); err != nil {
			return found{}, "", nil
		}
	}
	f.id = values[1].Value
	return f, string(values[2].Value), nil
}

// objects lists what has these attributes.
func objects(p cryptoki, s pkcs11.SessionHandle, with ...*pkcs11.Attribute) (list []pkcs11.ObjectHandle, err error) {
	if err := p.FindObjectsInit(s, with); err != nil {
		return nil, err
	}
	list, _, err = p.FindObjects(s, maxObjects)
	return list, errors.Join(err, p.FindObjectsFinal(s))
}

// identity is a certificate on a token as one of the user's.
func (f found) identity() (credential.Identity, error) {
	chain := [][]byte{f.leaf.Raw}
	for _, c := range f.above {
		chain = append(chain, c.Raw)
	}
	id, err := credential.NewIdentity(chain)
	id.Card = f.label
	if id.Card == "" {
		id.Card = "a card"
	}
	return id, err
}

// List gives the certificates on all tokens, or on those that a URI names. A token
// that is named and not there is CauseCardRemoved.
func (c *Cards) List(ctx context.Context, text string) ([]credential.Identity, error) {
	want, err := parseURI(text)
	if err != nil {
		return nil, err
	}
	all, err := c.search(ctx, want)
	if text != "" && len(all) == 0 && (err == nil || unread(err)) {
		return nil, &diagnose.Failure{Cause: diagnose.CauseCardRemoved, Seen: want.path["token"], Err: err}
	}
	if err != nil {
		return nil, explain(err, want.path["token"])
	}
	var list []credential.Identity
	for _, f := range all {
		id, err := f.identity()
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(o credential.Identity) bool { return o.ID == id.ID }) {
			list = append(list, id)
		}
	}
	return list, nil
}

// locate finds the token that has a certificate now.
func (c *Cards) locate(ctx context.Context, text string, leaf []byte) (found, error) {
	want, err := parseURI(text)
	if err != nil {
		return found{}, err
	}
	all, err := c.search(ctx, want)
	if err != nil && !unread(err) {
		return found{}, explain(err, want.path["token"])
	}
	i := slices.IndexFunc(all, func(f found) bool { return bytes.Equal(f.leaf.Raw, leaf) })
	if i < 0 {
		return found{}, &diagnose.Failure{Cause: diagnose.CauseCardRemoved, Seen: want.path["token"], Err: err}
	}
	return all[i], nil
}
