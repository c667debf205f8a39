// Package profile holds the model of a connection as an administrator wrote
// it: where the gateway is, who it must be, how the employee signs in, and
// what goes through the tunnel. It validates the model and keeps it on disk.
//
// It never holds a private key or a password: what an importer finds of those
// is handed over beside the model (Secrets) and stays with the user. It knows
// nothing of IKE messages or of the operating system. Importers of foreign
// formats are its sub-packages; the service and the user's programs call it.
package profile

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
)

// Version of the stored JSON. A file with a higher one is refused.
const Version = 1

// Profile is one connection.
type Profile struct {
	Version int    `json:"version"`
	ID      string `json:"id"`   // 32 hex digits, chosen at import; also the key of the user's secrets
	Name    string `json:"name"` // what a person types and reads; unique per owner, letter case aside
	Origin  Origin `json:"origin"`

	Gateway Gateway `json:"gateway"`
	Client  Client  `json:"client"`
	IKE     SA      `json:"ike"`
	Child   SA      `json:"child"`
	Traffic Traffic `json:"traffic"`
	DNS     DNS     `json:"dns"`
	Session Session `json:"session"`
	// OnDemand says when the line comes and goes by itself.
	OnDemand OnDemand `json:"on_demand,omitzero"`
}

// Origin says where the profile came from.
type Origin struct {
	Format       string `json:"format"`               // "mobileconfig", "homeward", ...
	Identifier   string `json:"identifier,omitempty"` // the file's own identifier, for replace-or-add
	Organization string `json:"organization,omitempty"`
	Description  string `json:"description,omitempty"`
	SHA256       string `json:"sha256,omitempty"` // of the imported file, hex
	// SignedBy is the name in the certificate that signed the file, which is
	// unmodified since. Empty: the file was not signed.
	SignedBy string `json:"signed_by,omitempty"`
	// SignerTrusted: that certificate leads to a root the system trusts. It
	// says who wrote the file, not that the file is harmless.
	SignerTrusted bool `json:"signer_trusted,omitempty"`
}

// GatewayAuth says how the gateway proves who it is.
type GatewayAuth string

// ClientAuth says how the employee proves who they are.
type ClientAuth string

// The authentication methods.
const (
	GatewayCertificate GatewayAuth = "certificate"
	GatewayPSK         GatewayAuth = "psk"

	ClientEAP         ClientAuth = "eap"          // by the methods that EAP names
	ClientMSCHAPv2    ClientAuth = "eap-mschapv2" // EAP with that one method
	ClientCertificate ClientAuth = "certificate"
	ClientPSK         ClientAuth = "psk"
)

// Gateway is the peer.
type Gateway struct {
	Address string `json:"address"` // host name or address
	// Port is where the handshake begins. 0: 500, and 4500 where that is silent; any
	// other than 500: that one alone, in UDP encapsulation from the first message on.
	Port     uint16      `json:"port,omitempty"`
	Identity string      `json:"identity,omitempty"` // IDr sent and matched; empty: Address is matched, none sent
	Auth     GatewayAuth `json:"auth"`
	// CertificateName must be in the certificate's SAN. Empty: Identity, else Address.
	CertificateName string `json:"certificate_name,omitempty"`
	// IssuerName, where set, must be the common name of the certificate's issuer.
	IssuerName    string   `json:"issuer_name,omitempty"`
	Anchors       [][]byte `json:"anchors,omitempty"`       // DER; empty: the system's
	Intermediates [][]byte `json:"intermediates,omitempty"` // DER; untrusted helpers for the chain
	// Pins, where there are some: one of them must be that of a key in the
	// certificate's chain, "sha256/" and the base64 of SHA-256 over the
	// SubjectPublicKeyInfo. They come on top of all other checks.
	Pins []string `json:"pins,omitempty"`
	// Revocation says what is done where it is not known whether a certificate was
	// revoked.
	Revocation Revocation `json:"revocation,omitempty"`
	// Quirks name what this gateway does against the rules.
	Quirks []Quirk `json:"quirks,omitempty"`
}

// Revocation says how strictly the revocation of certificates is asked for.
type Revocation string

