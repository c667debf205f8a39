package diagnose

import (
	"fmt"
	"time"
)

// Validity is from when until when a certificate counts.
type Validity struct{ From, Until time.Time }

const (
	// ownNotice is how long before its end a person's certificate is spoken of: time
	// enough to have another one issued, by an office that is closed for a week.
	ownNotice = 30 * 24 * time.Hour
	// gatewayNotice is the same of a gateway's. Most renew theirs by themselves, some
	// a month before: what is left a week before is likely to be forgotten.
	gatewayNotice = 7 * 24 * time.Hour
)

// OwnExpiry says in a sentence that the user's certificate ends soon, or has ended;
// empty: there is time enough. what begins it: "Your certificate".
func (v Validity) OwnExpiry(what string, now time.Time) string {
	return v.expiry(what, ownNotice, "ask your administrator for a new one", now)
}

// GatewayExpiry is the same of the gateway's certificate.
func (v Validity) GatewayExpiry(now time.Time) string {
	return v.expiry("The gateway's certificate", gatewayNotice, "tell your administrator", now)
}

// expiry speaks of a certificate of a short life in the last third of it.
func (v Validity) expiry(what string, notice time.Duration, advice string, now time.Time) string {
	left := v.Until.Sub(now)
	notice = min(notice, v.Until.Sub(v.From)/3)
	switch {
	case v.Until.IsZero():
		return ""
	case left < 0:
		return fmt.Sprintf("%s has expired%s; %s.", what, on(v.Until.Local()), advice)
	case left >= notice:
		return ""
	case left < time.Hour:
		return fmt.Sprintf("%s expires in less than an hour; %s.", what, advice)
	case left < 48*time.Hour:
		return fmt.Sprintf("%s expires in %d hours; %s.", what, int(left.Hours()), advice)
	default:
		return fmt.Sprintf("%s expires in %d days; %s.", what, int(left.Hours()/24), advice)
	}
}
