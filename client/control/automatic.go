package control

// Automatic is what comes by itself: what the rules of a profile say of the network
// that the computer is in.
type Automatic struct {
	Profile   string `json:"profile"`
	ProfileID string `json:"profile_id"`
	When      string `json:"when"`   // a profile.When
	Action    string `json:"action"` // connect, disconnect or ignore
	// Rule is which of the profile's rules has matched, from 1; 0: none.
	Rule   int    `json:"rule"`
	Reason string `json:"reason"` // a sentence
	// Waiting says in a sentence why that is not what happens; empty: it is.
	Waiting string `json:"waiting,omitempty"`
}
