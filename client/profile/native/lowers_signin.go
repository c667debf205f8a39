package native

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// judgeSignIn says what a setting of client.eap, or of a further sign-in's, means.
func judgeSignIn(field string, u unit) opinion {
	switch field {
	case "methods":
		return judgeMethods(u.value.([]profile.EAPMethod))
	case "inner":
		if slices.Contains(u.value.([]profile.InnerMethod), profile.InnerPAP) {
			return opinion{note: "the server that signs you in reads the password as you typed it"}
		}
	case "server_names":
		if slices.Contains(u.value.([]string), profile.AnyName) {
			return opinion{note: "every server that those authorities have certified may sign you in, whatever its name", lowers: true}
		}
	case "anchors":
		return opinion{note: "only what these issue may sign you in"}
	case "without_ems":
		if u.value == true {
			return opinion{note: "an old server may do without what ties the keys to one TLS session, and without forward secrecy", lowers: true}
		}
	case "without_binding":
		if u.value == true {
			return opinion{note: "the server need not prove that it sees your password and the TLS around it at one end", lowers: true}
		}
	}
	return opinion{}
}

// judgeMethods names what gives the gateway more than a proof.
func judgeMethods(list []profile.EAPMethod) opinion {
	var notes []string
	if slices.Contains(list, profile.EAPGTC) {
		notes = append(notes, "what you type reaches the gateway as it is: right for a one-time code, and wrong for a password")
	}
	if slices.Contains(list, profile.EAPMD5) {
		notes = append(notes, "md5 gives the gateway enough to guess your password by, and ties nothing to the line")
	}
	return opinion{note: strings.Join(notes, "; "), lowers: len(notes) > 0}
}

// judgeRevocation says what a mode costs.
func judgeRevocation(mode profile.Revocation) opinion {
	switch mode.Mode() {
	case profile.RevocationOff:
		return opinion{note: "a gateway whose certificate was stolen and revoked is taken for the real one", lowers: true}
	case profile.RevocationStrict:
		return opinion{note: "no line without a good answer about the gateway's certificate"}
	}
	return opinion{}
}
