package diagnose

const askFirst = "; do not sign in, and ask your administrator."

// gateway speaks of who the gateway is.
func (f *Failure) gateway(seen, expected string) string {
	switch f.Cause {
	case CauseGatewayUntrusted:
		if seen != "" {
			return "The gateway's certificate was issued by " + seen + ", whom the profile does not trust" + expects(expected) + askFirst
		}
		return "The gateway's certificate comes from an issuer whom the profile does not trust" + askFirst
	case CauseGatewayIssuer:
		return "The gateway's certificate was issued by " + orUnknown(seen) + ", but the profile expects " + orUnknown(expected) + askFirst
	case CauseGatewayWrongName:
		return "The gateway's certificate is for " + orUnknown(seen) + ", but the profile expects " + orUnknown(expected) + askFirst
	case CauseGatewayExpired:
		return dated(seen) + " has expired" + on(f.When) + "; check this computer's date, and if it is right, tell your administrator."
	case CauseGatewayNotYetValid:
		return dated(seen) + " is not valid yet" + from(f.When) + "; check this computer's date, and if it is right, tell your administrator."
	case CauseGatewayUsage:
		if expected == "" {
			expected = "one for server authentication"
		}
		return "The gateway's certificate is not meant for a gateway" + inBrackets(seen) + "; tell your administrator that the profile expects " + expected + "."
	case CauseGatewayPin:
		return "The gateway's certificate has another key" + inBrackets(seen) + " than those that the profile has pinned" + inBrackets(expected) + askFirst
	case CauseGatewayRevoked:
		return "The gateway's certificate was revoked by its issuer" + on(f.When) + askFirst
	case CauseRevocationUnknown:
		return "Nobody vouches that the certificate" + inBrackets(seen) + " is not revoked, and the profile insists on that; try again in some minutes, and if it stays so, tell your administrator."
	case CauseGatewayIdentity:
		return "The gateway calls itself " + orUnknown(seen) + ", but the profile expects " + orUnknown(expected) + askFirst
	case CauseGatewayProof:
		return "The gateway could not prove who it is, so somebody else may be answering in its place" + askFirst
	default:
		return "The gateway's certificate cannot be used" + inBrackets(seen) + "; tell your administrator."
	}
}

// server speaks of who the server is that checks accounts behind the gateway.
func (f *Failure) server(seen, expected string) string {
	switch f.Cause {
	case CauseServerUntrusted:
		if seen != "" {
			return "The certificate of the server that checks accounts was issued by " + seen + ", whom the profile does not trust" + expects(expected) + withheld
		}
		return "The certificate of the server that checks accounts comes from an issuer whom the profile does not trust" + withheld
	case CauseServerExpired:
		return "The certificate of the server that checks accounts has expired" + on(f.When) + "; check this computer's date, and if it is right, tell your administrator."
	case CauseServerWrongName:
		return "The certificate of the server that checks accounts is for " + orUnknown(seen) + ", but the profile expects " + orUnknown(expected) + withheld
	case CauseServerRevoked:
		return "The certificate of the server that checks accounts was revoked by its issuer" + on(f.When) + askFirst
	case CauseServerProof:
		return "The server that checks accounts could not prove that the sign-in was with it alone" + inBrackets(seen) + "; do not try again on this network, and tell your administrator."
	case CauseServerTLS:
		return "No safe connection with the server that checks accounts came about" + inBrackets(seen) + "; tell your administrator."
	default:
		return "The certificate of the server that checks accounts cannot be used" + inBrackets(seen) + "; tell your administrator."
	}
}

// dated says whose dates are wrong.
func dated(issuer string) string {
	if issuer == "" {
		return "The gateway's certificate"
	}
	return "The certificate of " + issuer + ", which vouches for the gateway's,"
}

const withheld = "; your password was not sent, so do not try again and ask your administrator."

// expects says what would have been right, where that is known.
func expects(what string) string {
	if what == "" {
		return ""
	}
	return " (it expects " + what + ")"
}
