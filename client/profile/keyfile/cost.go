package keyfile

import (
	"encoding/asn1"
	"errors"
	"math"

	"github.com/homeward-vpn/homeward/client/profile/ber"
)

// maxIterations bounds how often one key of a file may have its password hashed.
// Real files ask for 1 to 600,000; a hostile one could ask for years.
const maxIterations = 1_000_000

// maxWork bounds all that one password may cost, over everything in a file, or in
// the files that are read together. One unit is one iteration of HMAC-SHA-256, a
// fifth of a microsecond on a usual machine: opening takes about a second at most.
// Three keys with 1,000,000 iterations each stay below it.
const maxWork = 4_000_000

// ErrCostly says that a file would keep the machine busy for longer than any real one does.
var ErrCostly = errors.New("opening it takes longer than any real file does")

// checkCost adds up the iteration counts that stand in the open in a file, in DER:
// SEQUENCE { salt, count, ... } of a cipher's parameters (RFC 7292 C, RFC 8018 A.2),
// and SEQUENCE { digest, salt, count } of the MAC (RFC 7292 4). DER inside an OCTET
// STRING is looked into as well.
func checkCost(der []byte) error {
	var work uint64
	return spend(&work, der)
}

// spend adds what a file costs to work.
func spend(work *uint64, der []byte) error { return walkCost(work, der, 1) }

func walkCost(work *uint64, b []byte, depth int) error {
	if depth > ber.MaxDepth {
		return ErrCostly
	}
	var first []element
	for len(b) > 0 {
		h, err := ber.ParseHeader(b)
		if err != nil || h.Indefinite {
			break // not DER: an octet string that holds something else
		}
		body := b[h.Size : h.Size+h.Content]
		if len(first) < maxParameters {
			first = append(first, element{h.Tag[0], body})
		}
		if h.Constructed() || h.Tag[0] == ber.OctetString {
			if err := walkCost(work, body, depth+1); err != nil {
				return err
			}
		}
		b = b[h.Size+h.Content:]
	}
	count, weight := iterations(first)
	if *work += min(count, maxWork) * weight; count > maxIterations || *work > maxWork {
		return ErrCostly
	}
	return nil
}

// maxParameters is how many elements say what one key costs: salt, count, the
// key's length and the function.
const maxParameters = 4

// element is one DER element.
type element struct {
	tag  byte
	body []byte
}

func (e element) is(tag byte) bool { return e.tag == tag }

// iterations gives the iteration count among these siblings, and what one of the
// iterations costs.
func iterations(e []element) (count, weight uint64) {
	const integer, sequence = 0x02, 0x30
	switch {
	case len(e) >= 2 && e[0].tag&0x1f == ber.OctetString && e[1].is(integer): // some readers take a salt of any class
		length, function := uint64(0), prfs[0].oid
		for _, option := range e[2:] {
			if option.is(integer) {
				length = number(option.body)
			}
			if option.is(sequence) {
				// What cannot be read is refused later, before any work.
				_, _ = asn1.Unmarshal(option.body, &function)
			}
		}
		return number(e[1].body), weigh(function, length)
	case len(e) >= 3 && e[0].is(sequence) && e[1].is(ber.OctetString) && e[2].is(integer):
		return number(e[2].body), weightMAC
	}
	return 0, 0
}

// weightMAC is for SHA-512, twice: an empty password is tried in both its forms.
const weightMAC = 2

// weigh gives the cost of one iteration of PBKDF2 for a key of that length: each of
// the blocks is worked out by itself (RFC 8018 5.2). Readers know the length from the
// cipher where it is not given; no cipher and no MAC here takes more than 64 octets.
func weigh(function asn1.ObjectIdentifier, length uint64) uint64 {
	const shortest, longest = 32, 64
	length = min(max(length, shortest), longest)
	for _, p := range prfs {
		if p.oid.Equal(function) {
			size := uint64(p.hash().Size())
			return (length + size - 1) / size * p.weight
		}
	}
	return 1 // not known: nobody works it out
}

// number reads an INTEGER. What is too large for any count is as large as can be.
func number(content []byte) uint64 {
	var n uint64
	if len(content) > 8 {
		return math.MaxUint64
	}
	for _, c := range content {
		n = n<<8 | uint64(c)
	}
	return n
}
