package attendant

import (
	"context"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
)

// What changes by time alone: the traffic of a line that stands; what says how long ago or
// in how long, twice a minute; and a session that is about to end. The first two count
// only while the window is shown. Traffic is counted as seldom as a graph of five minutes
// allows: each time the window is drawn, and where the processor does that, a drawing
// costs some 20 ms of it.
const (
	sampling = 3 * time.Second
	aging    = 30 * time.Second
	kept     = 5*time.Minute + 2*sampling // of samples
)

// clock ticks as slowly as it may, or not at all.
func (a *Attendant) clock(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last := a.cfg.Now()
	for {
		timer.Stop()
		if due := a.due(last); !due.IsZero() {
			timer.Reset(due.Sub(a.cfg.Now()))
		}
		select {
		case <-ctx.Done():
			return
		case <-a.paced:
		case <-timer.C:
			a.tick(ctx)
			last = a.cfg.Now()
		}
	}
}

// due is when the next tick is, after the last one; zero: never.
func (a *Attendant) due(last time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	by := a.in.Status.SignInAgainBy
	switch {
	case a.shown && a.samples():
		return last.Add(sampling)
	case a.shown:
		return last.Add(aging)
	case by != nil && a.in.Link == viewmodel.LinkReady:
		if soon := by.Add(-viewmodel.ExpiringSoon); soon.After(last) {
			return soon
		}
	}
	return time.Time{}
}

// samples says that there is traffic to count. The caller holds the lock.
func (a *Attendant) samples() bool {
	return a.in.Link == viewmodel.LinkReady && a.in.Status.State == control.StateConnected && a.in.Status.ESP != nil
}

func (a *Attendant) tick(ctx context.Context) {
	a.mu.Lock()
	sample := a.shown && a.samples()
	a.mu.Unlock()
	if !sample {
		a.update(func(*viewmodel.Input) {})
		return
	}
	st, err := a.cfg.Service.Status(ctx)
	if err != nil {
		return // the stream tells what has become of the service
	}
	now := a.cfg.Now()
	a.update(func(in *viewmodel.Input) {
		if st.Revision < in.Status.Revision || st.ESP == nil {
			return
		}
		from := 0
		for from < len(in.Samples) && now.Sub(in.Samples[from].At) > kept {
			from++
		}
		in.Samples = append(in.Samples[from:], viewmodel.Sample{At: now, Tx: st.ESP.TxBytes, Rx: st.ESP.RxBytes})
		if st.Revision == in.Status.Revision {
			a.show(in, st)
		}
	})
}
