package eap

// SafeAlone says whether a gateway may prove who it is by this method alone: it
// authenticates both ends, makes a key, and gives nobody who only plays the
// gateway anything to guess a password by (RFC 5998 4). MSCHAPv2 is not among
// them: its answer to a challenge can be searched for the password at leisure.
func SafeAlone(method uint8) bool {
	switch method {
	case TypeTLS,
		18, // SIM
		21, // TTLS
		23, // AKA
		43, // FAST
		46, // PAX
		48, // SAKE
		50, // AKA'
		51, // GPSK
		52, // pwd
		53: // EKE
		return true
	}
	return false
}
