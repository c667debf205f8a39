package viewmodel

// EditorView is the form of a profile, with what is wrong with it. It is made anew
// after every change.
type EditorView struct {
	Title    string
	Sentence string
	Groups   []FormGroup
	Save     Button // disabled while something is wrong
	Cancel   string
	More     string // the words of the click behind which Groups with Rare are
	Locked   string // who keeps the locked fields; empty: none is
}

// FormGroup are fields that belong together.
type FormGroup struct {
	Title  string
	Rare   bool // most people need none of it
	Fields []FormField
}

// FieldKind is how a field is entered.
type FieldKind string

// The kinds of fields.
const (
	FieldText   FieldKind = "text"
	FieldLines  FieldKind = "lines" // several, one on each line
	FieldChoice FieldKind = "choice"
	FieldFile   FieldKind = "file" // the file's content goes into the Draft
)

// FieldID names a field.
type FieldID string

// FormField is one field.
type FormField struct {
	ID      FieldID
	Kind    FieldKind
	Label   string
	Hint    string // what stands in the empty field
	Help    string // a sentence
	Value   string // text; lines; the ID of the choice
	Choose  string // FieldFile: the button's words
	Options []PromptOption
	Locked  bool   // it is shown and cannot be changed
	Problem string // what is wrong; empty: nothing, or nothing was entered yet
}
