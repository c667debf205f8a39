// Package mobileconfig reads Apple configuration profiles (.mobileconfig) that
// hold IKEv2 connections.
//
// The flow: bytes -> unwrap (CMS signature, cms.go and ber.go) -> property
// list (xml.go, binary.go) -> payloads by type (container.go) -> for each VPN
// payload a profile, with its authentication (auth.go), certificates
// (certificates.go, identity.go), algorithms (algorithms.go), traffic and DNS
// (traffic.go, dns.go) and behaviour (session.go). A report (report.go)
// watches which keys were used: every key of the file stands in it.
//
// The package owns the meaning of the keys. It never fetches an address that a
// profile names, never opens a file, keeps no secret, and trusts nothing by
// itself: what it finds is shown to a person, who decides. client/profile/formats
// calls it. All functions are safe for concurrent use; results do not share
// memory with the input.
package mobileconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Format is the Origin.Format of profiles made here.
const Format = "mobileconfig"

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads the connections of a profile, in the order of the file. A
// connection that this version cannot take over is told in the others'
// reports; when none is left, the error is a *profile.ImportError.
func ParseWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if len(data) > profile.MaxFile {
		return nil, profile.NewImportError(profile.ImportTooLarge,
			"the file is larger than %d MiB, which no profile is", profile.MaxFile>>20)
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	content, sig, err := unwrap(data, o)
	if err != nil {
		return nil, err
	}
	root, err := parsePlist(content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return readContainer(root, source{options: o, signature: sig, sha256: hex.EncodeToString(sum[:])})
}

// source is what is known of the file beside its content.
type source struct {
	options   profile.ImportOptions
	signature *signature // nil: not signed
	sha256    string
}
