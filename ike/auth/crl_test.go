package auth

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const listAt = "http://crl.example.com/root.crl"

// crl is a list of an authority's; change may spoil it.
func crl(t testing.TB, by *authority, change func(*x509.RevocationList)) []byte {
	t.Helper()
	l := &x509.RevocationList{
		Number: big.NewInt(7), ThisUpdate: testNow.Add(-time.Hour), NextUpdate: testNow.Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(1 << 40), RevocationTime: testNow.Add(-time.Hour)}},
	}
	if change != nil {
		change(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// point is an issuing distribution point (RFC 5280 5.2.5); at "": without a name.
func point(t testing.TB, at string, flags ...uint8) pkix.Extension {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if at != "" {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(at)) })
				})
			})
		}
		for _, f := range flags {
			b.AddASN1(cbasn1.Tag(f).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddUint8(0xFF) })
		}
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidIssuingPoint, Critical: true, Value: der}
}

// RFC 5280 6.3.3: what a list must be to say anything.
func TestJudgeCRL(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), with(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{listAt} }))
	revoked := func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: leaf.cert.SerialNumber, RevocationTime: testNow.Add(-2 * time.Hour), ReasonCode: 1,
		})
	}
	extended := func(e ...pkix.Extension) []byte {
		return crl(t, p.root, func(l *x509.RevocationList) { l.ExtraExtensions = e })
	}
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: derNULL}
	impostor := issue(t, nil, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: p.root.cert.Subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: p.root.cert.SubjectKeyId,
	})
	mute := *p.root.cert
	mute.KeyUsage = x509.KeyUsageCertSign
	for _, row := range []struct {
		name     string
		der      []byte
		issuer   *x509.Certificate
		standing Standing
		complain string
	}{
		{"not in it", crl(t, p.root, nil), p.root.cert, StandingGood, ""},
		{"in it", crl(t, p.root, revoked), p.root.cert, StandingRevoked, ""},
		{"for people's certificates", extended(point(t, listAt, 1)), p.root.cert, StandingGood, ""},
		{"an extension that does not matter", extended(pkix.Extension{Id: []int{1, 2, 3}, Value: derNULL}), p.root.cert, StandingGood, ""},

		{"of an impostor", crl(t, impostor, nil), p.root.cert, 0, "not verify"},
		{"of another authority", crl(t, p.stranger, nil), p.root.cert, 0, "another authority"},
		{"of an authority that may not", crl(t, p.root, nil), &mute, 0, "may not sign"},
		{"old", crl(t, p.root, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = testNow.Add(-48*time.Hour), testNow.Add(-24*time.Hour)
		}), p.root.cert, 0, "ended on"},
		{"of tomorrow", crl(t, p.root, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = testNow.Add(24*time.Hour), testNow.Add(48*time.Hour)
		}), p.root.cert, 0, "to come"},
		{"a delta", extended(pkix.Extension{Id: oidDeltaCRL, Critical: true, Value: []byte{2, 1, 1}}), p.root.cert, 0, "delta"},
		{"indirect", extended(point(t, "", 4)), p.root.cert, 0, "indirect"},
		{"for some reasons alone", extended(point(t, "", 3)), p.root.cert, 0, "some reasons"},
		{"for authorities", extended(point(t, "", 2)), p.root.cert, 0, "other kinds"},
		{"for attributes", extended(point(t, "", 5)), p.root.cert, 0, "other kinds"},
		{"of another point", extended(point(t, "http://crl.example.com/part2.crl")), p.root.cert, 0, "another distribution point"},
		{"a scope that cannot be read", extended(pkix.Extension{Id: oidIssuingPoint, Critical: true, Value: derNULL}), p.root.cert, 0, "cannot be read"},
		{"a critical extension", extended(unknown), p.root.cert, 0, "critical extension"},
		{"a critical extension of an entry", crl(t, p.root, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{unknown}
		}), p.root.cert, 0, "critical extension"},
		{"a page of HTML", []byte("<html>"), p.root.cert, 0, "no CRL"},
		{"huge", make([]byte, MaxCRL+1), p.root.cert, 0, "too large"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f, err := JudgeCRL(row.der, leaf.cert, row.issuer, testNow)
			checkFinding(t, f, err, row.standing, row.complain)
		})
	}
	// A list for people's certificates does not speak of an authority.
	if _, err := JudgeCRL(extended(point(t, "", 1)), p.middle.cert, p.root.cert, testNow); !errors.Is(err, ErrEvidence) {
		t.Errorf("an authority by a list for people: %v", err)
	}
}

