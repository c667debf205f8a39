package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// responder issues a certificate for OCSP; change may spoil it.
func responder(t testing.TB, parent *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Responder"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: oidOCSPNoCheck, Value: derNULL}},
	}
	if change != nil {
		change(c)
	}
	return issue(t, parent, ecKey(t, elliptic.P256()), c)
}

// answer is a response about a certificate, by x/crypto/ocsp, which shares no code
// with this package.
func answer(t testing.TB, issuer, signer *authority, cert *x509.Certificate, change func(*ocsp.Response)) []byte {
	t.Helper()
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: cert.SerialNumber, ThisUpdate: testNow.Add(-time.Hour), NextUpdate: testNow.Add(time.Hour)}
	if signer != issuer {
		r.Certificate = signer.cert
	}
	if change != nil {
		change(&r)
	}
	der, err := ocsp.CreateResponse(issuer.cert, signer.cert, r, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// RFC 6960 3.2: what a response must be to say anything.
func TestJudgeOCSP(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	good := responder(t, p.root, nil)
	impostor := issue(t, nil, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: p.root.cert.Subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	rsaRoot := issue(t, nil, rsa2048(), &x509.Certificate{
		Subject: pkix.Name{CommonName: "RSA Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	edRoot := issue(t, nil, edKey(t), &x509.Certificate{Subject: pkix.Name{CommonName: "Ed"}, IsCA: true, BasicConstraintsValid: true})
	sameSerial := func(c *authority) *x509.Certificate {
		return &x509.Certificate{SerialNumber: c.cert.SerialNumber, Raw: c.der}
	}
	by := func(change func(*x509.Certificate)) []byte {
		return answer(t, p.root, responder(t, p.root, change), leaf.cert, nil)
	}
	timed := func(this, next time.Duration) []byte {
		return answer(t, p.root, p.root, leaf.cert, func(r *ocsp.Response) {
			r.ThisUpdate, r.NextUpdate = testNow.Add(this), testNow.Add(next)
		})
	}
	for _, row := range []struct {
		name     string
		der      []byte
		issuer   *authority
		standing Standing
		complain string // of what proves nothing
	}{
		{"the issuer's own", answer(t, p.root, p.root, leaf.cert, nil), p.root, StandingGood, ""},
		{"the issuer's own, by RSA", answer(t, rsaRoot, rsaRoot, leaf.cert, nil), rsaRoot, StandingGood, ""},
		{"a responder's", answer(t, p.root, good, leaf.cert, nil), p.root, StandingGood, ""},
		{"the issuer named by SHA-256", answer(t, p.root, p.root, leaf.cert, func(r *ocsp.Response) { r.IssuerHash = crypto.SHA256 }), p.root, StandingGood, ""},
		{"revoked", answer(t, p.root, good, leaf.cert, func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, testNow.Add(-2*time.Hour), ocsp.KeyCompromise
		}), p.root, StandingRevoked, ""},
		{"unknown", answer(t, p.root, good, leaf.cert, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), p.root, 0, "does not know"},
		{"a little ahead of our clock", timed(4*time.Minute, time.Hour), p.root, StandingGood, ""},
		{"a little behind our clock", timed(-time.Hour, -4*time.Minute), p.root, StandingGood, ""},

		{"an old one, replayed", timed(-48*time.Hour, -24*time.Hour), p.root, 0, "ended on"},
		{"revoked, of long ago", answer(t, p.root, p.root, leaf.cert, func(r *ocsp.Response) {
			r.Status, r.RevokedAt = ocsp.Revoked, testNow.Add(-49*time.Hour)
			r.ThisUpdate, r.NextUpdate = testNow.Add(-48*time.Hour), testNow.Add(-24*time.Hour)
		}), p.root, StandingRevoked, ""},
		{"on hold, of long ago", answer(t, p.root, p.root, leaf.cert, func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, testNow.Add(-49*time.Hour), ocsp.CertificateHold
			r.ThisUpdate, r.NextUpdate = testNow.Add(-48*time.Hour), testNow.Add(-24*time.Hour)
		}), p.root, 0, "ended on"},
		{"one of tomorrow", timed(24*time.Hour, 48*time.Hour), p.root, 0, "to come"},
		{"another serial number", answer(t, p.root, p.root, p.middle.cert, nil), p.root, 0, "other certificates"},
		{"another issuer, same serial number", answer(t, p.stranger, p.stranger, sameSerial(leaf), nil), p.root, 0, "other certificates"},
		{"about us, by somebody else", answer(t, p.root, p.stranger, leaf.cert, nil), p.root, 0, "not certified"},
		{"about us, by nobody", rewriteNobody(t, answer(t, p.root, p.root, leaf.cert, nil), p.stranger), p.root, 0, "somebody unknown"},
		{"an issuer of the same name with another key", answer(t, p.root, impostor, leaf.cert, nil), p.root, 0, "not verify"},
		{"a responder of another authority", answer(t, p.root, responder(t, p.stranger, nil), leaf.cert, nil), p.root, 0, "not certified"},
		{"a responder of an issuer with the same name", answer(t, p.root, responder(t, impostor, nil), leaf.cert, nil), p.root, 0, "not certified"},
		{"a responder of an authority below the issuer", answer(t, p.root, responder(t, p.middle, nil), leaf.cert, nil), p.root, 0, "not certified"},
		{"a gateway that answers for itself", answer(t, p.root, leaf, leaf.cert, nil), p.root, 0, "not for OCSP"},
		{"a responder for anything", by(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }), p.root, 0, "not for OCSP"},
		{"a responder that may not sign", by(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), p.root, 0, "not for signatures"},
		{"a responder whose certificate has expired", by(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = testNow.Add(-48*time.Hour), testNow.Add(-time.Hour)
		}), p.root, 0, "not valid now"},
		{"a responder that would have to be checked", by(func(c *x509.Certificate) { c.ExtraExtensions = nil }), p.root, 0, "have to be checked"},
		{"a responder with a critical extension", by(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3}, Critical: true, Value: derNULL})
		}), p.root, 0, "critical extension"},
		{"a critical extension", answer(t, p.root, p.root, leaf.cert, func(r *ocsp.Response) {
			r.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: derNULL}}
		}), p.root, 0, "critical extension"},
		{"by SHA-1", answer(t, rsaRoot, rsaRoot, leaf.cert, func(r *ocsp.Response) { r.SignatureAlgorithm = x509.SHA1WithRSA }), rsaRoot, 0, "SHA-1"},
		{"a responder with no key of that kind", answer(t, p.root, p.root, leaf.cert, nil), &authority{cert: &x509.Certificate{
			RawSubject: p.root.cert.RawSubject, RawSubjectPublicKeyInfo: p.root.cert.RawSubjectPublicKeyInfo, PublicKey: edRoot.cert.PublicKey,
		}}, 0, "not verify"},
		{"try later", ocsp.TryLaterErrorResponse, p.root, 0, "try later"},
		{"unauthorized", ocsp.UnauthorizedErrorResponse, p.root, 0, "unauthorized"},
		{"a page of HTML", []byte("<html><body>Sign in to the hotel's network</body></html>"), p.root, 0, "no OCSP response"},
		{"nothing", nil, p.root, 0, "no OCSP response"},
		{"too much", make([]byte, MaxOCSP+1), p.root, 0, "too large"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f, err := JudgeOCSP(row.der, leaf.cert, row.issuer.cert, []byte{1, 2, 3}, testNow)
			checkFinding(t, f, err, row.standing, row.complain)
		})
	}
}

