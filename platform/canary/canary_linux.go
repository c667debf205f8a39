package canary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// grace is how long frames of the attempts may take to the device once all results
// are there.
const grace = 50 * time.Millisecond

// trial is one attempt with what is known of it.
type trial struct {
	target
	index  int // of the device
	user   string
	result result
	seen   bool
}

// prove does one proof.
func prove(ctx context.Context, c Config) (probes []Probe, err error) {
	found, taken, err := devices(c)
	if err != nil {
		return nil, err
	}
	var watches []watch
	defer func() {
		for _, w := range watches {
			err = errors.Join(err, unix.Close(w.fd))
		}
	}()
	users := []string{Service, fmt.Sprintf("uid %d", c.User.UID)}
	var trials [2][]trial // of each user
	for _, d := range found {
		if d.because != "" {
			probes = append(probes, untried(d.name, users, d.because)...)
			continue
		}
		w, err := openWatch(d.name, d.index)
		if err != nil {
			return nil, err
		}
		watches = append(watches, w)
		for u, user := range users {
			for _, t := range targets(d.name, taken) {
				trials[u] = append(trials[u], trial{target: t, index: d.index, user: user})
			}
		}
	}
	if len(watches) == 0 {
		if len(probes) == 0 {
			probes = untried("", users, "there is no interface but loopback")
		}
		return probes, nil
	}
	if err := tryAll(ctx, c, &trials); err != nil {
		return nil, err
	}
	if err := look(ctx, watches, &trials); err != nil {
		return nil, err
	}
	judged, err := judge(&trials)
	return append(probes, judged...), err
}

// untried are the attempts by a device that cannot be made.
func untried(device string, users []string, because string) (probes []Probe) {
	for _, user := range users {
		for _, family := range families {
			for _, kind := range kinds {
				probes = append(probes, Probe{Family: family, Kind: kind, User: user, Device: device, Outcome: NotTried, Detail: because})
			}
		}
	}
	return probes
}

// tryAll makes the attempts of both users at the same time.
func tryAll(ctx context.Context, c Config, trials *[2][]trial) error {
	var all [2][]target
	for u := range trials {
		for _, t := range trials[u] {
			all[u] = append(all[u], t.target)
		}
	}
	var other []result
	var oerr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		other, oerr = asUser(ctx, c.User, all[1])
	}()
	own, err := attempt(ctx, all[0])
	<-done
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("canary: trying: %w", err)
	}
	for i := range trials[0] {
		trials[0][i].result = own[i]
	}
	if oerr != nil {
		c.Logger.Debug("another user could not be tried", "error", oerr)
	}
	for i := range trials[1] {
		if oerr != nil {
			trials[1][i].result = result{NotTried, oerr.Error()}
		} else {
			trials[1][i].result = other[i]
		}
	}
	return nil
}

// look reads the frames that were seen, and waits a moment for the last of them.
func look(ctx context.Context, watches []watch, trials *[2][]trial) error {
	end := time.Now().Add(grace)
	fds := make([]unix.PollFd, len(watches))
	for i, w := range watches {
		fds[i] = unix.PollFd{Fd: int32(w.fd), Events: unix.POLLIN}
	}
	for {
		for _, w := range watches {
			if err := w.frames(func(frame []byte) { mark(frame, w.device, trials) }); err != nil {
				return err
			}
		}
		n, err := poll(ctx, fds, end)
		if err != nil {
			return fmt.Errorf("canary: waiting for frames: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// mark notes whose frame that is.
func mark(frame []byte, device string, trials *[2][]trial) {
	for u := range trials {
		for i := range trials[u] {
			if t := &trials[u][i]; t.sentBy(frame) {
				t.seen = true
				if device != t.Device {
					t.result.Detail = "it left by " + device
				}
			}
		}
	}
}

// judge puts together what the sockets said and what was seen.
func judge(trials *[2][]trial) (probes []Probe, err error) {
	waits, err := asked()
	if err != nil {
		return nil, err
	}
	for u := range trials {
		for _, t := range trials[u] {
			p := Probe{Family: t.Family, Kind: t.Kind, User: t.user, Device: t.Device, Outcome: t.result.Outcome, Detail: t.result.Detail}
			switch {
			case t.seen:
				p.Outcome, p.Detail = Left, "seen on the wire: "+p.Detail
			case p.Outcome == unsure && waits[t.index][t.Family]:
				p.Outcome, p.Detail = Left, "the kernel took it, and asks for the next hop's hardware address"
			case p.Outcome == unsure:
				p.Outcome, p.Detail = Refused, "dropped here without a word"
			}
			probes = append(probes, p)
		}
	}
	return probes, nil
}
