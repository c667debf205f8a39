package diagnose

import "strconv"

// signIn speaks of who the user is.
func (f *Failure) signIn(seen, expected string) string {
	switch f.Cause {
	case CauseWrongPassword:
		return "The gateway did not accept your user name and password" + says(seen) + "; check them and try again, for several wrong tries may lock your account."
	case CauseAccountLocked:
		return "Your account is locked or may not sign in now" + serverSays(seen) + "; do not try again, and ask your administrator to unlock it."
	case CausePasswordExpired:
		return "Your password has expired" + serverSays(seen) + "; connect again and choose a new one, or change it in the office or on your company's own page."
	case CausePasswordRefused:
		return "Your new password was not accepted" + serverSays(seen) + ", so the old one still counts; connect again and choose one that is longer and that you have not used before."
	case CauseWrongCode:
		return "The one-time code was not accepted" + serverSays(seen) + "; wait for the next code, then connect again and enter that one."
	case CauseRejected:
		return "The gateway refused to sign you in; ask your administrator whether your account may connect and whether the profile is up to date."
	case CauseEAPMethod:
		return "The gateway asks for a way of signing in" + inBrackets(seen) + " that the profile does not allow" + only(expected) + "; ask your administrator for a profile that names it."
	case CauseCredentialsMissing:
		return "The " + orPassword(expected) + " that this profile needs was not given; connect again and enter it, or import the profile again."
	case CauseUnanswered:
		return "Nobody answered in time when the " + orPassword(expected) + " was asked for; connect again and answer while the question is shown."
	case CauseFurtherSignIn:
		return "The gateway takes one sign-in only, and the profile asks for more; ask your administrator for a profile that fits the gateway."
	case CauseSignInSilent:
		return "The gateway answers, but the server behind it that checks accounts does not" + inBrackets(seen) + "; try again in some minutes, and if it stays so, tell your administrator."
	default:
		return "The keychain does not answer" + inBrackets(seen) + "; unlock it or sign in to the desktop, then try again."
	}
}

// certificate speaks of the user's own certificate, and of what holds its key.
func (f *Failure) certificate(seen, expected string) string {
	switch f.Cause {
	case CauseCertificateExpired:
		return "Your own certificate has expired" + on(f.When) + "; ask your administrator for a new one."
	case CauseCertificateMissing:
		return "None of your certificates fits" + issued(expected) + "; import the one that your administrator gave you, or insert the smart card that holds it."
	case CauseCertificateRefused:
		return "The server that checks accounts does not take your certificate" + inBrackets(seen) + "; ask your administrator for a new one."
	case CauseKeyMissing:
		return "Your certificate" + inBrackets(seen) + " is here, but its private key is not; import the file that holds both, or insert the smart card that holds the key."
	case CauseCardRemoved:
		return "The smart card with your key" + inBrackets(seen) + " is not in its reader; insert it and connect again."
	case CausePINLocked:
		return "The PIN of your smart card" + inBrackets(seen) + " is locked after too many wrong tries; unlock it with its PUK, or ask your administrator."
	default:
		switch f.Tries {
		case 0:
			return "The PIN of your smart card is wrong; connect again and enter the right one, for several wrong tries lock the card."
		case 1:
			return "The PIN of your smart card is wrong and one try is left before the card is locked; make sure of the PIN before you connect again."
		default:
			return "The PIN of your smart card is wrong and " + strconv.Itoa(f.Tries) + " tries are left before the card is locked; connect again and enter the right one."
		}
	}
}

func orPassword(s string) string {
	if s == "" {
		return "password"
	}
	return s
}

func only(s string) string {
	if s == "" {
		return ""
	}
	return ", for it names " + s + " only"
}

func issued(s string) string {
	if s == "" {
		return ""
	}
	return ", for the gateway wants one that " + s + " has issued"
}

func serverSays(s string) string {
	if s == "" {
		return ""
	}
	return " (the server says «" + Quotable(s) + "»)"
}
