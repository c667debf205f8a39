package eap

// MakesKey says whether a method gives both ends a key, by which each knows in the
// end that it was with the other (RFC 7296 2.16).
func MakesKey(method uint8) bool {
	switch method {
	case TypeMD5, TypeOTP, TypeGTC:
		return false
	}
	return Known(method) || SafeAlone(method)
}

// SafeAlone says whether a gateway may prove who it is by this method alone: it
// authenticates both ends, makes a key, and gives nobody who only plays the
// gateway anything to guess a password by (RFC 5998 4). MSCHAPv2 is not among
// them: its answer to a challenge can be searched for the password at leisure.
func SafeAlone(method uint8) bool {
	switch method {
	case TypeTLS, TypeTTLS,
		18, // SIM
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
