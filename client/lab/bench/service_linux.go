package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/lab"
)

const (
	handshakes = 11
	idleTime   = 20 * time.Second
)

// serviceSection connects again and again, Homeward and strongSwan in turn on
// the same path, and then watches the connected service do nothing.
func serviceSection(ctx context.Context) (err error) {
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	h, err := l.InstallHomeward()
	if err != nil {
		return err
	}
	if err := h.Start(ctx); err != nil {
		return err
	}
	files, err := l.PKI.WriteSamples(l.Dir)
	if err != nil {
		return err
	}
	if r, err := h.Ctl(ctx, "", "import", files[lab.OfficeProfile], "--yes"); err != nil || r.Code != 0 {
		return errors.Join(err, fmt.Errorf("importing the sample: %s", r.Stderr))
	}
	peer, err := l.StartStrongSwanClient(ctx, lab.UserName, lab.UserPassword)
	if err != nil {
		return err
	}
	api := control.NewClient(h.Socket)
	var ours, theirs []float64
	for range handshakes {
		took, err := connectOnce(ctx, api)
		if err != nil {
			return err
		}
		ours = append(ours, took.Seconds()*1e3)
		if err := disconnect(ctx, api); err != nil {
			return err
		}
		began := time.Now()
		if err := peer.Connect(ctx); err != nil {
			return err
		}
		theirs = append(theirs, time.Since(began).Seconds()*1e3)
		if err := peer.Terminate(ctx); err != nil {
			return err
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	fmt.Printf("\nhandshake with EAP-MSCHAPv2, path without delay (ms: median, min-max of %d)\n", handshakes)
	fmt.Printf("  homeward, API call to connected  %4.0f   %.0f-%.0f   (target under 150)\n", median(ours), ours[0], ours[len(ours)-1])
	fmt.Printf("  strongSwan, swanctl --initiate   %4.0f   %.0f-%.0f\n", median(theirs), theirs[0], theirs[len(theirs)-1])

	if err := peer.Stop(ctx); err != nil {
		return err
	}
	if _, err := connectOnce(ctx, api); err != nil {
		return err
	}
	if err := idle(ctx, h.Service().PID()); err != nil {
		return err
	}
	return disconnect(ctx, api)
}

// connectOnce measures from the API call to the snapshot that says connected.
func connectOnce(ctx context.Context, api *control.Client) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	began := time.Now()
	accepted, err := api.Connect(ctx, control.ConnectRequest{Profile: lab.OfficeProfile, Username: lab.UserName})
	if err != nil {
		return 0, err
	}
	var took time.Duration
	var answered uint64
	err = api.Watch(ctx, func(s control.Status) error {
		switch {
		case s.Revision < accepted.Revision:
		case s.State == control.StateConnected:
			took = time.Since(began)
			return errDone
		case s.Error != nil:
			return fmt.Errorf("%s: %s", s.Error.Cause, s.Error.Message)
		case len(s.Prompts) > 0 && s.Prompts[0].ID != answered:
			answered = s.Prompts[0].ID
			return api.Answer(ctx, control.Answer{Prompt: answered, Secret: []byte(lab.UserPassword)})
		}
		return nil
	})
	if !errors.Is(err, errDone) {
		return 0, err
	}
	return took, nil
}

var errDone = errors.New("done")

func disconnect(ctx context.Context, api *control.Client) error {
	accepted, err := api.Disconnect(ctx)
	if err != nil {
		return err
	}
	err = api.Watch(ctx, func(s control.Status) error {
		if s.Revision >= accepted.Revision && s.State == control.StateDisconnected {
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// idle watches the process while nothing happens but the line's own upkeep.
func idle(ctx context.Context, pid int) error {
	select {
	case <-time.After(3 * time.Second): // the path search and the collector's last run
	case <-ctx.Done():
		return ctx.Err()
	}
	before, _, err := usage(pid)
	if err != nil {
		return err
	}
	began := time.Now()
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, resident, err := usage(pid)
	if err != nil {
		return err
	}
	fmt.Printf("\nthe service, connected and quiet for %v\n", idleTime)
	fmt.Printf("  resident memory      %5.1f MB   (target under 25)\n", float64(resident)/1e3)
	fmt.Printf("  wake-ups per second  %5.2f      (target under 2)\n", float64(after-before)/time.Since(began).Seconds())
	return nil
}

// usage gives how often the threads of a process have been put to sleep of
// their own will, each of which ends in a wake-up, and its resident kilobytes.
func usage(pid int) (wakeups, resident int, err error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	tasks, err := filepath.Glob(filepath.Join(proc, "task", "*", "status"))
	if err != nil {
		return 0, 0, err
	}
	for _, path := range tasks {
		n, err := field(path, "voluntary_ctxt_switches:")
		if err != nil {
			return 0, 0, err
		}
		wakeups += n
	}
	resident, err = field(filepath.Join(proc, "status"), "VmRSS:")
	return wakeups, resident, err
}

func field(path, name string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
