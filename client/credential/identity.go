package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Identity is a certificate of the user's with the chain above it. All of it is
// public: the key is elsewhere, sealed or on a card.
type Identity struct {
	ID    string // 32 hex digits out of the leaf's SHA-256
	Leaf  *x509.Certificate
	Chain [][]byte // DER, leaf first, without the root: what is sent
	// Above are the authorities that came along, roots included: they say who has
	// issued the leaf, and are sent only as far as they stand in Chain.
	Above []*x509.Certificate
	// Card names the card or token that has the key; empty: it is in the sealed store.
	Card string
}

// maxName bounds a name in a sentence, in bytes.
const maxName = 100

// NewIdentity makes an Identity of certificates in DER, the leaf first.
func NewIdentity(chain [][]byte) (Identity, error) {
	var id Identity
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return Identity{}, fmt.Errorf("credential: a certificate: %w", err)
		}
		if i == 0 {
			id.Leaf, id.ID = c, identityID(der)
			continue
		}
		id.Above = append(id.Above, c)
	}
	if id.Leaf == nil {
		return Identity{}, errors.New("credential: no certificate")
	}
	id.Chain = id.order()
	return id, nil
}

func identityID(leaf []byte) string {
	sum := sha256.Sum256(leaf)
	return hex.EncodeToString(sum[:16])
}

// order walks from the leaf to its issuers, as far as they are there.
func (id *Identity) order() [][]byte {
	chain := [][]byte{id.Leaf.Raw}
	for at := id.Leaf; len(chain) <= len(id.Above); {
		next := id.above(at)
		if next == nil || selfIssued(next) {
			break
		}
		chain = append(chain, next.Raw)
		at = next
	}
	return chain
}

// above gives the authority that has issued a certificate, nil where it is not there.
func (id *Identity) above(c *x509.Certificate) *x509.Certificate {
	if selfIssued(c) {
		return nil
	}
	var named *x509.Certificate
	for _, a := range id.Above {
		if !bytes.Equal(a.RawSubject, c.RawIssuer) {
			continue
		}
		if c.CheckSignatureFrom(a) == nil {
			return a
		}
		if named == nil {
			named = a
		}
	}
	return named
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// Name is whose certificate it is: "Alice Example".
func (id *Identity) Name() string { return holderName(id.Leaf) }

// Issuer is who has issued it: "Example Corp Staff CA".
func (id *Identity) Issuer() string {
	if selfIssued(id.Leaf) {
		return "itself"
	}
	if name := id.Leaf.Issuer.CommonName; name != "" {
		return profile.CleanText(name, maxName)
	}
	return profile.CleanText(id.Leaf.Issuer.String(), maxName)
}

// holderName is the common name, else another name of the certificate's.
func holderName(c *x509.Certificate) string {
	for _, name := range append([]string{c.Subject.CommonName}, append(c.EmailAddresses, c.DNSNames...)...) {
		if name != "" {
			return profile.CleanText(name, maxName)
		}
	}
	if name := c.Subject.String(); name != "" {
		return profile.CleanText(name, maxName)
	}
	return "a certificate without a name"
}

// String says what it is in one line for a person: "Alice Example, issued by
// Example Corp Staff CA, until 3 March 2027".
func (id *Identity) String() string {
	parts := []string{id.Name(), "issued by " + id.Issuer(), "until " + id.Leaf.NotAfter.Local().Format(dateForm)}
	if id.Card != "" {
		parts = append(parts, "on "+profile.CleanText(id.Card, maxName))
	}
	return strings.Join(parts, ", ")
}

const dateForm = "2 January 2006"

// Expiry says in a sentence that a certificate ends soon or has ended; empty: there
// is time enough.
func (id *Identity) Expiry(now time.Time) string {
	v := diagnose.Validity{From: id.Leaf.NotBefore, Until: id.Leaf.NotAfter}
	return v.OwnExpiry("The certificate of "+id.Name(), now)
}
