package auth

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
)

// Purpose says whose chain is judged.
type Purpose uint8

// The purposes.
const (
	// ForGateway is an IKE peer (RFC 4945 5.1.3).
	ForGateway Purpose = iota
	// ForEAPServer is a TLS server inside EAP, a RADIUS server for most (RFC 5216 5.3).
	ForEAPServer
)

// Extended key usages that x509 has no name for.
var (
	ekuIPsecIKE        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 17} // id-kp-ipsecIKE, RFC 4945 5.1.3.12
	ekuIKEIntermediate = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 8, 2, 2}  // older Apple and Windows systems ask for it
)

// checkUsages holds the leaf, and every authority below the anchor that limits what
// its certificates are for, against the purpose. An anchor is trusted for all.
func checkUsages(path []*x509.Certificate, purpose Purpose) error {
	if err := checkKeyUsage(path[0], purpose); err != nil {
		return err
	}
	for _, cert := range path[:max(1, len(path)-1)] {
		if err := checkExtendedUsage(cert, purpose); err != nil {
			return err
		}
	}
	return nil
}

// checkKeyUsage is RFC 4945 5.1.3.2: a key usage must allow signatures. A TLS
// server may also have a key that the client encrypts for (RFC 5246 7.4.2).
func checkKeyUsage(cert *x509.Certificate, purpose Purpose) error {
	allowed, words := x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment, "digitalSignature or nonRepudiation"
	if purpose == ForEAPServer {
		allowed, words = x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, "digitalSignature or keyEncipherment"
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&allowed == 0 {
		return certError(cert, Usage, "a key usage without digital signature", words, nil)
	}
	return nil
}

// checkExtendedUsage is RFC 4945 5.1.3.12: an extended key usage, where there is
// one, must be for a server, for IKE or for anything. Of a TLS server IKE's own are
// not enough (RFC 5216 5.3).
func checkExtendedUsage(cert *x509.Certificate, purpose Purpose) error {
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return nil
	}
	if slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return nil
	}
	expected := "one for a server (serverAuth)"
	if purpose == ForGateway {
		expected += " or for IKE (ipsecIKE)"
		for _, oid := range cert.UnknownExtKeyUsage {
			if oid.Equal(ekuIPsecIKE) || oid.Equal(ekuIKEIntermediate) {
				return nil
			}
		}
	}
	what := "a certificate"
	if cert.IsCA {
		what = "an authority, " + subject(cert) + ","
	}
	return certError(cert, Usage, what+" for "+usageNames(cert), expected, nil)
}

func usageNames(cert *x509.Certificate) string {
	known := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageClientAuth:      "clientAuth",
		x509.ExtKeyUsageCodeSigning:     "codeSigning",
		x509.ExtKeyUsageEmailProtection: "emailProtection",
		x509.ExtKeyUsageTimeStamping:    "timeStamping",
		x509.ExtKeyUsageOCSPSigning:     "OCSPSigning",
	}
	var names []string
	for _, u := range cert.ExtKeyUsage {
		if n, ok := known[u]; ok {
			names = append(names, n)
		} else {
			names = append(names, fmt.Sprintf("usage %d", int(u)))
		}
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return strings.Join(names, ", ")
}