func checkFinding(t *testing.T, f Finding, err error, want Standing, complain string) {
	t.Helper()
	if want != StandingUnknown {
		if err != nil || f.Standing != want || f.Until.IsZero() || f.Issued.IsZero() {
			t.Fatalf("%+v, %v; want %v", f, err, want)
		}
		if f.RevokedAt.IsZero() != (want == StandingGood) {
			t.Errorf("revoked at %v", f.RevokedAt)
		}
		return
	}
	if !errors.Is(err, ErrEvidence) || !strings.Contains(err.Error(), complain) {
		t.Errorf("%v, %v; want %q", f, err, complain)
	}
}

// A response that does not say when the next one comes holds for an hour.
func TestOCSPWithoutNextUpdate(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	for age, want := range map[time.Duration]Standing{time.Minute: StandingGood, 2 * time.Hour: StandingUnknown} {
		der := rewrite(t, answer(t, p.root, p.root, leaf.cert, func(r *ocsp.Response) { r.ThisUpdate = testNow.Add(-age) }), p.root, rewriting{noNext: true})
		f, err := JudgeOCSP(der, leaf.cert, p.root.cert, nil, testNow)
		checkFinding(t, f, err, want, "ended on")
	}
}

// rewriting is what rewrite changes in a response before it signs it anew.
type rewriting struct {
	noNext   bool
	nonce    []byte
	critical bool // an unknown critical extension of the whole response
	byKey    bool
	extra    [][]byte // certificates before the responder's own
	revoked  bool     // a second answer about the same certificate, which says so
}

