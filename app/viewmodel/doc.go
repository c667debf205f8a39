// Package viewmodel turns everything that is known into what a person sees: texts,
// rows, marks, buttons, menus, notices, and the rules of the forms.
//
//	Input (status, profiles, settings, traffic, link to the service)
//	  -> Main          the window
//	  -> Tray          the menu and the mark in the panel
//	  -> Notify        what a hidden window tells the person, from before and after
//	  -> Settings        the settings page; Log and Report are the log page's
//	a question         -> PromptSheet
//	a file             -> ImportSheet
//	a form             -> Form.Problems, Form.Profile
//	an error of a wish -> Trouble
//
// It is plain data in and plain data out: no windows, no clock, no I/O, nothing
// that runs beside. All texts come from assets/translations through a Say, so that
// whoever draws writes none. What comes from elsewhere (names, addresses, the words
// of a gateway) is cleaned and cut before it becomes part of a text: no text here
// holds a control character or a line break, and none is longer than MaxText.
//
// It decides nothing and changes nothing. app/attendant makes the Input and performs
// the Actions, app/desktop draws the views.
package viewmodel
