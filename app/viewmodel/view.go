package viewmodel

import "time"

// MainView is the window.
type MainView struct {
	Title   string // of the window
	Sidebar Sidebar
	// Empty is the first page; nil: there are profiles, or something more important.
	// With it, Traffic, Facts, Technical and Cards are empty.
	Empty *Empty
	Head  Head
	// Notices are bars below the head, what matters most first.
	Notices []Notice
	// Steps are shown while connecting, else none.
	Steps []Step
	// Traffic is shown while there is a line; nil: there is none.
	Traffic *Traffic
	Facts   []Fact
	// Technical is behind a click; nil: there is nothing to tell.
	Technical *Technical
	Cards     []Card
	Menu      []Button // of the profile that the window is about: edit, duplicate and so on
}

// Sidebar lists the profiles.
type Sidebar struct {
	Title string
	Rows  []ProfileRow
	Open  Button   // "+ Open a profile…"
	Links []Button // Settings, Log
}

// ProfileRow is a profile in the sidebar.
type ProfileRow struct {
	ID       string
	Name     string
	State    string
	Mark     Mark
	Selected bool
	Select   Action
	Menu     []Button
}

// Empty is the window without a profile.
type Empty struct {
	Title    string
	Sentence string
	Drop     string // what can be dropped here
	Buttons  []Button
}

// Head answers "am I connected?".
type Head struct {
	Over     string // the profile
	Title    string // one large word
	Sentence string
	Mark     Mark
	Switch   Switch
}

// Step is one of the steps of connecting.
type Step struct {
	Text  string
	State StepState
}

// StepState is how far a step is.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepCurrent StepState = "current"
	StepDone    StepState = "done"
)

// NoticeKind says which notice it is. One that can be put away is put away by it.
type NoticeKind string

// The notices, what matters most first.
const (
	NoticeAlarm     NoticeKind = "alarm"     // it is not sure that nothing leaves
	NoticeService   NoticeKind = "service"   // the service is not there, or is not ours
	NoticeQuestion  NoticeKind = "question"  // a question waits for the person
	NoticeFailure   NoticeKind = "failure"   // why there is no line
	NoticeBlocked   NoticeKind = "blocked"   // how the network is opened again
	NoticeTrouble   NoticeKind = "trouble"   // why the last wish was not met
	NoticePortal    NoticeKind = "portal"    // the network wants a sign-in
	NoticeExpiring  NoticeKind = "expiring"  // the session ends soon
	NoticeAutomatic NoticeKind = "automatic" // what the rules want
	NoticeWarning   NoticeKind = "warning"   // what the service warns of
	NoticeTold      NoticeKind = "told"      // what the program tells
	NoticeNoTray    NoticeKind = "no-tray"   // the desktop shows no tray
)

// Tone is how loud a notice is.
type Tone string

// The tones.
const (
	ToneInfo    Tone = "info"
	ToneGood    Tone = "good"
	ToneWarning Tone = "warning"
	ToneBad     Tone = "bad"
	ToneNeeds   Tone = "needs-you"
)

// Notice is a bar with a sentence.
type Notice struct {
	Kind    NoticeKind
	Tone    Tone
	Text    string // what is, and what to do
	Detail  string // what an administrator needs; behind a click
	Show    string // the words of that click; empty: there is no Detail
	Buttons []Button
}

// Traffic is the graph and what stands above it.
type Traffic struct {
	Received string
	Sent     string
	Span     string // "last 5 minutes"
	Peak     string // what the top of the graph stands for
	// Points are in the order of time, equally far apart, as shares of Top.
	Points []Point
}

// Point is one point of the graph: bytes in a second.
type Point struct {
	At     time.Time
	Rx, Tx float64 // 0 to 1
}

// Fact is a name and what it is.
type Fact struct {
	Name  string
	Value string
}

// Technical is what an administrator wants to know.
type Technical struct {
	Title    string // of the click
	Sections []Section
	Timeline Timeline
	Copy     Button
}

// Section is a group of facts.
type Section struct {
	Title string
	Facts []Fact
}

// Timeline is what happened to the line, newest first.
type Timeline struct {
	Title  string
	Events []Event
}

// Event is one thing that happened.
type Event struct {
	Time string
	Text string
	Mark Mark
}

// CardKind says which card it is.
type CardKind string

// The cards.
const (
	CardKillSwitch CardKind = "kill-switch"
	CardAlways     CardKind = "always"
)

// Card is something to turn on with what it means.
type Card struct {
	Kind     CardKind
	Title    string // "Kill switch: on"
	Sentence string
	Tone     Tone
	Switch   Switch
	More     *Button // where there are further choices; nil: there are none
}
