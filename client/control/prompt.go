package control

import "time"

// A question goes one way, whatever it asks and whoever shows it:
//
//	the tunnel asks -> the service opens a Prompt -> the owner's snapshots hold it
//	  -> every program of the owner may show it, a window or a terminal
//	  -> the first Answer closes it, and the next snapshot is without it
//
// A Prompt is closed by an answer, by Expires, or by the end of what asked it.
// Whoever answers a closed one is refused with CodeGone and a sentence that says
// which of these it was; whoever still shows it stops when a snapshot is without
// it. An answer that does not fit the question is refused with CodeBadRequest,
// and the question stays open.
//
// Declining ends the attempt that asked, not only the question: nothing else can
// be done without the answer, and a gateway holds a sign-in for seconds only. A
// line that stands and was to be renewed goes on without the renewal.
//
// What only concerns the user's own program is no Prompt: the PIN of a smart
// card and the passphrase of the sealed store are asked for there, in front of
// the same person and by the same client/credential.Prompter, and never come
// here. The service has no use for either, and cannot lose what it never had.

// PromptKind says what a Prompt wants.
type PromptKind string

// The kinds of prompts, and what an Answer to each holds.
const (
	PromptPassword    PromptKind = "password"         // Secret; Username where the prompt has none
	PromptNewPassword PromptKind = "new-password"     // the old one has expired. New; Secret: the old one, where the program has it
	PromptFurther     PromptKind = "further-password" // of a sign-in after the first; never kept. Secret
	PromptCode        PromptKind = "code"             // good for one time; never kept. Secret
	PromptPSK         PromptKind = "psk"              // Secret
	PromptSignature   PromptKind = "signature"        // by the key of the user's certificate. Secret
	PromptCertificate PromptKind = "certificate"      // which of the user's. Certificates
	PromptChoice      PromptKind = "choice"           // Choice: the ID of one of Options
	PromptConsent     PromptKind = "consent"          // Choice: ConsentYes. Declining is the no
)

// ConsentYes is the one Choice that answers a PromptConsent.
const ConsentYes = "yes"

// ForPerson says whether a person has to be shown the prompt. The others are
// answered by the user's program, which may have reasons of its own to ask.
func (k PromptKind) ForPerson() bool {
	switch k {
	case PromptSignature, PromptCertificate:
		return false
	}
	return true
}

// Option is one of the things between which a person chooses.
type Option struct {
	ID     string `json:"id"`
	Label  string `json:"label"`            // one line
	Detail string `json:"detail,omitempty"` // one line
}

// Prompt is a question of the service that the user's program answers. Only
// the owner of the connection sees it.
type Prompt struct {
	ID        uint64     `json:"id"` // never used twice, nor by another run of the service
	Kind      PromptKind `json:"kind"`
	Profile   string     `json:"profile"`
	ProfileID string     `json:"profile_id"`
	Text      string     `json:"text"`               // one line for a person, in Homeward's words
	Username  string     `json:"username,omitempty"` // empty with PromptPassword: wanted, too
	// Message is in the words of the gateway, or of the server behind it: at most
	// MaxMessage characters in MaxMessageLines lines, without control characters.
	// A program shows it as theirs, for they may say anything.
	Message string   `json:"message,omitempty"`
	Echo    bool     `json:"echo,omitempty"`    // PromptCode: the server lets it be seen while it is typed
	Options []Option `json:"options,omitempty"` // PromptChoice
	Issuers [][]byte `json:"issuers,omitempty"` // PromptCertificate: DER names of who the server trusts; none: it does not say
	// PromptCertificate of the gateway itself: SHA-1 hashes of the keys of the
	// authorities that it trusts (RFC 7296 3.7), and the kinds of keys that it
	// verifies, "rsa", "ecdsa" and "ed25519"; none: it does not say. It has not yet
	// proven who it is, so both are wishes.
	IssuerKeys  [][]byte `json:"issuer_keys,omitempty"`
	KeyKinds    []string `json:"key_kinds,omitempty"`
	TLS         bool     `json:"tls,omitempty"`         // PromptCertificate: for a TLS server (EAP)
	Certificate []byte   `json:"certificate,omitempty"` // PromptSignature: whose key is to sign, DER
	Scheme      string   `json:"scheme,omitempty"`      // PromptSignature
	Data        []byte   `json:"data,omitempty"`        // PromptSignature: what is to be signed
	// Again: the line stands, and the answer is to renew it.
	Again bool `json:"again,omitempty"`
	// Fresh: the answer that is known was refused; only another one helps.
	Fresh   bool      `json:"fresh,omitempty"`
	Expires time.Time `json:"expires"`
}

