package winras

import "github.com/homeward-vpn/homeward/client/profile"

// methods are the EAP methods by their numbers (RFC 3748 6.2 and IANA's list).
var methods = map[int]profile.EAPMethod{
	4: profile.EAPMD5, 6: profile.EAPGTC, 13: profile.EAPTLS, 21: profile.EAPTTLS, 25: profile.EAPPEAP, 26: profile.EAPMSCHAPv2,
}

// others are methods that this version does not do.
var others = map[int]string{
	18: "EAP-SIM", 23: "EAP-AKA", 50: "EAP-AKA'", 43: "EAP-FAST", 55: "TEAP", 254: "a method of its maker's own",
}

// Method gives the EAP method of that number; where this version does not do it,
// what it is called.
func Method(number int) (m profile.EAPMethod, name string, ok bool) {
	if m, ok = methods[number]; ok {
		return m, "", true
	}
	if name = others[number]; name == "" {
		name = "a method that this version does not know"
	}
	return "", name, false
}

// Judge says what a method gives away, where that lowers security.
func Judge(m profile.EAPMethod) (note string, lowers bool) {
	switch m {
	case profile.EAPGTC:
		return "what you type reaches the gateway as it is: right for a one-time code, and wrong for a password", true
	case profile.EAPMD5:
		return "it gives the gateway enough to guess your password by, and ties nothing to the line", true
	}
	return "", false
}
