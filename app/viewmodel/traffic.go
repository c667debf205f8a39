package viewmodel

import "time"

const (
	trafficSpan   = 5 * time.Minute
	trafficPoints = 150 // one in two seconds
)

// traffic is the graph of the last minutes.
//
//	counters -> bytes in a second, in equal steps of time -> shares of the highest
func (s *scene) traffic() *Traffic {
	if !s.up() || s.st.ESP == nil {
		return nil
	}
	points, top := rates(s.in.Samples, s.now)
	t := &Traffic{
		Received: s.with("traffic.received", data{"Size": s.size(s.st.ESP.RxBytes)}),
		Sent:     s.with("traffic.sent", data{"Size": s.size(s.st.ESP.TxBytes)}),
		Span:     s.s("traffic.span"),
		Points:   points,
	}
	if top >= 1 {
		t.Peak = s.with("traffic.rate", data{"Size": s.size(uint64(top))})
	}
	return t
}

// rates gives the graph's points. A counter that falls has begun anew, and says
// nothing of the time between.
func rates(samples []Sample, now time.Time) (points []Point, top float64) {
	const step = trafficSpan / trafficPoints
	begin := now.Add(-trafficSpan)
	points = make([]Point, trafficPoints)
	for i := range points {
		points[i].At = begin.Add(time.Duration(i) * step)
	}
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		took := b.At.Sub(a.At)
		if took <= 0 || b.Rx < a.Rx || b.Tx < a.Tx || !b.At.After(begin) || a.At.After(now) {
			continue
		}
		rx, tx := float64(b.Rx-a.Rx)/took.Seconds(), float64(b.Tx-a.Tx)/took.Seconds()
		from := max(0, int(a.At.Sub(begin)/step))
		to := min(trafficPoints-1, int(b.At.Sub(begin)/step))
		for n := from; n <= to; n++ {
			points[n].Rx, points[n].Tx = max(points[n].Rx, rx), max(points[n].Tx, tx)
		}
		if from <= to {
			top = max(top, rx, tx)
		}
	}
	if top == 0 {
		return points, 0
	}
	for i := range points {
		points[i].Rx, points[i].Tx = points[i].Rx/top, points[i].Tx/top
	}
	return points, top
}
