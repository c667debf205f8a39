package profile

// Verdict is what became of one key of an imported file.
type Verdict string

// The verdicts.
const (
	Honoured     Verdict = "honoured"     // taken over as it stands
	Approximated Verdict = "approximated" // taken over in Homeward's own way; Note says how
	Ignored      Verdict = "ignored"      // not needed here, or unknown; Note says which
	Refused      Verdict = "refused"      // not taken over on purpose; Note says why
)

// Line is one row of the report that a person sees at import.
type Line struct {
	Path    string  `json:"path"`            // "IKEv2.RemoteAddress"
	Value   string  `json:"value,omitempty"` // never a secret
	Verdict Verdict `json:"verdict"`
	Note    string  `json:"note,omitempty"`
	// Lowers: the key lowers security, and taking it over wants a yes.
	Lowers bool `json:"lowers,omitempty"`
}

// Imported is one connection found in a file.
type Imported struct {
	Profile Profile
	Secrets Secrets
	Report  []Line
	// Consent is a text of the file's author that a person has to agree to before the
	// connection is taken over; empty: there is none.
	Consent string
}