// signDER signs what is then wrapped.
func signDER(t testing.TB, signer *authority, signed []byte) (algorithm, signature []byte) {
	t.Helper()
	scheme, err := ECDSASHA256.info()
	if err != nil {
		t.Fatal(err)
	}
	if algorithm, err = scheme.identifier(); err != nil {
		t.Fatal(err)
	}
	if signature, err = Sign(signer.key, ECDSASHA256, nil, signed); err != nil {
		t.Fatal(err)
	}
	return algorithm, signature
}

// rewrite takes a response of one answer apart and makes another of it.
func rewrite(t testing.TB, der []byte, signer *authority, w rewriting) []byte {
	t.Helper()
	r, complaint := parseOCSP(der)
	if complaint != "" {
		t.Fatal(complaint)
	}
	s := r.singles[0]
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if w.byKey {
			key, _ := keyBits(signer.cert)
			b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest(crypto.SHA1, key)) })
		} else {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { b.AddBytes(signer.cert.RawSubject) })
		}
		b.AddASN1GeneralizedTime(testNow)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addSingle(b, s, w.noNext, false)
			if w.revoked {
				addSingle(b, s, w.noNext, true)
			}
		})
		if w.nonce != nil || w.critical {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						if w.critical {
							b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 3})
							b.AddASN1Boolean(true)
						} else {
							b.AddASN1ObjectIdentifier(oidOCSPNonce)
						}
						b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(w.nonce) })
					})
				})
			})
		}
	})
	signed, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	algorithm, signature := signDER(t, signer, signed)
	return wrapOCSP(t, signed, algorithm, signature, append(w.extra, signer.der))
}

func addSingle(b *cryptobyte.Builder, s ocspSingle, noNext, revoked bool) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidSHA1) })
			b.AddASN1OctetString(s.nameHash)
			b.AddASN1OctetString(s.keyHash)
			b.AddBytes(s.serial)
		})
		if revoked {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.thisUpdate) })
		} else {
			b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
		}
		b.AddASN1GeneralizedTime(s.thisUpdate)
		if !noNext {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.update) })
		}
	})
}

