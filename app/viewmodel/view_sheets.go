package viewmodel

// PromptView is a question to the person.
type PromptView struct {
	Title   string // "Harbour Office asks for your password"
	Why     string // who wants it and what for
	Refused string // why it is asked again; empty: it is not
	// Quote are the words of somebody else, shown as theirs; nil: there are none.
	Quote   *Quote
	Fields  []PromptField
	Options []PromptOption
	// Remember lets the person say whether it is kept; nil: it never is.
	Remember *Check
	Expires  string // "Answer within 2 min."
	Submit   string
	Cancel   string

	// MinLength of what is typed, in bytes, and what is said of what is shorter, or
	// not the same twice; see Problem.
	MinLength int
	TooShort  string
	Mismatch  string
}

// Quote is what somebody else says. Only here a text has several lines.
type Quote struct {
	Speaker string // "The gateway says:"
	Lines   []string
}

// PromptField is a field of a question.
type PromptField struct {
	Label  string
	User   bool // it is the user name, before the secret
	Secret bool // it is not shown while it is typed
	Code   bool // it is a one-time code or a PIN: digits mostly
	Repeat bool // it repeats the field before
}

// PromptOption is one of the things to choose from.
type PromptOption struct {
	ID     string
	Label  string
	Detail string
}

// Check is something to tick.
type Check struct {
	Text string
	On   bool
}

// ImportView is what a file wants, before it is taken over.
type ImportView struct {
	Title       string // "Harbour Office wants to set up a connection"
	Signed      Signed
	Connections []ImportConnection
	// Terms are what the file's author wants agreed to; nil: nothing.
	Terms *Terms
	// Consent is what the person has to agree to deliberately; nil: nothing.
	Consent *Consent
	Accept  string
	Cancel  string
}

// Signed says who wrote the file.
type Signed struct {
	Tone Tone
	Text string
}

// ImportConnection is one connection of the file.
type ImportConnection struct {
	Name     string
	Replaces string // what it replaces and what that means; empty: nothing
	Facts    []Fact // in plain words
	// Report says what became of each key, what matters most first.
	Report     []ReportGroup
	ReportName string // the words of the click behind which the report is
}

// ReportGroup are the keys with the same verdict.
type ReportGroup struct {
	Title string // "Not taken over (2)"
	Tone  Tone
	Lines []ReportLine
	More  string // how many more there are; empty: none
}

// ReportLine is one key of the file. Key and Note are English.
type ReportLine struct {
	Key    string
	Value  string
	Note   string
	Lowers bool // it lowers security
}

// Consent is what lowers security.
type Consent struct {
	Text  string
	Items []string // in the report's English words
	Check Check
}

// Terms are somebody else's words, to be agreed to deliberately.
type Terms struct {
	Quote Quote
	Check Check
}

// ProblemView says that something did not work, where there is no room for a Notice.
type ProblemView struct {
	Title    string
	Sentence string
	Detail   string
	Show     string // the words of the click behind which Detail is
	Close    string
}

// ConfirmView is a question with yes and no.
type ConfirmView struct {
	Title    string
	Sentence string
	Field    *PromptField // what has to be typed; nil: nothing
	Value    string       // what stands in the Field at first
	Options  []PromptOption
	Yes      Button // with Field or Options: its Action's Value is what was typed or chosen
	No       string
	Danger   bool // the yes cannot be taken back
}

// PortalView is the sheet of a network's sign-in page.
type PortalView struct {
	Title    string
	Sentence string
	URL      string // the network's own words
	Detail   string // how long the way is open
	Open     Button
	Close    string
}

// SettingsView is the settings page.
type SettingsView struct {
	Title  string
	Back   Button
	Groups []SettingGroup
	About  About
}

// SettingGroup is one setting with its choices.
type SettingGroup struct {
	Title    string
	Sentence string
	Choices  []SettingChoice // one of them is on
	Managed  string          // who has set it for everybody; empty: the person may
	Buttons  []Button
}

// SettingChoice is one choice of a setting.
type SettingChoice struct {
	Text     string
	Sentence string
	On       bool
	Enabled  bool
	Choose   Action
}

// About says what this program is.
type About struct {
	Title string
	Facts []Fact
	Text  string
}

// LogView is the log page.
type LogView struct {
	Title  string
	Filter string // what stands in the empty field
	Back   Button
	Copy   Button
	Levels []LogLevel
	Follow string   // the newest entry stays in sight
	Rows   []LogRow // newest last
	Count  string   // "120 of 3,456 entries"
	Empty  string   // what is shown where there are no Rows
}

// LogLevel is one of the levels to choose from.
type LogLevel struct {
	ID   string
	Text string
}

// LogRow is one entry. Text and Attrs are English.
type LogRow struct {
	Time  string
	Level string
	Tone  Tone
	Text  string
	Attrs string
}

// TrayView is the mark in the panel and its menu.
type TrayView struct {
	Mark    Mark
	Tooltip string
	Items   []TrayItem
}

// TrayItem is one row of the menu.
type TrayItem struct {
	Text      string
	Action    Action // none: it is only read, or opens Items
	Disabled  bool
	Checked   bool
	Separator bool // nothing but a line
	Items     []TrayItem
}

// Notification is what a person is told while the window is hidden.
type Notification struct {
	Kind  NotificationKind
	Title string
	Text  string
}

// NotificationKind says what a Notification is about.
type NotificationKind string

// The notifications. There are no others.
const (
	NotifyLost     NotificationKind = "lost"
	NotifyBlocked  NotificationKind = "blocked"
	NotifyBack     NotificationKind = "back"
	NotifyExpiring NotificationKind = "expiring"
	NotifyNeedsYou NotificationKind = "needs-you"
)
