package auth

import (
	"crypto/x509"
	"net/netip"
	"strings"
)

// checkNames looks for the names of the policy in the certificate's SAN. The common
// name is not looked at (RFC 4945 5.1.3.3 wants identities in the SAN).
func checkNames(cert *x509.Certificate, p ChainPolicy) error {
	want := []string{p.Name}
	if p.Purpose == ForEAPServer {
		want = p.Names
	}
	if p.Purpose == ForEAPServer && len(want) == 1 && want[0] == "*" {
		return nil
	}
	if len(want) == 0 {
		return certError(cert, WrongName, sanNames(cert), "a name, but the profile has none", nil)
	}
	for _, w := range want {
		if suffix, wild := strings.CutPrefix(w, "*."); wild && p.Purpose == ForEAPServer {
			if belowSuffix(cert, suffix) {
				return nil
			}
			continue
		}
		id, err := ParseIdentity(w)
		if err != nil {
			return certError(cert, WrongName, sanNames(cert), "a name, but the profile has none", err)
		}
		if inCertificate(cert, id) {
			return nil
		}
	}
	return certError(cert, WrongName, sanNames(cert), strings.Join(want, " or "), nil)
}

// belowSuffix says whether a domain name of the certificate is one label, which may
// be a wildcard, before a suffix of at least two.
func belowSuffix(cert *x509.Certificate, suffix string) bool {
	if !strings.Contains(strings.TrimSuffix(suffix, "."), ".") || strings.Contains(suffix, "*") {
		return false
	}
	for _, name := range cert.DNSNames {
		label, parent, ok := strings.Cut(name, ".")
		if ok && label != "" && (label == "*" || !strings.Contains(label, "*")) && equalName(parent, suffix) {
			return true
		}
	}
	return false
}

// CertifiedBy tells whether a certificate speaks for an identity: a name or an
// address in its SAN, or a distinguished name that is its subject (RFC 4945
// 3.1). A key ID is never in a certificate. The certificate is not verified.
func (i Identity) CertifiedBy(certDER []byte) bool {
	cert, err := x509.ParseCertificate(certDER)
	return err == nil && inCertificate(cert, i)
}

func inCertificate(cert *x509.Certificate, id Identity) bool {
	switch id.Type {
	case IDFQDN:
		for _, pattern := range cert.DNSNames {
			if matchName(pattern, string(id.Data)) {
				return true
			}
		}
	case IDRFC822:
		for _, e := range cert.EmailAddresses {
			if equalEmail(e, string(id.Data)) {
				return true
			}
		}
	case IDIPv4, IDIPv6:
		want, ok := netip.AddrFromSlice(id.Data)
		for _, raw := range cert.IPAddresses {
			if a, valid := netip.AddrFromSlice(raw); ok && valid && a.Unmap() == want.Unmap() {
				return true
			}
		}
	case IDDERDN:
		return equalDN(cert.RawSubject, id.Data)
	}
	return false
}

// sanNames lists the SAN for a person.
func sanNames(cert *x509.Certificate) string {
	names := append([]string(nil), cert.DNSNames...)
	for _, raw := range cert.IPAddresses {
		if a, ok := netip.AddrFromSlice(raw); ok {
			names = append(names, a.Unmap().String())
		}
	}
	names = append(names, cert.EmailAddresses...)
	const most = 10
	if len(names) > most {
		names = append(names[:most], "and others")
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

// matchName compares a SAN's dNSName with a host name. A wildcard is the whole
// leftmost label and stands for exactly one label, below at least two others
// (RFC 6125 6.4.3).
func matchName(pattern, host string) bool {
	if equalName(pattern, host) {
		return !strings.Contains(pattern, "*")
	}
	rest, ok := strings.CutPrefix(pattern, "*.")
	if !ok || strings.Contains(rest, "*") || !strings.Contains(strings.TrimSuffix(rest, "."), ".") {
		return false
	}
	label, parent, ok := strings.Cut(host, ".")
	return ok && label != "" && equalName(rest, parent)
}

// equalName compares domain names: letter case and one final dot aside.
func equalName(a, b string) bool {
	a, b = strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")
	return a != "" && equalFoldASCII(a, b)
}

// equalEmail compares mailboxes: the domain in either letter case, the local
// part as it is (RFC 5280 7.5).
func equalEmail(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	if i < 0 || j < 0 {
		return a != "" && a == b
	}
	return a[:i] == b[:j] && equalName(a[i+1:], b[j+1:])
}

// equalFoldASCII does not fold letters outside ASCII, which have no place in
// these names and could make different ones look alike.
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
