package control

import (
	"net/netip"
	"time"
)

// State is what a connection is doing.
type State string

// The states.
const (
	StateDisconnected  State = "disconnected"
	StateConnecting    State = "connecting"
	StateNeedsInput    State = "needs-input"
	StateConnected     State = "connected"
	StateDisconnecting State = "disconnecting"
	StateBlocked       State = "blocked"
)

// Status is one full snapshot. What concerns one user only is left out for
// everybody else: Redacted says that something was.
type Status struct {
	Revision uint64    `json:"revision"` // grows with every change
	State    State     `json:"state"`
	Since    time.Time `json:"since"` // when State began
	Redacted bool      `json:"redacted,omitempty"`
	// Filings grows with every change of a profile or of the Settings: who has read
	// them reads them again.
	Filings uint64 `json:"filings"`

	Profile   string `json:"profile,omitempty"`
	ProfileID string `json:"profile_id,omitempty"`
	Step      string `json:"step,omitempty"` // of the handshake: resolving, reaching, checking, signing-in, setting-up; or waiting, for a network

	Gateway   *Gateway       `json:"gateway,omitempty"`
	Addresses []netip.Prefix `json:"addresses"`
	DNS       DNS            `json:"dns"`
	Routes    []netip.Prefix `json:"routes"`
	IKE       *IKE           `json:"ike,omitempty"`
	ESP       *ESP           `json:"esp,omitempty"`
	Path      *Path          `json:"path,omitempty"`
	Network   *Network       `json:"network,omitempty"` // that the line goes by; nil: there is no line, or nobody can tell

	// SignInAgainBy is when the gateway ends the line unless there is a new
	// sign-in; one that needs nobody comes by itself. nil: it did not say.
	SignInAgainBy *time.Time `json:"sign_in_again_by,omitempty"`

	KillSwitch KillSwitch `json:"killswitch"`
	// Automatic is what the caller's profiles want by themselves; nil: nothing.
	Automatic *Automatic `json:"automatic,omitempty"`
	Portal    *Portal    `json:"portal,omitempty"` // nil: nobody has looked since the network changed

	Error    *Error   `json:"error,omitempty"` // why there is no line, or why it was lost
	Warnings []string `json:"warnings"`        // sentences
	Prompts  []Prompt `json:"prompts,omitempty"`
}

// Gateway is the peer that was reached.
type Gateway struct {
	Address   netip.Addr `json:"address"`
	Port      uint16     `json:"port"`
	Identity  string     `json:"identity"`
	BehindNAT bool       `json:"behind_nat"`        // this computer is behind a NAT router
	Version   string     `json:"version,omitempty"` // its own words
}

// Path is how the line goes through the networks that this computer is in.
type Path struct {
	Follows bool   `json:"follows"` // the gateway follows from network to network (MOBIKE)
	Waiting bool   `json:"waiting"` // there is no network, and the line waits for one
	Moves   []Move `json:"moves"`   // the last ones, oldest first
}

// The kinds of networks.
const (
	NetworkWiFi     = "wifi"
	NetworkEthernet = "ethernet"
	NetworkCellular = "cellular"
	NetworkOther    = "other"
)

// Network is what packets leave this computer by.
type Network struct {
	Kind string `json:"kind"` // NetworkWiFi and so on
	// Name of the Wi-Fi, in a stranger's words but on one line; empty: it is hidden from
	// us. Of any other network that of its interface.
	Name string `json:"name,omitempty"`
}

// Move is one change of network that the line has survived.
type Move struct {
	At      time.Time  `json:"at"`
	From    netip.Addr `json:"from"` // this computer's address before and after
	To      netip.Addr `json:"to"`
	Gateway netip.Addr `json:"gateway"` // where the gateway is reached since
}

// DNS says who answers names while the line is up.
type DNS struct {
	Servers []netip.Addr `json:"servers"`
	Domains []string     `json:"domains"` // empty with servers: every name
}

// IKE is the IKE SA.
type IKE struct {
	Suite       string    `json:"suite"`
	Established time.Time `json:"established"`
	RekeyAt     time.Time `json:"rekey_at"`
}

// ESP is the data plane. Its counters are read for each Status call and each line of
// Watch, and a change of them alone is no change of the status: whoever draws them asks
// for the status as often as they draw, and while nobody does nothing is counted up.
type ESP struct {
	Suite     string            `json:"suite"`
	ESN       bool              `json:"esn"`
	TxBytes   uint64            `json:"tx_bytes"`
	RxBytes   uint64            `json:"rx_bytes"`
	TxPackets uint64            `json:"tx_packets"`
	RxPackets uint64            `json:"rx_packets"`
	Drops     map[string]uint64 `json:"drops"` // by reason
	SAs       []ESPSA           `json:"sas"`   // that carry traffic, in the order in which they came to it
}

// ESPSA is one pair of ESP SAs, one for each direction.
type ESPSA struct {
	InboundSPI  uint32    `json:"inbound_spi"`
	OutboundSPI uint32    `json:"outbound_spi"`
	Local       []string  `json:"local"`  // selectors: "10.1.0.0/16"
	Remote      []string  `json:"remote"` // selectors
	Suite       string    `json:"suite"`
	ESN         bool      `json:"esn"`
	Since       time.Time `json:"since"`
	RekeyAt     time.Time `json:"rekey_at"`
	TxBytes     uint64    `json:"tx_bytes"`
	RxBytes     uint64    `json:"rx_bytes"`
}

// Error is a failure as the user reads it: Cause is a diagnose.Cause, Message
// its sentence, Detail what an administrator needs. The rest is what the sentence is
// made of, for who says it in another language; see the cause. Seen and Expected are
// on one line, of a length that can be shown, and without quotation marks, so that they
// may stand between some.
type Error struct {
	Cause    string    `json:"cause"`
	Message  string    `json:"message"`
	Detail   string    `json:"detail,omitempty"`
	Seen     string    `json:"seen,omitempty"`
	Expected string    `json:"expected,omitempty"`
	When     time.Time `json:"when,omitzero"`
	Tries    int       `json:"tries,omitempty"`
}