// A list that only SHA-1 vouches for proves nothing.
func TestSHA1CRL(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, rsa2048(), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Old Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
	leaf := issue(t, root, ecKey(t, elliptic.P256()), gateway())
	list, err := x509.ParseRevocationList(crl(t, root, nil))
	if err != nil {
		t.Fatal(err)
	}
	fake := &x509.Certificate{RawTBSCertificate: list.RawTBSRevocationList}
	_, err = JudgeCRL(resignSHA1(t, fake, root.key), leaf.cert, root.cert, testNow)
	if !errors.Is(err, ErrEvidence) || !errors.Is(err, ErrSHA1) {
		t.Errorf("%v, want a complaint about SHA-1", err)
	}
}

// Of several answers the newest counts, but nothing outweighs a revocation that is no
// hold; and what proves nothing is passed over.
func TestJudgeRevocation(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	list := func(age time.Duration, reason int) []byte {
		return crl(t, p.root, func(l *x509.RevocationList) {
			l.ThisUpdate = testNow.Add(-age)
			l.RevokedCertificateEntries[0].SerialNumber, l.RevokedCertificateEntries[0].ReasonCode = leaf.cert.SerialNumber, reason
		})
	}
	const compromised = 1
	ocspGood := answer(t, p.root, p.root, leaf.cert, nil) // an hour old
	foreign := answer(t, p.root, p.stranger, leaf.cert, nil)
	for _, row := range []struct {
		name     string
		e        Evidence
		standing Standing
	}{
		{"nothing", Evidence{}, 0},
		{"rubbish", Evidence{OCSP: [][]byte{[]byte("x"), foreign}, CRLs: [][]byte{nil}}, 0},
		{"one among rubbish", Evidence{OCSP: [][]byte{[]byte("x"), ocspGood, foreign}}, StandingGood},
		{"revoked since", Evidence{OCSP: [][]byte{ocspGood}, CRLs: [][]byte{list(time.Minute, compromised)}}, StandingRevoked},
		{"revoked in a list that is dated back", Evidence{OCSP: [][]byte{ocspGood}, CRLs: [][]byte{list(2*time.Hour, compromised)}}, StandingRevoked},
		{"held since", Evidence{OCSP: [][]byte{ocspGood}, CRLs: [][]byte{list(time.Minute, reasonHold)}}, StandingRevoked},
		{"held at the same moment", Evidence{OCSP: [][]byte{ocspGood}, CRLs: [][]byte{list(time.Hour, reasonHold)}}, StandingRevoked},
		{"released since", Evidence{OCSP: [][]byte{ocspGood}, CRLs: [][]byte{list(2*time.Hour, reasonHold)}}, StandingGood},
		{"more than anybody needs", Evidence{OCSP: append(slicesRepeat([]byte("x"), 100), ocspGood)}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f, err := JudgeRevocation(leaf.cert, p.root.cert, row.e, testNow)
			checkFinding(t, f, err, row.standing, "")
		})
	}
}

func TestJudgePath(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.middle, ecKey(t, elliptic.P256()), gateway())
	path := []*x509.Certificate{leaf.cert, p.middle.cert, p.root.cert}
	soon, later := testNow.Add(time.Hour), testNow.Add(2*time.Hour)
	good := func(until time.Time) Finding { return Finding{Standing: StandingGood, Until: until} }
	revoked := Finding{Standing: StandingRevoked, RevokedAt: testNow, Until: later}
	none := errors.New("nothing")
	type known struct {
		f   Finding
		err error
	}
	for _, row := range []struct {
		name         string
		leaf, middle known
		want         Standing
		concerned    *x509.Certificate
		kind         CertificateErrorKind
	}{
		{"all good", known{f: good(later)}, known{f: good(soon)}, StandingGood, nil, ""},
		{"the leaf is revoked", known{f: revoked}, known{f: good(soon)}, StandingRevoked, leaf.cert, Revoked},
		{"its issuer is revoked", known{f: good(soon)}, known{f: revoked}, StandingRevoked, p.middle.cert, Revoked},
		{"revoked outweighs unknown", known{err: none}, known{f: revoked}, StandingRevoked, p.middle.cert, Revoked},
		{"the leaf is unknown", known{err: none}, known{f: good(soon)}, StandingUnknown, leaf.cert, Unverified},
		{"its issuer is unknown", known{f: good(soon)}, known{err: none}, StandingUnknown, p.middle.cert, Unverified},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			v := JudgePath(path, func(cert, issuer *x509.Certificate) (Finding, error) {
				switch {
				case cert == leaf.cert && issuer == p.middle.cert:
					return row.leaf.f, row.leaf.err
				case cert == p.middle.cert && issuer == p.root.cert:
					return row.middle.f, row.middle.err
				}
				t.Errorf("%q, issued by %q, was asked about", cert.Subject, issuer.Subject)
				return Finding{}, none
			})
			if v.Standing != row.want || v.Certificate != row.concerned {
				t.Errorf("%+v", v)
			}
			if row.want == StandingGood && !v.Until.Equal(soon) {
				t.Errorf("until %v", v.Until)
			}
			refusal := v.Refusal()
			if (refusal == nil) != (row.kind == "") {
				t.Fatalf("refusal %v", refusal)
			}
			if refusal != nil {
				checkVerdict(t, refusal, row.kind, "issued by", "")
				if refusal.RevokedAt.Equal(testNow) != (row.kind == Revoked) {
					t.Errorf("revoked at %v", refusal.RevokedAt)
				}
			}
		})
	}
	if v := JudgePath(path[2:], nil); v.Standing != StandingGood || !v.Until.IsZero() || v.Refusal() != nil {
		t.Errorf("an anchor that is the leaf: %+v", v)
	}
	for s, want := range map[Standing]string{StandingUnknown: "unknown", StandingGood: "good", StandingRevoked: "revoked"} {
		if s.String() != want {
			t.Errorf("%d is %q", s, s)
		}
	}
}

