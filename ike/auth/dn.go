package auth

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
)

// attribute is one kind of part of a distinguished name (RFC 4519, RFC 2985).
type attribute struct {
	name string // the first row of an OID is how it is printed
	oid  asn1.ObjectIdentifier
	ia5  bool // IA5String, else PrintableString or UTF8String
}

var attributes = []attribute{
	{"C", asn1.ObjectIdentifier{2, 5, 4, 6}, false},
	{"ST", asn1.ObjectIdentifier{2, 5, 4, 8}, false},
	{"S", asn1.ObjectIdentifier{2, 5, 4, 8}, false},
	{"L", asn1.ObjectIdentifier{2, 5, 4, 7}, false},
	{"O", asn1.ObjectIdentifier{2, 5, 4, 10}, false},
	{"OU", asn1.ObjectIdentifier{2, 5, 4, 11}, false},
	{"CN", asn1.ObjectIdentifier{2, 5, 4, 3}, false},
	{"SN", asn1.ObjectIdentifier{2, 5, 4, 4}, false},
	{"serialNumber", asn1.ObjectIdentifier{2, 5, 4, 5}, false},
	{"STREET", asn1.ObjectIdentifier{2, 5, 4, 9}, false},
	{"T", asn1.ObjectIdentifier{2, 5, 4, 12}, false},
	{"title", asn1.ObjectIdentifier{2, 5, 4, 12}, false},
	{"postalCode", asn1.ObjectIdentifier{2, 5, 4, 17}, false},
	{"G", asn1.ObjectIdentifier{2, 5, 4, 42}, false},
	{"GN", asn1.ObjectIdentifier{2, 5, 4, 42}, false},
	{"I", asn1.ObjectIdentifier{2, 5, 4, 43}, false},
	{"dnQualifier", asn1.ObjectIdentifier{2, 5, 4, 46}, false},
	{"UID", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, false},
	{"DC", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, true},
	{"E", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, true},
	{"emailAddress", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, true},
	{"Email", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, true},
}

var errDN = errors.New("not a distinguished name")

// encodeDN reads "C=DE, O=Example, CN=anna" or "/C=DE/O=Example/CN=anna", in
// the order of the DER. A backslash takes the next character as it is.
func encodeDN(text string) ([]byte, error) {
	separator := byte(',')
	if strings.HasPrefix(text, "/") {
		separator, text = '/', text[1:]
	}
	var name pkix.RDNSequence
	for _, part := range splitEscaped(text, separator) {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, errDN
		}
		attr, ok := attributeNamed(strings.TrimSpace(key))
		value = unescape(strings.TrimSpace(value))
		if !ok || value == "" {
			return nil, errDN
		}
		raw, err := attr.encode(value)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDN, err)
		}
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: attr.oid, Value: raw}})
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDN, err)
	}
	return der, nil
}

func attributeNamed(name string) (attribute, bool) {
	for _, a := range attributes {
		if strings.EqualFold(a.name, name) {
			return a, true
		}
	}
	return attribute{}, false
}

// encode follows what certificate programs write, so that the DER equals the
// subject of the certificate it speaks of.
func (a attribute) encode(value string) (asn1.RawValue, error) {
	params := "utf8"
	switch {
	case a.ia5:
		params = "ia5"
	case printableString(value):
		params = "printable"
	}
	der, err := asn1.MarshalWithParams(value, params)
	return asn1.RawValue{FullBytes: der}, err
}

// printableString tells whether all characters are of that ASN.1 type.
func printableString(s string) bool {
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		case strings.ContainsRune(" '()+,-./:=?", r):
		default:
			return false
		}
	}
	return true
}

// splitEscaped cuts at separators that no backslash precedes.
func splitEscaped(text string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// decodeDN is encodeDN's reverse. An attribute without a name prints its OID.
func decodeDN(der []byte) (string, error) {
	name, err := parseDN(der)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, set := range name {
		for _, atv := range set {
			value, ok := atv.Value.(string)
			if !ok {
				return "", errDN
			}
			parts = append(parts, attributeName(atv.Type)+"="+escape(value))
		}
	}
	return strings.Join(parts, ", "), nil
}

func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(value)
}

func attributeName(oid asn1.ObjectIdentifier) string {
	for _, a := range attributes {
		if a.oid.Equal(oid) {
			return a.name
		}
	}
	return oid.String()
}

func parseDN(der []byte) (pkix.RDNSequence, error) {
	var name pkix.RDNSequence
	rest, err := asn1.Unmarshal(der, &name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDN, err)
	}
	if len(rest) != 0 || len(name) == 0 {
		return nil, errDN
	}
	return name, nil
}

// equalDN compares part by part: the same attributes in the same order, values
// as text whatever ASN.1 string type holds them, letter case and outer blanks
// aside (RFC 5280 7.1).
func equalDN(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := parseDN(a)
	y, errY := parseDN(b)
	if errX != nil || errY != nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		if len(x[i]) != len(y[i]) {
			return false
		}
		for j := range x[i] {
			v, okV := x[i][j].Value.(string)
			w, okW := y[i][j].Value.(string)
			if !okV || !okW || !x[i][j].Type.Equal(y[i][j].Type) ||
				!strings.EqualFold(strings.TrimSpace(v), strings.TrimSpace(w)) {
				return false
			}
		}
	}
	return true
}
