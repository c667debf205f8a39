package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// Notifier tells the person what they must know and do not see: that the line was lost,
// for example. It is not safe for concurrent use.
type Notifier struct {
	say    viewmodel.Say
	send   func(*fyne.Notification)
	before *viewmodel.Input
}

// NewNotifier makes a Notifier.
func NewNotifier(a fyne.App, say viewmodel.Say) *Notifier {
	return &Notifier{say: say, send: a.SendNotification}
}

// Changed holds what is known now against what was known before, and tells what is new
// in it once. watched: the person looks at the window, which says the same.
func (n *Notifier) Changed(in viewmodel.Input, watched bool) {
	if in.Link != viewmodel.LinkReady {
		return // what happens meanwhile is held against the time before
	}
	before := n.before
	n.before = &in
	if before == nil || watched {
		return
	}
	for _, told := range viewmodel.Notify(*before, in, n.say) {
		n.send(fyne.NewNotification(told.Title, told.Text))
	}
}
