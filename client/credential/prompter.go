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
	KindPassword      Kind = "password"       // Secret; with AsksUser Text, too: the user name
	KindNewPassword   Kind = "new-password"   // Secret, entered twice alike
	KindCode          Kind = "code"           // Secret, good for one time
	KindPSK           Kind = "psk"            // Secret, as it was typed (see SharedKey)
	KindPIN           Kind = "pin"            // Secret, of a smart card or token
	KindPassphrase    Kind = "passphrase"     // Secret, that opens the sealed store
	KindNewPassphrase Kind = "new-passphrase" // Secret, entered twice alike
	KindChoice        Kind = "choice"         // Choice: the ID of one of Options
	KindConsent       Kind = "consent"        // nothing: a no is ErrDeclined
)

// Topic says what a question is about where its kind does not.
type Topic string

// The topics.
const (
	TopicSignIn      Topic = ""            // signing in to Profile
	TopicFurther     Topic = "further"     // KindPassword: of a sign-in behind the first; it is never kept
	TopicFile        Topic = "file"        // KindPassword: that opens the private key in the file Subject
	TopicCertificate Topic = "certificate" // KindChoice: Options are certificates of the user's
)

// Prompt is one question to a person.
type Prompt struct {
	Kind Kind
	Text string // what is asked, one line, in Homeward's words

	// What Text says is here in parts, for a window that has words of its own, in
	// the person's language. What is not known is empty.
	Topic    Topic
	Profile  string // the profile's name
	Gateway  string // and its gateway
	Username string // as whom the person signs in
	Subject  string // KindPIN: the name of the card; TopicFile: of the file
	Again    bool   // a line that stands is to be renewed

	// AsksUser, with KindPassword: the user name is not known either, and is the
	// Reply's Text.
	AsksUser bool

	// KeptIn is where the answer is kept when it has worked, unless the Reply says
	// otherwise; empty: it is not kept in any case.
	KeptIn Mode

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
// detail that may be empty. Certificate is what Label is about, with
// TopicCertificate.
type Option struct {
	ID, Label, Detail string
	Certificate       *Identity
}

// Reply is the answer to a Prompt. Its reader clears Secret after use.
type Reply struct {
	Text   string
	Secret []byte
	Choice string
	// Once: the person does not want Secret to be kept. It counts where the Prompt
	// has KeptIn.
	Once bool
}