// The modes.
const (
	RevocationRelaxed Revocation = "relaxed" // the default: asked for; a silent responder blocks nothing
	RevocationOff     Revocation = "off"     // not asked for
	RevocationStrict  Revocation = "strict"  // no line without a good answer
)

// Mode is the mode, with the default where none is set.
func (r Revocation) Mode() Revocation {
	if r == "" {
		return RevocationRelaxed
	}
	return r
}

// Equal says that the same peer is meant, held to the same proof.
func (g Gateway) Equal(o Gateway) bool {
	same := slices.EqualFunc(g.Anchors, o.Anchors, bytes.Equal) && slices.EqualFunc(g.Intermediates, o.Intermediates, bytes.Equal)
	g.Anchors, g.Intermediates, o.Anchors, o.Intermediates = nil, nil, nil, nil
	g.Revocation, o.Revocation = g.Revocation.Mode(), o.Revocation.Mode()
	return same && reflect.DeepEqual(g, o)
}

// Client is the employee's side.
type Client struct {
	Auth     ClientAuth `json:"auth"`
	Identity string     `json:"identity,omitempty"` // IDi; empty: what EAP says before TLS where that hides the user name, else that name, else the subject of the certificate, else the address
	Username string     `json:"username,omitempty"` // EAP identity, the inner one where there are two; empty: asked at connect
	EAP      EAP        `json:"eap,omitzero"`       // for ClientEAP
	// Certificates is the public chain, leaf first, DER, for ClientCertificate and EAP
	// methods with a certificate. Empty: the user's program chooses one at connect.
	Certificates [][]byte `json:"certificates,omitempty"`
	// CertificateIssuers narrow that choice: one of them is the common name, or the
	// whole name (RFC 4514), of an authority above the certificate.
	CertificateIssuers []string `json:"certificate_issuers,omitempty"`
	// Token is the PKCS#11 URI (RFC 7512) of a card or token that has the certificate
	// and its key. The user's program reads it, and asks for its PIN.
	Token string `json:"token,omitempty"`
	// EAPOnly lets the gateway prove itself by EAP, without a certificate (RFC 5998).
	EAPOnly EAPOnly `json:"eap_only,omitempty"`
	// Further are sign-ins after the first, with passwords of their own that are
	// asked for each time (RFC 4739). The gateway must want the same.
	Further []SignIn `json:"further,omitempty"`
}

// EAPOnly says by which methods a gateway may prove itself alone.
type EAPOnly string

// The choices.
const (
	EAPOnlyNever EAPOnly = ""     // it shows a certificate, or knows the shared key
	EAPOnlySafe  EAPOnly = "safe" // by methods that RFC 5998 section 4 calls safe
	EAPOnlyAny   EAPOnly = "any"  // by MSCHAPv2 too, which lets an impostor guess the password
)

// SignIn is one more proof of who the employee is.
type SignIn struct {
	Auth     ClientAuth `json:"auth"`               // ClientEAP or ClientMSCHAPv2
	Identity string     `json:"identity,omitempty"` // IDi; empty: as Client.Identity
	Username string     `json:"username,omitempty"` // EAP identity; empty: that of the first sign-in
	EAP      EAP        `json:"eap,omitzero"`       // for ClientEAP
	// Bare: the gateway ends this round without a method, or leaves the key of the
	// method out of the proof, as some do after a second factor.
	Bare bool `json:"bare,omitempty"`
}

// SA says what may be negotiated for the IKE SA or the Child SAs.
type SA struct {
	// Proposals in order of preference; empty: Homeward's own set.
	Proposals []Proposal `json:"proposals,omitempty"`
	// Strict: only Proposals; else Homeward's own set follows them.
	Strict bool `json:"strict,omitempty"`
	// Legacy: Proposals may name algorithms that are no longer safe: 3des, sha1,
	// modp1024, modp1536, modp2048s256. Those come last, behind Homeward's own
	// set where Strict is not set, and a line that uses one warns of it.
	Legacy   bool     `json:"legacy,omitempty"`
	Lifetime Duration `json:"lifetime,omitempty"` // 0: Homeward's own
	// LifetimeBytes and LifetimePackets are how much one direction of a Child SA
	// carries: it is rekeyed when 80 to 90 percent are used, and sends nothing beyond.
	// 0: as much as its algorithms allow. Child only.
	LifetimeBytes   uint64 `json:"lifetime_bytes,omitempty"`
	LifetimePackets uint64 `json:"lifetime_packets,omitempty"`
	PFS             bool   `json:"pfs,omitempty"` // Child only: insist on a key exchange at rekey
}

