package viewmodel

import "github.com/homeward-vpn/homeward/client/control"

// ExpiringSoon is how long before its end a session is spoken of: whoever has no other
// reason to make the views anew makes them then.
const ExpiringSoon = expiringSoon

// About is the profile that the window is about; nil: there is none.
func (in Input) About() *control.ProfileInfo {
	return (&scene{in: in, st: in.Status}).find()
}
