package viewmodel

// Action is what a click means. The zero value is none.
type Action struct {
	Kind    ActionKind
	Profile string // the profile's ID
	Value   string // see the kind
}

// ActionKind is the kind of an Action.
type ActionKind string

// The kinds. Those of the first group are performed by app/attendant, those of the
// second by whoever owns the windows.
const (
	ActionConnect      ActionKind = "connect"       // Profile
	ActionDisconnect   ActionKind = "disconnect"    // also: open the network that the kill switch holds
	ActionRenew        ActionKind = "renew"         // sign in again now
	ActionKillSwitch   ActionKind = "kill-switch"   // Value: a control.KillSwitch... mode
	ActionLocalNetwork ActionKind = "local-network" // Value: a control.LocalNetwork... word
	ActionAlways       ActionKind = "always"        // Profile, Value: a profile.When
	ActionLookPortal   ActionKind = "look-portal"   // look again whether the network wants a sign-in
	ActionSecrets      ActionKind = "secrets"       // Value: a credential.Mode
	ActionLanguage     ActionKind = "language"      // Value: "de"; empty: the system's
	ActionRemove       ActionKind = "remove"        // Profile; it was confirmed
	ActionDuplicate    ActionKind = "duplicate"     // Profile
	ActionRename       ActionKind = "rename"        // Profile, Value: the new name
	ActionExport       ActionKind = "export"        // Profile, Value: an ExportFormat; asks where to
	ActionForget       ActionKind = "forget"        // Profile: what is kept to sign in with
	ActionPutAway      ActionKind = "put-away"      // Value: which notice, a NoticeKind

	ActionSelect       ActionKind = "select"         // Profile: the window is about it
	ActionOpenFile     ActionKind = "open-file"      // ask for a profile file
	ActionNew          ActionKind = "new"            // the editor, empty
	ActionEdit         ActionKind = "edit"           // Profile: the editor
	ActionAskRemove    ActionKind = "ask-remove"     // Profile: the question before ActionRemove
	ActionAskRename    ActionKind = "ask-rename"     // Profile: the question before ActionRename
	ActionAskExport    ActionKind = "ask-export"     // Profile: the question before ActionExport
	ActionAskLockdown  ActionKind = "ask-lockdown"   // the question before ActionKillSwitch with lockdown
	ActionAnswer       ActionKind = "answer"         // show the open question again
	ActionPortalSignIn ActionKind = "portal-sign-in" // the sign-in page of this network
	ActionShowMain     ActionKind = "show-main"      // the window, at its first page
	ActionShowSettings ActionKind = "show-settings"
	ActionShowLog      ActionKind = "show-log"
	ActionTextSize     ActionKind = "text-size" // Value: how many times as large, "1.25"
	ActionShowWindow   ActionKind = "show-window"
	ActionCopyReport   ActionKind = "copy-report"
	ActionQuit         ActionKind = "quit"
)

// Button is something to press: a verb and what it does.
type Button struct {
	Text     string
	Action   Action
	Primary  bool
	Disabled bool
}

// Switch is something to turn on and off.
type Switch struct {
	Label   string // what it turns on, for those who cannot see it
	On      bool
	Enabled bool
	Working bool   // on its way to On
	TurnOn  Action // what turning it on means
	TurnOff Action
}

// Mark is the state by its shape.
type Mark string

// The marks.
const (
	MarkDisconnected Mark = "disconnected"
	MarkConnecting   Mark = "connecting"
	MarkConnected    Mark = "connected"
	MarkBlocked      Mark = "blocked"
	MarkNeedsYou     Mark = "needs-you"
)