func fixedLists(f *testing.F, root *authority) [][]byte {
	return [][]byte{
		crl(f, root, nil),
		crl(f, root, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point(f, listAt, 1)}
			l.RevokedCertificateEntries[0].SerialNumber, l.RevokedCertificateEntries[0].ReasonCode = fixedLeaf.SerialNumber, reasonHold
		}),
		crl(f, root, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = testNow.Add(-48*time.Hour), testNow.Add(-24*time.Hour)
			l.RevokedCertificateEntries[0].SerialNumber = fixedLeaf.SerialNumber
		}),
	}
}

func FuzzJudgeCRL(f *testing.F) {
	root := fixedAuthority(f)
	for _, der := range fixedLists(f, root) {
		f.Add(der)
	}
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, der []byte) {
		finding, err := JudgeCRL(der, fixedLeaf, root.cert, testNow)
		if !believable(t, finding, err) {
			return
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil || list.CheckSignatureFrom(root.cert) != nil {
			t.Errorf("a list that is not the authority's counts: %v", finding)
		}
	})
}

// FuzzSignedCRL signs what comes, so that all of it is read.
func FuzzSignedCRL(f *testing.F) {
	root := fixedAuthority(f)
	for _, der := range fixedLists(f, root) {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(list.RawTBSRevocationList)
	}
	f.Fuzz(func(t *testing.T, signed []byte) {
		algorithm, signature := signDER(t, root, signed)
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(signed)
			b.AddBytes(algorithm)
			b.AddASN1BitString(signature)
		})
		der, err := b.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		finding, err := JudgeCRL(der, fixedLeaf, root.cert, testNow)
		if !believable(t, finding, err) {
			return
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatalf("believed, and then: %v", err)
		}
		in := slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return e.SerialNumber.Cmp(fixedLeaf.SerialNumber) == 0
		})
		if in != (finding.Standing == StandingRevoked) {
			t.Errorf("%v, in the list: %v", finding.Standing, in)
		}
	})
}

func FuzzIssuingPoint(f *testing.F) {
	f.Add(point(f, listAt, 1).Value)
	f.Add(point(f, "", 2, 4, 5).Value)
	cert := &x509.Certificate{CRLDistributionPoints: []string{listAt}}
	f.Fuzz(func(t *testing.T, der []byte) {
		if checkIssuingPoint(der, cert) != "" {
			return
		}
		// Whatever is taken, another reader of DER finds the same in it.
		var scope struct {
			Point      asn1.RawValue  `asn1:"optional,tag:0"`
			Users      bool           `asn1:"optional,tag:1"`
			Authority  bool           `asn1:"optional,tag:2"`
			Reasons    asn1.BitString `asn1:"optional,tag:3"`
			Indirect   bool           `asn1:"optional,tag:4"`
			Attributes bool           `asn1:"optional,tag:5"`
		}
		if rest, err := asn1.Unmarshal(der, &scope); err != nil || len(rest) > 0 || scope.Indirect || scope.Authority || scope.Attributes || scope.Reasons.BitLength > 0 {
			t.Errorf("%+v is taken for a whole list: %v", scope, err)
		}
	})
}
