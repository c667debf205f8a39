package lab

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// sink notes what comes out of a line, and when.
type sink struct {
	start time.Time
	got   []uint32
	after []time.Duration
}

func (s *sink) send(b []byte) error {
	s.got = append(s.got, binary.BigEndian.Uint32(b))
	s.after = append(s.after, time.Since(s.start))
	return nil
}

// carryAll sends numbered datagrams of 100 octets through a line that is as
// bad as told and returns what came out when all is over.
func carryAll(t *testing.T, is Impairment, n int) (*sink, Counters) {
	t.Helper()
	s := &sink{start: time.Now()}
	l := newLine(7)
	l.set(is)
	b := make([]byte, 100)
	for i := range n {
		binary.BigEndian.PutUint32(b, uint32(i))
		l.carry(b, len(b)+28, s.send)
	}
	<-time.After(time.Minute) // virtual
	synctest.Wait()
	l.close()
	return s, l.count()
}

func numbers(n int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(i)
	}
	return out
}

func TestAGoodLineChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := carryAll(t, Impairment{}, 50)
		if !slices.Equal(s.got, numbers(50)) || slices.Max(s.after) != 0 {
			t.Errorf("got %v after %v, want all in order at once", s.got, s.after)
		}
		if want := (Counters{Received: 50, Sent: 50, ReceivedBytes: 5000, SentBytes: 5000, LargestPacket: 128}); c != want {
			t.Errorf("counters %+v, want %+v", c, want)
		}
	})
}

func TestDelayKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := carryAll(t, Impairment{Delay: 30 * time.Millisecond}, 50)
		if !slices.Equal(s.got, numbers(50)) {
			t.Errorf("got %v, want all in order", s.got)
		}
		for _, d := range s.after {
			if d != 30*time.Millisecond {
				t.Errorf("a datagram took %v, want 30ms", d)
			}
		}
	})
}

func TestJitterStaysInItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := carryAll(t, Impairment{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond}, 200)
		if len(s.got) != 200 || slices.Min(s.after) < 10*time.Millisecond || slices.Max(s.after) >= 15*time.Millisecond {
			t.Errorf("%d datagrams after %v to %v, want 200 after 10 to 15 ms", len(s.got), slices.Min(s.after), slices.Max(s.after))
		}
		if slices.Equal(s.got, numbers(200)) {
			t.Error("jitter reordered nothing")
		}
	})
}

func TestLossAndDuplicatesComeAtTheirRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		s, c := carryAll(t, Impairment{Loss: 0.1, Duplicate: 0.05}, n)
		// Six standard deviations of n draws, and the random source is fixed.
		if c.Lost < 820 || c.Lost > 1180 {
			t.Errorf("lost %d of %d, want about a tenth", c.Lost, n)
		}
		if c.Duplicated < 330 || c.Duplicated > 570 {
			t.Errorf("duplicated %d of %d, want about a twentieth", c.Duplicated, n)
		}
		if c.Sent != n-c.Lost+c.Duplicated || uint64(len(s.got)) != c.Sent {
			t.Errorf("%d came out, counters %+v do not add up", len(s.got), c)
		}
	})
}

func TestReorderSwapsNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := carryAll(t, Impairment{Reorder: 0.2}, 1000)
		if c.Reordered < 100 || c.Sent != 1000 {
			t.Fatalf("counters %+v, want all sent and about 167 reordered", c)
		}
		swaps := 0
		for i := 1; i < len(s.got); i++ {
			if s.got[i] == s.got[i-1]-1 {
				swaps++
			}
		}
		// The last one may have been held with nobody to overtake it.
		if d := int(c.Reordered) - swaps; d < 0 || d > 1 {
			t.Errorf("%d neighbours swapped, %d held back", swaps, c.Reordered)
		}
		slices.Sort(s.got)
		if !slices.Equal(s.got, numbers(1000)) {
			t.Error("not every datagram came exactly once")
		}
	})
}

func TestAHeldDatagramGoesAloneWhenNobodyFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := carryAll(t, Impairment{Reorder: 1}, 1)
		if !slices.Equal(s.got, numbers(1)) || s.after[0] != reorderWait || c.Sent != 1 {
			t.Errorf("got %v after %v, want the one after %v", s.got, s.after, reorderWait)
		}
	})
}

func TestMTUDarkAndDrop(t *testing.T) {
	for name, tc := range map[string]struct {
		is   Impairment
		want Counters
	}{
		"just fits": {Impairment{MTU: 128}, Counters{Received: 4, Sent: 4, ReceivedBytes: 400, SentBytes: 400, LargestPacket: 128}},
		"too big":   {Impairment{MTU: 127}, Counters{Received: 4, TooBig: 4, ReceivedBytes: 400}},
		"dark":      {Impairment{Dark: true}, Counters{Received: 4, Dark: 4, ReceivedBytes: 400}},
		"drop one": {Impairment{Drop: func(b []byte) bool { return b[3] == 2 }},
			Counters{Received: 4, Sent: 3, Lost: 1, ReceivedBytes: 400, SentBytes: 300, LargestPacket: 128}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, c := carryAll(t, tc.is, 4); c != tc.want {
					t.Errorf("counters %+v, want %+v", c, tc.want)
				}
			})
		})
	}
}

func TestWhatTheKernelRefusesIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(1)
		l.carry([]byte{1}, 29, func([]byte) error { return errors.New("no") })
		l.close()
		if c := l.count(); c.Unsent != 1 || c.Sent != 0 {
			t.Errorf("counters %+v, want one unsent", c)
		}
	})
}

// What waits in a line is the line's own copy.
func TestALineKeepsItsOwnCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{start: time.Now()}
		l := newLine(1)
		l.set(Impairment{Delay: time.Second})
		b := []byte{0, 0, 0, 9}
		l.carry(b, 32, s.send)
		b[3] = 200
		<-time.After(2 * time.Second)
		synctest.Wait()
		l.close()
		if !slices.Equal(s.got, []uint32{9}) {
			t.Errorf("got %v, want what was there when it was taken", s.got)
		}
	})
}