func wrapOCSP(t testing.TB, signed, algorithm, signature []byte, certs [][]byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidOCSPBasic)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(signed)
						b.AddBytes(algorithm)
						b.AddASN1BitString(signature)
						b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
							b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
								for _, c := range certs {
									b.AddBytes(c)
								}
							})
						})
					})
				})
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// RFC 8954: a nonce that comes back must be ours, whatever the responder; one that
// does not come back is no fault.
func TestOCSPNonce(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	plain := answer(t, p.root, p.root, leaf.cert, nil)
	for _, row := range []struct {
		name       string
		sent, back []byte
		standing   Standing
	}{
		{"ours", []byte{1, 2}, []byte{1, 2}, StandingGood},
		{"none", []byte{1, 2}, nil, StandingGood},
		{"unasked, as in what is kept", nil, []byte{1, 2}, StandingGood},
		{"another's", []byte{1, 2}, []byte{3}, StandingUnknown},
		{"empty", []byte{1, 2}, []byte{}, StandingUnknown},
	} {
		f, err := JudgeOCSP(rewrite(t, plain, p.root, rewriting{nonce: row.back}), leaf.cert, p.root.cert, row.sent, testNow)
		t.Run(row.name, func(t *testing.T) { checkFinding(t, f, err, row.standing, "another request") })
	}
}

// RFC 6960 4.2.1 and 4.2.2.3: responders named by key, and other certificates beside
// theirs.
func TestOCSPForms(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	good := responder(t, p.root, nil)
	lapsed := responder(t, p.root, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = testNow.Add(-48*time.Hour), testNow.Add(-time.Hour)
	})
	plain := answer(t, p.root, good, leaf.cert, nil)
	for _, row := range []struct {
		name     string
		w        rewriting
		standing Standing
		complain string
	}{
		{"by key", rewriting{byKey: true}, StandingGood, ""},
		{"good and revoked in one", rewriting{revoked: true}, StandingRevoked, ""},
		{"the responder's last certificate beside its next", rewriting{extra: [][]byte{lapsed.der}}, StandingGood, ""},
		{"others beside", rewriting{extra: [][]byte{p.stranger.der, p.root.der}}, StandingGood, ""},
		{"too many beside", rewriting{extra: slicesRepeat(p.root.der, maxResponders)}, 0, "no OCSP response"},
		{"a critical extension of the response", rewriting{critical: true}, 0, "no OCSP response"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f, err := JudgeOCSP(rewrite(t, plain, good, row.w), leaf.cert, p.root.cert, nil, testNow)
			checkFinding(t, f, err, row.standing, row.complain)
		})
	}
	if _, err := JudgeOCSP(append(bytes.Clone(plain), 0), leaf.cert, p.root.cert, nil, testNow); !errors.Is(err, ErrEvidence) {
		t.Errorf("with something behind it: %v", err)
	}
}

// rewriteNobody signs a response anew and leaves the signer's certificate out.
func rewriteNobody(t testing.TB, der []byte, signer *authority) []byte {
	t.Helper()
	r, complaint := parseOCSP(rewrite(t, der, signer, rewriting{}))
	if complaint != "" {
		t.Fatal(complaint)
	}
	return wrapOCSP(t, r.signed, r.algorithm, r.signature, nil)
}

func slicesRepeat(der []byte, n int) (out [][]byte) {
	for range n {
		out = append(out, der)
	}
	return out
}

