package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// Probe is a stream of echo requests, one every ProbeEvery, that notes when each
// answer comes in. Safe for concurrent use.
type Probe struct {
	process *Process

	mu      sync.Mutex
	answers []time.Time // in order of arrival
}

// ProbeEvery is the pause between two requests: no gap is measured finer.
const ProbeEvery = 5 * time.Millisecond

var probeAnswer = regexp.MustCompile(`^\[(\d+)\.(\d+)\] \d+ bytes from `)

// Probe starts a stream of echo requests from this machine, which ends with Stop
// or with the lab.
func (l *Lab) Probe(n *Namespace, to netip.Addr) (*Probe, error) {
	cmd := n.Command(context.Background(), "ping", "-n", "-D", "-i", fmt.Sprint(ProbeEvery.Seconds()), to.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("lab: probing %s: %w", to, err)
	}
	cmd.Stderr = io.Discard // an answer that does not come says as much
	p := &Probe{}
	read := make(chan struct{})
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: probing %s: %w", to, err)
	}
	p.process = &Process{Name: "ping", cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := probeAnswer.FindStringSubmatch(lines.Text()); m != nil {
				p.note(m[1], m[2])
			}
		}
	}()
	go func() {
		<-read // Wait closes the pipe
		p.process.err = cmd.Wait()
		close(p.process.done)
	}()
	l.onClose(p.Stop)
	return p, nil
}

// note takes the time of an answer: seconds and microseconds of the wall clock.
func (p *Probe) note(seconds, micros string) {
	s, serr := strconv.ParseInt(seconds, 10, 64)
	us, uerr := strconv.ParseInt(micros, 10, 64)
	if serr != nil || uerr != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, time.Unix(s, us*1000))
}

// Since counts the answers that have come in after a time.
func (p *Probe) Since(t time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for i := len(p.answers) - 1; i >= 0 && p.answers[i].After(t); i-- {
		n++
	}
	return n
}

// Gap is the longest time between two answers that follow each other, of those
// since the last one before t.
func (p *Probe) Gap(t time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gap time.Duration
	for i := len(p.answers) - 1; i > 0 && p.answers[i].After(t); i-- {
		gap = max(gap, p.answers[i].Sub(p.answers[i-1]))
	}
	return gap
}

// Stop ends the stream.
func (p *Probe) Stop() error { return p.process.Kill() }
