package desktop

import (
	"errors"
	"fmt"
	"io"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"github.com/homeward-vpn/homeward/client/profile"
)

// ChooseFile lets the person name a file. done is called with its path, and not at all
// where the person does not want one after all. Whether it can be read is seen by who
// reads it.
func (d *Desktop) ChooseFile(done func(path string)) {
	d.showDialog(dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		if err != nil || f == nil {
			return
		}
		path := f.URI().Path()
		if err := f.Close(); err != nil {
			fyne.LogError("a file that was chosen cannot be closed", err)
		}
		done(path)
	}, d.window))
}

// chooseText lets the person name a file and reads it; one that cannot be read is empty.
func (d *Desktop) chooseText(done func(text string)) {
	d.ChooseFile(func(path string) { done(readText(path)) })
}

func readText(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, profile.MaxFile))
	if errors.Join(err, f.Close()) != nil {
		return ""
	}
	return string(data)
}

// SaveFile lets the person say where something is to be written, with a name to begin
// with. done is called with where it is or why it is not, and not at all where the person
// does not want it after all.
func (d *Desktop) SaveFile(name string, data []byte, done func(path string, err error)) {
	chooser := dialog.NewFileSave(func(f fyne.URIWriteCloser, err error) {
		if err != nil {
			done("", fmt.Errorf("the file cannot be written: %w", err))
			return
		}
		if f == nil {
			return
		}
		_, err = f.Write(data)
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("%s cannot be written: %w", f.URI().Path(), err)
		}
		done(f.URI().Path(), err)
	}, d.window)
	chooser.SetFileName(name)
	d.showDialog(chooser)
}

// showDialog shows a dialog of Fyne's nearly as large as the window.
func (d *Desktop) showDialog(chooser *dialog.FileDialog) {
	size := d.window.Canvas().Size()
	chooser.Resize(fyne.NewSize(size.Width-2*gapLarge, size.Height-2*gapLarge))
	chooser.Show()
}