// The request is what x/crypto/ocsp reads as one about this certificate.
func TestOCSPRequest(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	plain, err := OCSPRequest(leaf.cert, p.root.cert, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ocsp.CreateRequest(leaf.cert, p.root.cert, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain, want) {
		t.Errorf("%x, want %x", plain, want)
	}
	withNonce, err := OCSPRequest(leaf.cert, p.root.cert, []byte{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ocsp.ParseRequest(withNonce)
	if err != nil || r.SerialNumber.Cmp(leaf.cert.SerialNumber) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if !bytes.Contains(withNonce, []byte{4, 6, 4, 4, 1, 2, 3, 4}) {
		t.Errorf("no nonce in %x", withNonce)
	}
	if _, err := OCSPRequest(leaf.cert, &x509.Certificate{}, nil); err == nil {
		t.Error("an issuer without a key has a request")
	}
}

// fixedAuthority has the same key, name and serial number in every process. Those who
// fuzz are several, and to each the seeds of the others must verify.
func fixedAuthority(t testing.TB) *authority {
	t.Helper()
	secret := sha256.Sum256([]byte("the authority of the fuzz targets"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, nil, key, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Fixed"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
}

// fixedLeaf and fixedOther have been issued by it, as far as answers are concerned.
var (
	fixedLeaf  = &x509.Certificate{SerialNumber: big.NewInt(4242), CRLDistributionPoints: []string{listAt}}
	fixedOther = &x509.Certificate{SerialNumber: big.NewInt(99)}
)

// believable holds a finding against what nothing may be believed without.
func believable(t *testing.T, f Finding, err error) bool {
	t.Helper()
	switch {
	case err != nil && !errors.Is(err, ErrEvidence):
		t.Errorf("not a complaint: %v", err)
	case err == nil && f.Standing == StandingUnknown:
		t.Error("no complaint about what says nothing")
	case err == nil && f.Standing == StandingGood && f.Until.Before(testNow.Add(-clockSkew)):
		t.Errorf("an old answer counts: %+v", f)
	case err == nil && f.Issued.After(testNow.Add(clockSkew)):
		t.Errorf("an answer to come counts: %+v", f)
	}
	return err == nil
}

func fixedResponses(f *testing.F, root *authority) [][]byte {
	good := responder(f, root, nil)
	plain := answer(f, root, good, fixedLeaf, nil)
	return [][]byte{
		answer(f, root, root, fixedLeaf, nil), plain,
		rewrite(f, plain, root, rewriting{nonce: []byte{1}, byKey: true, revoked: true}),
		rewrite(f, plain, root, rewriting{critical: true, noNext: true}),
		answer(f, root, good, fixedLeaf, func(r *ocsp.Response) { r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, testNow, 6 }),
		answer(f, root, root, fixedLeaf, func(r *ocsp.Response) { r.Status, r.IssuerHash = ocsp.Unknown, crypto.SHA256 }),
	}
}

func FuzzJudgeOCSP(f *testing.F) {
	root := fixedAuthority(f)
	for _, der := range fixedResponses(f, root) {
		f.Add(der)
	}
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, der []byte) {
		finding, err := JudgeOCSP(der, fixedLeaf, root.cert, nil, testNow)
		if !believable(t, finding, err) {
			return
		}
		// Whatever is believed here, x/crypto/ocsp can read, and finds signed.
		if _, err := ocsp.ParseResponseForCert(der, fixedLeaf, nil); err != nil {
			t.Errorf("believed, but unreadable elsewhere: %v", err)
		}
		if _, err := JudgeOCSP(der, fixedOther, root.cert, nil, testNow); err == nil {
			t.Error("one answer for every certificate")
		}
	})
}

// FuzzSignedOCSP signs what comes, so that all of it is read.
func FuzzSignedOCSP(f *testing.F) {
	root := fixedAuthority(f)
	for _, der := range fixedResponses(f, root) {
		r, complaint := parseOCSP(der)
		if r == nil {
			if !strings.Contains(complaint, "no OCSP") { // the one with the critical extension
				f.Fatal(complaint)
			}
			continue
		}
		f.Add(r.signed)
	}
	f.Fuzz(func(t *testing.T, signed []byte) {
		algorithm, signature := signDER(t, root, signed)
		der := wrapOCSP(t, signed, algorithm, signature, [][]byte{root.der})
		finding, err := JudgeOCSP(der, fixedLeaf, root.cert, nil, testNow)
		if !believable(t, finding, err) {
			return
		}
		r, complaint := parseOCSP(der)
		if complaint != "" {
			t.Fatalf("believed, and then: %s", complaint)
		}
		other, err := ocsp.ParseResponseForCert(der, fixedLeaf, root.cert)
		if err == nil && len(r.about(fixedLeaf, root.cert)) == 1 && len(r.singles) == 1 &&
			(other.Status == ocsp.Good) != (finding.Standing == StandingGood) {
			t.Errorf("%v here, %d elsewhere", finding.Standing, other.Status)
		}
	})
}
