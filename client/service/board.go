package service

import (
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// board shows the newest state to whoever looks, and wakes those who wait.
type board struct {
	mu       sync.Mutex
	number   uint64
	state    supervisor.State
	since    time.Time
	owner    uint32 // whose wish the state, or its failure, is about
	owned    bool
	line     *line
	warnings []string
	filings  uint64        // how often a profile or a setting was changed
	changed  chan struct{} // closed at every change
}

func newBoard(now time.Time) *board {
	return &board{number: 1, since: now, changed: make(chan struct{})}
}

// post puts up a state.
func (b *board) post(state supervisor.State, l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if visible(state) != visible(b.state) {
		b.since = time.Now()
	}
	if nobody := state.Request.ProfileID == ""; nobody && state.Phase == supervisor.Blocked {
		b.owned = false
	} else if state.Phase != supervisor.Disconnected {
		b.owner, b.owned = state.Request.Owner, true
	}
	b.state, b.line = state, l
	b.wake()
}

// warn adds a sentence that stays until it is taken away.
func (b *board) warn(sentence string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.warnings, sentence) {
		b.warnings = append(b.warnings, sentence)
		b.wake()
	}
}

// unwarn takes a sentence away.
func (b *board) unwarn(sentence string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.warnings, sentence); at >= 0 {
		b.warnings = slices.Delete(b.warnings, at, at+1)
		b.wake()
	}
}

// touch tells a change of what the status is made of besides.
func (b *board) touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake()
}

// filed tells that a profile or a setting has changed: whoever has read them reads them
// again.
func (b *board) filed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.filings++
	b.wake()
}

// wake tells a change. The caller holds the lock.
func (b *board) wake() {
	b.number++
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) revision() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.number
}

// now gives the state that is up.
func (b *board) now() supervisor.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// active gives the profile that is in use, "" when none is.
func (b *board) active() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.Request.ProfileID
}

// visible is the state as the user sees it: a line that is about to be tried
// again counts as connecting while its remains are cleared away.
func visible(s supervisor.State) control.State {
	if s.Phase == supervisor.Disconnecting && (s.After.Then == supervisor.ThenRetry || s.After.Then == supervisor.ThenConnect) {
		return control.StateConnecting
	}
	return control.State(s.Phase.String())
}
