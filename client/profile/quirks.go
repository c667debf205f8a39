package profile

import "slices"

// Quirk names something that a gateway is known to do against the rules, so that
// Homeward allows for it.
type Quirk string

// The quirks that a profile may name. Others are recognised from what the gateway
// does, and need no name here.
const (
	// QuirkESPToOldPort "esp-to-old-port": packets come to the port that the
	// handshake began with (Windows RRAS). It begins on port 4500 then.
	QuirkESPToOldPort Quirk = "esp-to-old-port"
	// QuirkNoIDr "no-idr": the gateway fails when it is told who is meant, or answers
	// with another name. Its certificate alone says who it is.
	QuirkNoIDr Quirk = "no-idr"
	// QuirkRekeyWithoutPFS "rekey-without-pfs": the gateway refuses a key exchange at
	// the rekey of a Child SA. Not together with child.pfs.
	QuirkRekeyWithoutPFS Quirk = "rekey-without-pfs"
)

// Quirks lists them.
func Quirks() []Quirk { return []Quirk{QuirkESPToOldPort, QuirkNoIDr, QuirkRekeyWithoutPFS} }

func (p *Profile) validateQuirks() error {
	for i, q := range p.Gateway.Quirks {
		switch {
		case !slices.Contains(Quirks(), q):
			return invalid("gateway.quirks", "has a quirk that this version does not know")
		case slices.Contains(p.Gateway.Quirks[:i], q):
			return invalid("gateway.quirks", "names a quirk twice")
		case q == QuirkRekeyWithoutPFS && p.Child.PFS:
			return invalid("gateway.quirks", "has rekey-without-pfs, and child.pfs insists on it")
		}
	}
	return nil
}
