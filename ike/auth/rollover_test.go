package auth

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"
)

// RFC 5280 6.1: an authority has had several keys under one name, and has been certified
// by another. Each path is tried, in whatever order the certificates came.
func TestRollover(t *testing.T) {
	t.Parallel()
	keys := []*authority{newAuthority(t, "Company", nil), newAuthority(t, "Company", nil), newAuthority(t, "Company", nil)}
	other := newAuthority(t, "Other Root", nil)
	// The second key, certified by another root.
	crossed := issue(t, other, keys[1].key, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Company"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	lapsed := issue(t, nil, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Lapsed"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: testNow.Add(-48 * time.Hour), NotAfter: testNow.Add(-time.Hour),
	})
	middle := newAuthority(t, "Middle", keys[1])
	leaf := issue(t, middle, ecKey(t, elliptic.P256()), gateway())
	ofLapsed := issue(t, lapsed, ecKey(t, elliptic.P256()), gateway())
	three := [][]byte{keys[0].der, keys[1].der, keys[2].der}
	for _, row := range []struct {
		name    string
		chain   []*authority
		anchors [][]byte
		pin     *authority
		kind    CertificateErrorKind
		seen    string
	}{
		{"three anchors of one name", []*authority{leaf, middle}, three, nil, "", ""},
		{"out of order", []*authority{leaf, keys[2], crossed, other, middle}, three, nil, "", ""},
		{"by the other root alone", []*authority{leaf, crossed, middle}, [][]byte{other.der}, nil, "", ""},
		{"pinned to the other root, with both trusted", []*authority{leaf, middle, crossed}, append(three[:3:3], other.der), other, "", ""},
		{"pinned to a key of the same name", []*authority{leaf, middle, crossed}, three, keys[0], NotPinned, "sha256/"},
		{"the other keys of that name", []*authority{leaf, middle}, [][]byte{keys[0].der, keys[2].der}, nil, Untrusted, "Company"},
		{"an anchor that has ended", []*authority{ofLapsed}, [][]byte{lapsed.der}, nil, Expired, `"Lapsed" ended`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := ChainPolicy{Anchors: row.anchors, Name: "vpn.example.com", Now: testNow}
			if row.pin != nil {
				p.Pins = [][32]byte{Pin(row.pin.cert)}
			}
			var chain [][]byte
			for _, c := range row.chain {
				chain = append(chain, c.der)
			}
			err := VerifyChain(chain, p)
			checkVerdict(t, err, row.kind, row.seen, "")
			var e *CertificateError
			if errors.As(err, &e) && (e.Authority == `"Lapsed"`) != (row.kind == Expired) {
				t.Errorf("about %q", e.Authority)
			}
		})
	}
	// A list of the last key says nothing about what the next one has issued.
	if _, err := JudgeCRL(crl(t, keys[0], nil), middle.cert, keys[1].cert, testNow); err == nil || !strings.Contains(err.Error(), "not verify") {
		t.Errorf("a list by the last key: %v", err)
	}
}
