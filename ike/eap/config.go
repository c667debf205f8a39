package eap

import (
	"io"
	"time"

	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

// Config is what a Peer is made from. Its slices are kept and not written to.
type Config struct {
	Identity string // answer to the Identity request, in the clear before any tunnel
	Username string // name inside the method; empty: Identity
	// Methods are the types that may run, preferred first. What is not among them is
	// refused, whatever the server asks for.
	Methods []uint8
	TLS     TLSConfig     // of the methods that use TLS
	Inner   []InnerMethod // what may run inside TTLS, and inside PEAP, preferred first
	// InnerPEAP is what may run inside PEAP where that is not the same; nil: Inner.
	InnerPEAP []InnerMethod
	// RequireBinding: PEAP without crypto binding is refused (MS-PEAP 3.1.5.5).
	RequireBinding bool
	// ConfirmNotice: a Notification is answered when the user has agreed to it.
	ConfirmNotice bool
	// BareSuccess lets the server end the conversation well without a method, where
	// it has proven itself by other means and another proof of the peer stands.
	BareSuccess bool
	Rand        io.Reader
	Now         time.Time // when the conversation begins
}

// TLSConfig is how the methods that use TLS do so.
type TLSConfig struct {
	MinVersion, MaxVersion uint16 // as in crypto/tls; 0: TLS 1.2 and 1.3
	// AllowWithoutEMS takes servers without the Extended Master Secret (RFC 7627).
	AllowWithoutEMS bool
	// Certificates is the client's chain, DER, leaf first. Empty where a certificate
	// is wanted: the user's program is asked for one.
	Certificates [][]byte
	// Sessions are taken up again and kept there, under the same Policy only: it names
	// what the verdicts on this server hang on, such as anchors and names. The verdict
	// on a session's chain is asked for anew each time. Nil: no resumption.
	Sessions *tlsstep.Sessions
	Policy   string
	// FragmentSize is how much of a TLS message goes into one packet; 0: 1,000 octets.
	FragmentSize int
}

// InnerMethod is how the user signs in inside a TLS tunnel: an EAP type, or one of
// the methods of TTLS that are not EAP.
type InnerMethod uint16

// The inner methods that are not EAP (RFC 5281 11.2).
const (
	InnerPAP InnerMethod = 0x100 + iota
	InnerCHAP
	InnerMSCHAP
	InnerMSCHAPv2
)

// InnerEAP is an EAP type as an inner method.
func InnerEAP(kind uint8) InnerMethod { return InnerMethod(kind) }

// Known says whether a method can be spoken at all.
func Known(kind uint8) bool {
	switch kind {
	case TypeMD5, TypeOTP, TypeGTC, TypeTLS, TypeMSCHAPv2, TypeTTLS, TypePEAP:
		return true
	}
	return false
}
