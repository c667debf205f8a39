package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Whether a certificate has been taken back, judged from evidence that somebody
// else has brought: OCSP responses (RFC 6960, ocsp.go) and CRLs (RFC 5280 6.3,
// crl.go). Nothing is fetched here.
//
//	evidence -> signed by whom the issuer lets -> about this certificate -> fresh -> what outweighs the rest

// Standing is what is known of a certificate's revocation.
type Standing uint8

// The standings.
const (
	StandingUnknown Standing = iota
	StandingGood
	StandingRevoked
)

// String names the standing.
func (s Standing) String() string {
	return [...]string{"unknown", "good", "revoked"}[min(s, StandingRevoked)]
}

const (
	// MaxOCSP is the largest OCSP response that is looked at, in octets.
	MaxOCSP = 64 << 10
	// MaxCRL is the largest CRL that is looked at, in octets. Read, it takes about
	// six times as much.
	MaxCRL = 4 << 20
	// maxEvidence bounds the responses and lists that are looked at in one go.
	maxEvidence = 16
	// clockSkew is how far the clocks of an authority and of this machine may be apart.
	clockSkew = 5 * time.Minute
	// withoutNext is how long a response holds that does not say when the next one
	// comes.
	withoutNext = time.Hour
)

// ErrEvidence is in every error that says that a response or a list proves nothing.
var ErrEvidence = errors.New("proves nothing about the certificate")

// ErrNoPlace says that a certificate names no place to ask whether it is revoked. Its
// authority does not say so of any.
var ErrNoPlace = errors.New("the certificate names no place to ask whether it is revoked")

func unusable(what string, err error) error {
	if err == nil {
		return fmt.Errorf("auth: %s: %w", what, ErrEvidence)
	}
	return fmt.Errorf("auth: %s: %w: %w", what, ErrEvidence, err)
}

// Finding is what evidence says of one certificate.
type Finding struct {
	Standing  Standing // StandingGood or StandingRevoked
	RevokedAt time.Time
	// Hold: revoked, but only until further notice (RFC 5280 5.3.1).
	Hold   bool
	Issued time.Time // thisUpdate
	Until  time.Time // nextUpdate, or what stands for it; never zero
}

// Outweighs says whether f counts, and not o. What has been revoked stays so, unless it
// was a hold, so that no answer about anything else undoes it, however new: lists are
// dated back, and responders lag behind them. Else the newer one counts.
func (f Finding) Outweighs(o Finding) bool {
	switch {
	case f.final() != o.final():
		return f.final()
	case f.Issued.Equal(o.Issued):
		return f.Standing > o.Standing
	}
	return f.Issued.After(o.Issued)
}

func (f Finding) final() bool { return f.Standing == StandingRevoked && !f.Hold }

// reasonHold is the certificateHold of CRLReason (RFC 5280 5.3.1).
const reasonHold = 6

// Evidence is what is at hand, DER. What proves nothing is passed over.
type Evidence struct{ OCSP, CRLs [][]byte }

// JudgeRevocation says what the evidence tells of a certificate that issuer has
// issued. Of several answers that counts which outweighs the others. The error says why
// there is none.
func JudgeRevocation(cert, issuer *x509.Certificate, e Evidence, now time.Time) (known Finding, err error) {
	err = unusable("nothing was said about it", nil)
	if len(e.OCSP)+len(e.CRLs) > maxEvidence {
		e.OCSP, e.CRLs = e.OCSP[:min(len(e.OCSP), maxEvidence/2)], e.CRLs[:min(len(e.CRLs), maxEvidence/2)]
	}
	take := func(f Finding, ferr error) {
		switch {
		case ferr == nil && (known.Standing == StandingUnknown || f.Outweighs(known)):
			known, err = f, nil
		case ferr != nil && known.Standing == StandingUnknown:
			err = ferr
		}
	}
	for _, der := range e.OCSP {
		take(JudgeOCSP(der, cert, issuer, nil, now))
	}
	for _, der := range e.CRLs {
		take(JudgeCRL(der, cert, issuer, now))
	}
	return known, err
}

// fresh is the common rule for the two dates of a response or a list. What says that a
// certificate has been revoked for good says so for ever: whoever has stolen its key
// only had to keep everybody from asking again until that has ended.
func fresh(what string, f *Finding, next, now time.Time) error {
	if f.Until = next; next.IsZero() {
		f.Until = f.Issued.Add(withoutNext)
	}
	switch {
	case f.Issued.After(now.Add(clockSkew)):
		return unusable(what+" of "+date(f.Issued)+", which is to come", nil)
	case f.Until.Before(now.Add(-clockSkew)) && !f.final():
		return unusable(what+" that ended on "+date(f.Until), nil)
	}
	return nil
}

// PathVerdict is what is known of all certificates of a path.
type PathVerdict struct {
	Standing Standing
	// Certificate is the revoked one, or the first of which nothing is known; nil of
	// a good path.
	Certificate *x509.Certificate
	RevokedAt   time.Time
	// Until is when the first of the answers ends; zero where there is none, or none
	// was needed.
	Until time.Time
	// Issued is when the oldest of the answers was given; zero as Until is.
	Issued time.Time
	Err    error // StandingUnknown: why
}

// JudgePath judges a path of VerifyPath: every certificate but the anchor, which
// nobody vouches for but who has put it there. find gives what is known of one.
// One that is revoked outweighs all that is unknown.
func JudgePath(path []*x509.Certificate, find func(cert, issuer *x509.Certificate) (Finding, error)) PathVerdict {
	v := PathVerdict{Standing: StandingGood}
	for i := range len(path) - 1 {
		f, err := find(path[i], path[i+1])
		if err == nil && f.Standing == StandingRevoked {
			return PathVerdict{Standing: StandingRevoked, Certificate: path[i], RevokedAt: f.RevokedAt, Until: f.Until, Issued: f.Issued}
		}
		if err == nil && (v.Until.IsZero() || f.Until.Before(v.Until)) {
			v.Until = f.Until
		}
		if err == nil && (v.Issued.IsZero() || f.Issued.Before(v.Issued)) {
			v.Issued = f.Issued
		}
		if err != nil && v.Standing == StandingGood {
			v.Standing, v.Certificate, v.Err = StandingUnknown, path[i], err
		}
	}
	return v
}

// Refusal is the verdict as an error for whoever wanted a good one; nil of a good path.
func (v PathVerdict) Refusal() *CertificateError {
	switch v.Standing {
	case StandingRevoked:
		e := certError(v.Certificate, Revoked, issuedBy(v.Certificate), "a certificate that its issuer stands by", nil)
		e.RevokedAt = v.RevokedAt
		return e
	case StandingUnknown:
		return certError(v.Certificate, Unverified, issuedBy(v.Certificate), "word from its issuer that it is not revoked", v.Err)
	}
	return nil
}

func issuedBy(cert *x509.Certificate) string {
	return subject(cert) + ", issued by " + name(cert.Issuer.String(), cert.Issuer.CommonName)
}
