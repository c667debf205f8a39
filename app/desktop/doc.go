// Package desktop draws the desktop program: its window, sheets, tray and
// notifications, with Fyne.
//
// It owns the looks (theme.go, and the widgets that Fyne has not) and turns
// what app/viewmodel says into widgets. It decides nothing: every text comes
// from the view model, every wish of the person goes to whoever made the
// window. It takes the fyne.App it is given and never makes one, so that its
// tests need no display; app/homeward calls it.
package desktop