// Proposal names one set of algorithms by their IKEv2 keywords, which are also
// strongSwan's:
//
//   - encryption aes128, aes192, aes256, each also with ctr, ccm8, ccm12, ccm16,
//     gcm8, gcm12 or gcm16 behind it; chacha20poly1305; 3des (legacy);
//   - for a Child SA alone, which must be strict, because they do not encrypt:
//     aes128gmac, aes192gmac, aes256gmac and null;
//   - integrity and prf sha256, sha384, sha512, aesxcbc, aescmac; sha1 (legacy);
//   - group modp2048, modp3072, modp4096, modp6144, modp8192, ecp256, ecp384,
//     ecp521, x25519, x448; modp1024, modp1536, modp2048s256 (legacy).
type Proposal struct {
	Encryption string `json:"encryption"`
	Integrity  string `json:"integrity,omitempty"` // empty with an AEAD cipher
	PRF        string `json:"prf,omitempty"`       // IKE SA only
	Group      string `json:"group,omitempty"`     // Child: for rekeys with PFS
}

// Traffic says what goes through the tunnel.
type Traffic struct {
	// Full: everything of the families that the gateway gives an address for;
	// the other family is held back meanwhile.
	Full    bool           `json:"full"`
	Include []netip.Prefix `json:"include,omitempty"` // with Full false: these
	Exclude []netip.Prefix `json:"exclude,omitempty"` // never these
	// AcceptPushed: subnets that the gateway sends may be added, with Full false.
	AcceptPushed bool `json:"accept_pushed,omitempty"`
	// AllowPushed bounds AcceptPushed; empty: any but the local subnet.
	AllowPushed []netip.Prefix `json:"allow_pushed,omitempty"`
	MTU         int            `json:"mtu,omitempty"` // 0: Homeward's own choice
	// KillSwitch and LocalNetwork hold where the computer has no setting of its own.
	KillSwitch   KillSwitch   `json:"kill_switch,omitempty"`
	LocalNetwork LocalNetwork `json:"local_network,omitempty"`
	// Overlap: who wins where the network the computer is in and the company use the
	// same addresses.
	Overlap Overlap `json:"overlap,omitempty"`
}

// DNS says who answers names while the tunnel is up.
type DNS struct {
	Servers []netip.Addr `json:"servers,omitempty"` // instead of the pushed ones
	// Domains go to the tunnel's servers, all other names elsewhere. Empty
	// with a full tunnel: every name goes to the tunnel's servers.
	Domains []string `json:"domains,omitempty"`
	Search  []string `json:"search,omitempty"`
	// AcceptPushed: domains that the gateway sends may be added to Domains.
	AcceptPushed bool `json:"accept_pushed,omitempty"`
	// AllowPushed bounds AcceptPushed: these domains and what is below them;
	// empty: any that can be one company's.
	AllowPushed []string `json:"allow_pushed,omitempty"`
}

// Childless says whether a line starts without a Child SA.
type Childless string

// The ways of starting.
const (
	ChildlessNever    Childless = ""         // the usual start
	ChildlessOffered  Childless = "offered"  // where the gateway can
	ChildlessRequired Childless = "required" // or not at all
)

// Session is the behaviour of the line over time.
type Session struct {
	Liveness     Duration `json:"liveness,omitempty"`      // 0: 60 s; negative: never
	NATKeepalive Duration `json:"nat_keepalive,omitempty"` // when nothing else was sent for this long; 0: 20 s; negative: never
	NoMOBIKE     bool     `json:"no_mobike,omitempty"`
	// Childless: IKE_AUTH makes no Child SA; the first one has keys of its own (RFC 6023).
	Childless  Childless `json:"childless,omitempty"`
	NoRedirect bool      `json:"no_redirect,omitempty"`
}
