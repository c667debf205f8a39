package keyfile

import (
	"errors"

	"github.com/homeward-vpn/homeward/client/profile/ber"
)

// maxIterations bounds how often a PKCS#12 file may have its password hashed.
// Real files ask for 1 to 600,000; a hostile one could ask for years.
const maxIterations = 1_000_000

// ErrCostly says that a file would keep the machine busy for longer than any real one does.
var ErrCostly = errors.New("opening it takes longer than any real file does")

// checkCost looks for iteration counts wherever they stand in the open in a
// PKCS#12 file, in DER: SEQUENCE { salt, count, ... } of a cipher's parameters
// (RFC 7292 C, RFC 8018 A.2), and SEQUENCE { digest, salt, count } of the MAC
// (RFC 7292 4). DER inside an OCTET STRING is looked into as well.
func checkCost(der []byte) error { return walkCost(der, 1) }

func walkCost(b []byte, depth int) error {
	if depth > ber.MaxDepth {
		return ErrCostly
	}
	var tags []byte
	for len(b) > 0 {
		h, err := ber.ParseHeader(b)
		if err != nil || h.Indefinite {
			return nil // not DER: an octet string that holds something else
		}
		body := b[h.Size : h.Size+h.Content]
		tags = append(tags, h.Tag[0])
		if isCount(tags) && tooMany(body) {
			return ErrCostly
		}
		if h.Constructed() || h.Tag[0] == ber.OctetString {
			if err := walkCost(body, depth+1); err != nil {
				return err
			}
		}
		b = b[h.Size+h.Content:]
	}
	return nil
}

// isCount says that the last of these siblings is an iteration count.
func isCount(tags []byte) bool {
	const integer, sequence = 0x02, 0x30
	switch {
	case len(tags) == 2:
		return tags[0] == ber.OctetString && tags[1] == integer
	case len(tags) == 3:
		return tags[0] == sequence && tags[1] == ber.OctetString && tags[2] == integer
	}
	return false
}

func tooMany(content []byte) bool {
	if len(content) > 8 {
		return true
	}
	var n uint64
	for _, c := range content {
		n = n<<8 | uint64(c)
	}
	return n > maxIterations
}
