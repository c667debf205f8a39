package viewmodel

import (
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// PortalSheet is the sheet of a network's sign-in page. sign is nil before the way
// to it is open.
func PortalSheet(p control.Portal, sign *control.PortalSignIn, now time.Time, say Say) PortalView {
	t := texts{say: say, now: now}
	v := PortalView{
		Title: t.s("portal.title"), Sentence: t.s("portal.sentence"), URL: Clean(p.URL, 500), Close: t.s("button.cancel"),
		Open: Button{Text: t.s("notice.portal.open"), Action: Action{Kind: ActionPortalSignIn}, Primary: true},
	}
	if sign == nil {
		return v
	}
	if sign.URL != "" {
		v.URL = Clean(sign.URL, 500)
	}
	v.Open.Disabled, v.Close = true, t.s("button.close")
	switch sign.Ended {
	case "":
		v.Sentence = t.s("portal.open")
		if !sign.Until.IsZero() {
			v.Detail = t.with("portal.until", data{"In": t.until(sign.Until)})
		}
	case control.SignInDone, control.SignInTime, control.SignInClosed, control.SignInRemoved:
		v.Sentence = t.s("portal.ended." + sign.Ended)
		v.Open.Disabled = sign.Ended == control.SignInDone
	default:
		v.Sentence, v.Open.Disabled = t.s("portal.ended."+control.SignInClosed), false
	}
	return v
}
