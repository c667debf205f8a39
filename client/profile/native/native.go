// Package native reads and writes Homeward's own profile files: the model of
// client/profile as JSON, without what belongs to one machine. They say all that
// a profile can say; no foreign format does. ../README.md lists the fields.
//
// The flow: bytes -> their version (sniff.go) -> each field by its name, which
// must be known (decode.go, certificates.go) -> profile.Validate -> a report with
// a line for each field of the file, and a mark where it lowers security
// (report.go, lowers.go). Encode goes back.
//
// The package owns the spelling of the file. It never takes a secret, never
// fetches or opens anything, and believes nothing that a file says of its own
// origin but names. client/profile/formats and the user's programs call it. All
// functions are safe for concurrent use; results do not share memory with the
// input.
package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Format is the Origin.Format of profiles made here.
const Format = "homeward"

// document is the file: profile.Profile without its ID, and of its origin only
// what the writer of a file can say.
type document struct {
	Version int             `json:"version"`
	Name    string          `json:"name"`
	Origin  origin          `json:"origin,omitzero"`
	Gateway profile.Gateway `json:"gateway"`
	Client  profile.Client  `json:"client"`
	IKE     profile.SA      `json:"ike,omitzero"`
	Child   profile.SA      `json:"child,omitzero"`
	Traffic profile.Traffic `json:"traffic"`
	DNS     profile.DNS     `json:"dns,omitzero"`
	Session profile.Session `json:"session,omitzero"`

	OnDemand profile.OnDemand `json:"on_demand,omitzero"`
}

type origin struct {
	Identifier   string `json:"identifier,omitempty"`
	Organization string `json:"organization,omitempty"`
	Description  string `json:"description,omitempty"`
}

// Parse is ParseWith without options.
func Parse(data []byte) ([]profile.Imported, error) {
	return ParseWith(data, profile.ImportOptions{})
}

// ParseWith reads a file, which holds one connection. The error is a
// *profile.ImportError that names the field. Of the options only Now counts.
func ParseWith(data []byte, o profile.ImportOptions) ([]profile.Imported, error) {
	if len(data) > profile.MaxSize {
		return nil, profile.NewImportError(profile.ImportTooLarge,
			"the file is larger than %d MiB, which no Homeward profile is", profile.MaxSize>>20)
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	text := bytes.TrimPrefix(data, []byte(byteOrderMark))
	if err := checkSyntax(text); err != nil {
		return nil, err
	}
	if err := checkVersion(text); err != nil {
		return nil, err
	}
	var doc document
	r := newReader(text)
	if err := r.read(place{}, reflect.ValueOf(&doc).Elem()); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	p := doc.profile(hex.EncodeToString(sum[:]))
	if err := check(&p); err != nil {
		return nil, err
	}
	return []profile.Imported{{Profile: p, Report: report(r.units, &p, o.Now)}}, nil
}

// profile gives the document a place on this machine. Without an identifier of
// its own, the name and the gateway tell it from other files.
func (d *document) profile(sum string) profile.Profile {
	p := profile.Profile{
		Version: d.Version, ID: profile.NewID(), Name: d.Name,
		Origin: profile.Origin{
			Format: Format, Identifier: d.Origin.Identifier,
			Organization: d.Origin.Organization, Description: d.Origin.Description, SHA256: sum,
		},
		Gateway: d.Gateway, Client: d.Client, IKE: d.IKE, Child: d.Child,
		Traffic: d.Traffic, DNS: d.DNS, Session: d.Session, OnDemand: d.OnDemand,
	}
	if p.Origin.Identifier == "" {
		p.Origin.Identifier = strings.ToLower(p.Name + "@" + p.Gateway.Address)
	}
	return p
}

// check asks for what every profile has, and then holds it against the model.
func check(p *profile.Profile) error {
	for _, needed := range []struct{ field, value string }{
		{"name", p.Name}, {"gateway.address", p.Gateway.Address},
		{"gateway.auth", string(p.Gateway.Auth)}, {"client.auth", string(p.Client.Auth)},
	} {
		if needed.value == "" {
			return profile.NewImportError(profile.ImportIncomplete, unusable, needed.field+" is missing")
		}
	}
	err := p.Validate()
	var invalid *profile.InvalidError
	if errors.As(err, &invalid) {
		e := profile.NewImportError(profile.ImportDamaged, unusable, invalid.Field+" "+profile.CleanText(invalid.Reason, maxShown))
		e.Err = err
		return e
	}
	return err
}

// unusable is the sentence of a file that breaks a rule of the format.
const unusable = "the profile cannot be used: %s; correct the file, or ask the administrator who wrote it"

// Encode writes a profile as ParseWith reads it: in all but its ID and the
// facts about the file that it came from, the profile comes back the same.
func Encode(p *profile.Profile) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(document{
		Version: p.Version, Name: p.Name,
		Origin:  origin{Identifier: p.Origin.Identifier, Organization: p.Origin.Organization, Description: p.Origin.Description},
		Gateway: p.Gateway, Client: p.Client, IKE: p.IKE, Child: p.Child,
		Traffic: p.Traffic, DNS: p.DNS, Session: p.Session, OnDemand: p.OnDemand,
	})
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	return b.Bytes(), nil
}
