package mobileconfig

import "errors"

// maxIterations bounds how often a PKCS#12 file may have its password hashed.
// Real files ask for 1 to 600,000; a hostile one could ask for years.
const maxIterations = 1_000_000

var errCostly = errors.New("opening it takes longer than any real file does")

// checkCost looks for iteration counts wherever they stand in the open in a
// PKCS#12 file, in DER: SEQUENCE { salt, count, ... } of a cipher's parameters
// (RFC 7292 C, RFC 8018 A.2), and SEQUENCE { digest, salt, count } of the MAC
// (RFC 7292 4). DER inside an OCTET STRING is looked into as well.
func checkCost(der []byte) error { return walkCost(der, 1) }

func walkCost(b []byte, depth int) error {
	if depth > maxASN1Depth {
		return errCostly
	}
	var tags []byte
	for len(b) > 0 {
		h, err := parseHeader(b)
		if err != nil || h.indefinite {
			return nil // not DER: an octet string that holds something else
		}
		body := b[h.size : h.size+h.content]
		tags = append(tags, h.tag[0])
		if isCount(tags) && tooMany(body) {
			return errCostly
		}
		if h.constructed() || h.tag[0] == asn1OctetString {
			if err := walkCost(body, depth+1); err != nil {
				return err
			}
		}
		b = b[h.size+h.content:]
	}
	return nil
}

// isCount says that the last of these siblings is an iteration count.
func isCount(tags []byte) bool {
	const integer, sequence = 0x02, 0x30
	switch {
	case len(tags) == 2:
		return tags[0] == asn1OctetString && tags[1] == integer
	case len(tags) == 3:
		return tags[0] == sequence && tags[1] == asn1OctetString && tags[2] == integer
	}
	return false
}

func tooMany(content []byte) bool {
	if len(content) > 8 {
		return true
	}
	return number(content) > maxIterations
}
