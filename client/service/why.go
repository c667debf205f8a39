package service

import (
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// known are the causes that the user's program knows first: what it says of any
// other is not for it to say.
var known = []diagnose.Cause{
	diagnose.CauseCertificateExpired, diagnose.CauseCertificateMissing, diagnose.CauseKeyMissing,
	diagnose.CauseCardRemoved, diagnose.CausePINWrong, diagnose.CausePINLocked, diagnose.CauseKeychain,
}

// because is what a tunnel ends with whose question the user's program could not
// answer; nil: it did not say more than that.
func because(w *control.Why) error {
	if w == nil || !slices.Contains(known, diagnose.Cause(w.Cause)) {
		return nil
	}
	return &diagnose.Failure{
		Cause: diagnose.Cause(w.Cause), Seen: w.Seen, Expected: w.Expected, When: w.When, Tries: w.Tries,
		Detail: "the user's program could not answer",
	}
}

// issuerKeys is what a gateway says of its authorities, as it is shown.
func issuerKeys(list [][20]byte) [][]byte {
	var out [][]byte
	for _, hash := range list {
		out = append(out, hash[:])
	}
	return out
}

// identityHash stands for signatures that hash by themselves (RFC 8420 2).
const identityHash = 5

// keyKinds are the kinds of keys that a gateway verifies: RSA and ECDSA every one
// of them, in the way of before RFC 7427 if in no other.
func keyKinds(q tunnel.Question) []string {
	if q.Kind != tunnel.AskCertificate || q.TLS {
		return nil
	}
	kinds := []string{"rsa", "ecdsa"}
	if slices.Contains(q.Hashes, identityHash) {
		kinds = append(kinds, "ed25519")
	}
	return kinds
}
