package captive

import (
	"errors"
	"fmt"
)

// Router advertisements (RFC 4861 4.2): 16 octets, then options of a type, a length
// in units of 8 octets, and a value.

const (
	typeSolicitation  = 133
	typeAdvertisement = 134
	advertisementSize = 16
	optionUnit        = 8
	optionPortal      = 37 // RFC 8910 2.3
)

// solicitation is a router solicitation without options (RFC 4861 4.1); the kernel
// fills in the checksum.
var solicitation = []byte{typeSolicitation, 0, 0, 0, 0, 0, 0, 0}

var errNoAdvertisement = errors.New("captive: no router advertisement")

// portalOf finds the portal's URI in a router advertisement, "" where it has none.
// Options that are not whole make the message one to be dropped (RFC 4861 6.1.2).
func portalOf(m []byte) (string, error) {
	if len(m) < advertisementSize || m[0] != typeAdvertisement || m[1] != 0 {
		return "", errNoAdvertisement
	}
	uri := ""
	for b := m[advertisementSize:]; len(b) > 0; {
		if len(b) < optionUnit {
			return "", fmt.Errorf("%w: %d octets behind the last option", errNoAdvertisement, len(b))
		}
		size := int(b[1]) * optionUnit
		if size == 0 || size > len(b) {
			return "", fmt.Errorf("%w: an option of %d octets where %d are left", errNoAdvertisement, size, len(b))
		}
		if b[0] == optionPortal && uri == "" {
			uri = string(b[2:size])
		}
		b = b[size:]
	}
	return uri, nil
}