// The most that a Message holds.
const (
	MaxMessage      = 1000
	MaxMessageLines = 12
)

// Answer answers a Prompt, once. What the prompt's kind does not take is left
// out.
type Answer struct {
	Prompt       uint64   `json:"prompt"`
	Username     string   `json:"username,omitempty"`
	Secret       Secret   `json:"secret,omitempty"`       // password, code, shared key or signature
	New          Secret   `json:"new,omitempty"`          // the new password
	Certificates [][]byte `json:"certificates,omitempty"` // DER, the leaf first; public
	Choice       string   `json:"choice,omitempty"`
	// Kept says, of a password, that the program had it from an earlier sign-in, and
	// nobody has just entered it.
	Kept bool `json:"kept,omitempty"`
	// Declined says that there is no answer: the user said no, or the key is
	// not here.
	Declined bool `json:"declined,omitempty"`
	// Why says, with Declined, what the user's program knows of the reason.
	Why *Why `json:"why,omitempty"`
}

// Clear clears the secrets.
func (a *Answer) Clear() {
	clear(a.Secret)
	clear(a.New)
}

// The most that an Answer may hold, in bytes.
const (
	maxUsername     = 1024
	maxSecret       = 16 << 10 // a signature is smaller, and a password by far
	maxChoice       = 256
	maxCertificates = 10 // of a chain
)

// validate refuses what answers no question of any kind. Whether it answers this
// one, the Backend knows.
func (a *Answer) validate() error {
	if a.Prompt == 0 {
		return Refuse(CodeBadRequest, "the answer names no prompt")
	}
	if holds := len(a.Secret)+len(a.New)+len(a.Choice)+len(a.Certificates) > 0; a.Declined == holds {
		return Refuse(CodeBadRequest, "an answer holds something or says that there is none")
	}
	if a.Why != nil {
		if !a.Declined {
			return Refuse(CodeBadRequest, "an answer says why there is none, and there is one")
		}
		if err := a.Why.validate(); err != nil {
			return err
		}
	}
	if len(a.Username) > maxUsername || len(a.Secret) > maxSecret || len(a.New) > maxSecret ||
		len(a.Choice) > maxChoice || len(a.Certificates) > maxCertificates {
		return Refuse(CodeTooLarge, "the answer is longer than any answer may be; enter a shorter one")
	}
	return nil
}

// Fits refuses an answer that is not what the prompt asks for.
func (p *Prompt) Fits(a *Answer) error {
	if a.Declined {
		return nil
	}
	var fits bool
	switch p.Kind {
	case PromptNewPassword:
		fits = len(a.New) > 0 && a.Choice == "" && a.Certificates == nil
	case PromptCertificate:
		fits = len(a.Certificates) > 0 && len(a.Secret)+len(a.New) == 0 && a.Choice == ""
	case PromptChoice:
		fits = p.offers(a.Choice) && len(a.Secret)+len(a.New) == 0 && a.Certificates == nil
	case PromptConsent:
		fits = a.Choice == ConsentYes && len(a.Secret)+len(a.New) == 0 && a.Certificates == nil
	default:
		fits = len(a.Secret) > 0 && len(a.New) == 0 && a.Choice == "" && a.Certificates == nil
	}
	if !fits {
		return Refuse(CodeBadRequest, "the answer does not fit the question, which wants a %s; answer it once more", p.Kind)
	}
	return nil
}

func (p *Prompt) offers(choice string) bool {
	for _, o := range p.Options {
		if o.ID == choice && choice != "" {
			return true
		}
	}
	return false
}
