//go:build cgo

// Command homeward is the desktop program: the window and the tray that an
// employee sees. It speaks the local API and nothing else; whatever it can do,
// homewardctl can do as well.
package main

import (
	"fyne.io/fyne/v2/app"

	"github.com/homeward-vpn/homeward/app/desktop"
)

func main() {
	a := app.NewWithID("com.homeward-vpn.Homeward")
	a.Settings().SetTheme(desktop.NewTheme())
	a.NewWindow("Homeward").ShowAndRun()
}
