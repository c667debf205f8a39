package dns

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// What changes behind our back: systemd-resolved restarts and has forgotten the
// tunnel's link; NetworkManager, a DHCP client or a person writes resolv.conf.
// The system's word comes in as events (changes_linux.go); what is our own doing
// is dropped here; a burst is told once.

// Event is what the system says.
type Event uint8

// The events.
const (
	// Edited: something has happened at a file of Environment.Changes.
	Edited Event = iota + 1
	// Started: systemd-resolved has started, or its bus has.
	Started
	// Stopped: systemd-resolved has ended.
	Stopped
)

const (
	// settle is how long an edit may go on: some write a file in steps.
	settle = 100 * time.Millisecond
	// absence is how long systemd-resolved may be away before names go another
	// way: whoever restarts it takes less.
	absence = 3 * time.Second
)

// Watch tells when the system's resolver configuration has changed and Set
// should be called again, until ctx ends; then the channel is closed. What
// nobody has taken yet is told once. Our own changes are not told.
// errors.ErrUnsupported where this system cannot say.
func (d *Configurator) Watch(ctx context.Context) (<-chan struct{}, error) {
	if d.env.Changes == nil {
		return nil, errors.ErrUnsupported
	}
	events, err := d.env.Changes(ctx, d.watched)
	if err != nil {
		return nil, err
	}
	d.altered() // what is there now is no news
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		d.watch(events, out)
	}()
	return out, nil
}

// watch passes on what is news, until events ends.
func (d *Configurator) watch(events <-chan Event, out chan<- struct{}) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	due := false
	for {
		select {
		case e, ok := <-events:
			switch {
			case !ok:
				return
			case e == Stopped:
				due = true
				timer.Reset(absence)
			case e == Started:
				due = true
				timer.Reset(settle)
			case !due: // an edit delays no restart
				timer.Reset(settle)
			}
		case <-d.rested:
			due = true
			timer.Reset(settle)
		case <-timer.C:
			if !d.altered() && !due {
				continue
			}
			due = false
			select {
			case out <- struct{}{}:
			default: // it has not been taken yet, and stands for this too
			}
		}
	}
}

// altered tells whether resolv.conf is not as it was at the last call, or as we
// have left it since.
func (d *Configurator) altered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, err := d.env.Files.State(d.env.ResolvConf)
	if err != nil {
		return true
	}
	same := now.equal(d.left)
	d.left = now
	return !same
}

// leave remembers resolv.conf as it is after our own work.
func (d *Configurator) leave() {
	if now, err := d.env.Files.State(d.env.ResolvConf); err == nil {
		d.left = now
	}
}

// maxLinks bounds how far links are followed.
const maxLinks = 8

// watched are the files whose change is of interest now: resolv.conf and all
// that it leads to.
func (d *Configurator) watched() []string {
	var paths []string
	for path := d.env.ResolvConf; len(paths) < maxLinks; {
		paths = append(paths, path)
		s, err := d.env.Files.State(path)
		if err != nil || s.Kind != Symlink {
			break
		}
		if filepath.IsAbs(s.Target) {
			path = filepath.Clean(s.Target)
		} else {
			path = filepath.Join(filepath.Dir(path), s.Target)
		}
	}
	return paths
}
