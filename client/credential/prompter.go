package credential

import (
	"context"
	"errors"
	"time"
)

// Prompter shows a question to the person at this computer and gives the answer:
// a window does it, and a terminal, and neither knows whether the service asks or
// the program itself. It shows one question at a time; the others wait.
//
// When ctx ends the question is taken away and nothing is answered: somebody else
// was quicker, or it is too late. A person who says no gives ErrDeclined; where
// there is nobody to ask, it is ErrNobody.
type Prompter interface {
	Prompt(ctx context.Context, p Prompt) (Reply, error)
}

// The refusals of a Prompter.
var (
	ErrDeclined = errors.New("the question was declined")
	ErrNobody   = errors.New("there is nobody here to ask")
)

// Kind says what is asked of a person.
type Kind string

// The kinds, and what a Reply to each holds.
const (
	KindText          Kind = "text"           // Text: a user name, for example
	KindPassword      Kind = "password"       // Secret
	KindNewPassword   Kind = "new-password"   // Secret, entered twice alike
	KindCode          Kind = "code"           // Secret, good for one time
	KindPSK           Kind = "psk"            // Secret, as it was typed (see SharedKey)
	KindPIN           Kind = "pin"            // Secret, of a smart card or token
	KindPassphrase    Kind = "passphrase"     // Secret, that opens the sealed store
	KindNewPassphrase Kind = "new-passphrase" // Secret, entered twice alike
	KindChoice        Kind = "choice"         // Choice: the ID of one of Options
	KindConsent       Kind = "consent"        // nothing: a no is ErrDeclined
)

// Prompt is one question to a person.
type Prompt struct {
	Kind Kind
	Text string // what is asked, one line, in Homeward's words
	// Message is what somebody else has to say about it, and Speaker who: "The
	// gateway", "The smart card". It is shown as theirs, for it may say anything.
	// It is free of control characters but for line breaks.
	Message string
	Speaker string
	Echo    bool     // KindCode: it may be seen while it is typed
	Options []Option // KindChoice
	// Refused: what was answered last was wrong.
	Refused bool
	// TriesLeft is how many are left before a KindPIN is locked; 0: not known.
	TriesLeft int
	// Expires is when the answer comes too late; zero: never.
	Expires time.Time
}

// Option is one of the things between which a person chooses, with a line of
// detail that may be empty.
type Option struct{ ID, Label, Detail string }

// Reply is the answer to a Prompt. Its reader clears Secret after use.
type Reply struct {
	Text   string
	Secret []byte
	Choice string
}
