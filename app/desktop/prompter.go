package desktop

import (
	"context"
	"sync"

	"github.com/homeward-vpn/homeward/client/credential"
)

// A question on its way to a person:
//
//	Prompt, on its caller's goroutine -> its turn -> a sheet, drawn by Fyne's
//	  -> what the person did, or the end of ctx -> the sheet is taken away
//
// One question is shown at a time, in the order in which they were asked. The window
// comes to the front once for each, when its sheet appears, and not again: who has
// turned to another window meanwhile, to fetch a code for example, stays there.

// Prompter asks the person in sheets over the window. It is safe for concurrent use.
type Prompter struct {
	turn chan struct{}
	// draw runs something where Fyne draws.
	draw func(func())
	// open shows a question and gives what takes it away again. reply is called once at
	// most. Both are called where Fyne draws.
	open func(p credential.Prompt, reply func(credential.Reply, error)) (away func())
}

// newPrompter makes a Prompter that shows its questions by open.
func newPrompter(draw func(func()), open func(credential.Prompt, func(credential.Reply, error)) func()) *Prompter {
	return &Prompter{turn: make(chan struct{}, 1), draw: draw, open: open}
}

// Prompt implements credential.Prompter. It is not called where Fyne draws.
func (p *Prompter) Prompt(ctx context.Context, q credential.Prompt) (credential.Reply, error) {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return credential.Reply{}, ctx.Err()
	}
	defer func() { <-p.turn }()
	if err := ctx.Err(); err != nil { // a turn and an end at once
		return credential.Reply{}, err
	}
	var asked asking
	asked.done = make(chan struct{})
	var away func()
	p.draw(func() {
		if asked.open() {
			away = p.open(q, asked.settle)
		}
	})
	select {
	case <-asked.done:
	case <-ctx.Done():
		asked.settle(credential.Reply{}, ctx.Err())
		p.draw(func() {
			if away != nil {
				away()
			}
		})
	}
	return asked.reply, asked.err
}

// asking is one question, which is settled once: by the person or by its end.
type asking struct {
	mu      sync.Mutex
	settled bool
	done    chan struct{}
	reply   credential.Reply
	err     error
}

// open says whether the question still waits.
func (a *asking) open() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.settled
}

// settle takes the first answer. A later one is thrown away.
func (a *asking) settle(r credential.Reply, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled {
		clear(r.Secret)
		return
	}
	a.settled, a.reply, a.err = true, r, err
	close(a.done)
}
