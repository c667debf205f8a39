package eap

import (
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// QuestionKind says what is asked, and which fields of the Answer are looked at.
type QuestionKind uint8

// The kinds.
const (
	AskPassword    QuestionKind = iota + 1 // Secret
	AskNewPassword                         // New: the old one has expired
	AskCode                                // Secret: what the server's own words ask for, good for one time
	AskSignature                           // Signature over Data, by the client's key
	AskCertificate                         // Certificates: the client's chain, DER, leaf first
	AskVerdict                             // Err: why the server's chain is not trusted
	AskConsent                             // Err: the user does not agree
)

// Question is what a step needs before it can go on. Slices in it are valid until
// it is answered.
type Question struct {
	Kind     QuestionKind
	Username string // whose password or code
	Message  string // the server's own words, fit to be shown
	Echo     bool   // what is typed need not be hidden
	// Again: the last answer was refused, for the reason in Code where the server gave
	// one (RFC 2759 6). It must not be given once more.
	Again bool
	Code  int
	// Method is the EAP type that asks, Inner the one inside its tunnel; 0: none.
	Method, Inner uint8

	Scheme  auth.Scheme // AskSignature
	Data    []byte      // AskSignature: the whole message
	Issuers [][]byte    // AskCertificate: distinguished names that the server takes, DER; none: any
	Chain   [][]byte    // AskVerdict: the server's chain, DER, leaf first
	OCSP    []byte      // AskVerdict: the server's stapled response; nil: none
}

// Answer is what Provide takes. Secrets are read and not kept; clearing them is
// the caller's affair.
type Answer struct {
	Secret, New  suite.Secret
	Signature    []byte // RSA as a byte string, ECDSA as ASN.1 DER
	Certificates [][]byte
	Err          error // there is no answer, or it is no
}
