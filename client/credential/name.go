package credential

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"

	"github.com/homeward-vpn/homeward/client/profile"
)

// parseName gives the common name in a distinguished name (DER), or all of it.
func parseName(der []byte) (string, error) {
	var rdn pkix.RDNSequence
	rest, err := asn1.Unmarshal(der, &rdn)
	if err != nil || len(rest) != 0 {
		return "", errors.New("credential: not a distinguished name")
	}
	var name pkix.Name
	name.FillFromRDNSequence(&rdn)
	if name.CommonName != "" {
		return profile.CleanText(name.CommonName, maxName), nil
	}
	if text := name.String(); text != "" {
		return profile.CleanText(text, maxName), nil
	}
	return "", errors.New("credential: an empty name")
}
