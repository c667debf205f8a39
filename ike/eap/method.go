package eap

import (
	"slices"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// method is one EAP method under way. It sees requests of its own type alone, and
// the end. Of what handle and provide return the Peer fills in Method. Errors are
// *Error; after one that is not Fatal the method is as it was.
type method interface {
	kind() uint8
	handle(pkt packet) (Result, error)
	// provide answers the Ask of the last Result. Answer.Err is the method's to look
	// at: no answer can be one.
	provide(a Answer) (Result, error)
	// finish says that EAP-Success came. It gives the key, nil where the method makes
	// none, or an error where the method is not at its end.
	finish() (suite.Secret, error)
	// failed says that EAP-Failure came, and gives what it means.
	failed() *Error
	clear()
}

// newMethod makes a method of those that are Known.
func newMethod(kind uint8, cfg *Config) method {
	switch kind {
	case TypeMD5:
		return &md5Challenge{name: cfg.Username}
	case TypeOTP, TypeGTC:
		return &token{typ: kind, name: cfg.Username}
	case TypeMSCHAPv2:
		return &mschapv2{name: cfg.Username, rand: cfg.Rand}
	case TypeTLS:
		return newTLS(cfg)
	case TypeTTLS:
		return newTTLS(cfg)
	case TypePEAP:
		inside := *cfg
		if cfg.InnerPEAP != nil {
			inside.Inner = cfg.InnerPEAP
		}
		return newPEAP(&inside)
	}
	return nil
}

// tunnelRoom is what a tunnel adds to a packet at most: the head of an AVP, or a
// header that was left out, and a TLS record with its nonce, padding and MAC.
const tunnelRoom = 120

// newInner makes the conversation inside a tunnel, which is with the user's own
// name and has no tunnel inside it. A caller whose packets come without a header
// (PEAPv0) gives them one, and tells the end by a Success or a Failure of its own.
func newInner(cfg Config) *Peer {
	inner := cfg
	inner.Identity, inner.BareSuccess, inner.Inner, inner.Methods = cfg.Username, false, nil, nil
	inner.TLS.Sessions = nil // the tunnel's session is the one to take up again
	// What is said inside must not be cut outside: without a header (PEAPv0) it has
	// the number of the packet around it, and servers take that of its last part.
	inner.TLS.FragmentSize = newFragments(0, cfg.TLS.FragmentSize).size - tunnelRoom
	for _, m := range cfg.Inner {
		if kind := uint8(m); InnerMethod(kind) == m && !tunnels(kind) && !slices.Contains(inner.Methods, kind) {
			inner.Methods = append(inner.Methods, kind)
		}
	}
	return New(inner)
}

// tunnels says whether a method carries another one inside.
func tunnels(kind uint8) bool { return kind == TypeTTLS || kind == TypePEAP }
