package desktop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/credential"
)

// desk is where questions are drawn, one thing after the other, as Fyne does.
type desk struct {
	work  chan func()
	shown chan *shownQuestion // one that has appeared
	open  int                 // how many are there
	most  int                 // how many were there at once
	away  int                 // how many were taken away
}

type shownQuestion struct {
	prompt credential.Prompt
	reply  func(credential.Reply, error)
}

func newDesk(t *testing.T) (*desk, *Prompter) {
	d := &desk{work: make(chan func(), 64), shown: make(chan *shownQuestion, 8)}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() {
		for {
			select {
			case f := <-d.work:
				f()
			case <-ctx.Done():
				return
			}
		}
	}()
	return d, newPrompter(func(f func()) { d.work <- f }, func(p credential.Prompt, reply func(credential.Reply, error)) func() {
		d.open++
		d.most = max(d.most, d.open)
		there := true
		gone := func() {
			if there {
				there = false
				d.open--
			}
		}
		d.shown <- &shownQuestion{p, func(r credential.Reply, err error) { gone(); reply(r, err) }}
		return func() { gone(); d.away++ }
	})
}

// answer answers a question as a person would, and waits until it has.
func (d *desk) answer(q *shownQuestion, r credential.Reply, err error) {
	done := make(chan struct{})
	d.work <- func() { q.reply(r, err); close(done) }
	<-done
}

// asked is what Prompt came back with.
type asked struct {
	reply credential.Reply
	err   error
}

func ask(ctx context.Context, p *Prompter, text string) chan asked {
	done := make(chan asked, 1)
	go func() {
		r, err := p.Prompt(ctx, credential.Prompt{Kind: credential.KindPassword, Text: text})
		done <- asked{r, err}
	}()
	return done
}

// TestQuestionsTakeTurns: of several questions one is shown, and the next one when it is
// answered, in the order in which they were asked.
func TestQuestionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDesk(t)
		var done []chan asked
		for _, text := range []string{"one", "two", "three"} {
			done = append(done, ask(t.Context(), p, text))
			synctest.Wait()
		}
		for i, want := range []string{"one", "two", "three"} {
			q := <-d.shown
			synctest.Wait()
			if q.prompt.Text != want || len(d.shown) != 0 {
				t.Fatalf("question %d is %q, with %d beside it", i, q.prompt.Text, len(d.shown))
			}
			d.answer(q, credential.Reply{Secret: []byte(want)}, nil)
			if got := <-done[i]; string(got.reply.Secret) != want || got.err != nil {
				t.Errorf("%q was answered with %q, %v", want, got.reply.Secret, got.err)
			}
		}
		if d.most != 1 {
			t.Errorf("%d questions were shown at once", d.most)
		}
	})
}

// TestAQuestionIsTakenAway: with the end of its context a question goes, whether it is
// shown or waits; the next one comes, and an answer that comes too late is cleared.
func TestAQuestionIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDesk(t)
		first, endFirst := context.WithCancel(t.Context())
		second, endSecond := context.WithCancel(t.Context())
		one := ask(first, p, "one")
		synctest.Wait()
		two := ask(second, p, "two")
		synctest.Wait()
		three := ask(t.Context(), p, "three")
		synctest.Wait()
		endSecond()
		if got := <-two; !errors.Is(got.err, context.Canceled) {
			t.Errorf("a question that waited ended with %v", got.err)
		}
		q := <-d.shown
		endFirst()
		if got := <-one; !errors.Is(got.err, context.Canceled) {
			t.Errorf("a question that was shown ended with %v", got.err)
		}
		synctest.Wait()
		late := []byte("late")
		d.answer(q, credential.Reply{Secret: late}, nil)
		if q = <-d.shown; q.prompt.Text != "three" {
			t.Fatalf("%q came next", q.prompt.Text)
		}
		d.answer(q, credential.Reply{}, credential.ErrDeclined)
		if got := <-three; !errors.Is(got.err, credential.ErrDeclined) {
			t.Errorf("a no is %v", got.err)
		}
		synctest.Wait()
		if d.away != 1 || d.open != 0 {
			t.Errorf("%d were taken away, and %d are there", d.away, d.open)
		}
		if string(late) != "\x00\x00\x00\x00" {
			t.Error("an answer that nobody takes stays in memory")
		}
	})
}

// TestNoQuestionAfterItsEnd: a question whose context has ended before it could be
// drawn is not drawn.
func TestNoQuestionAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDesk(t)
		busy := make(chan struct{})
		d.work <- func() { <-busy }
		ctx, end := context.WithCancel(t.Context())
		done := ask(ctx, p, "one")
		synctest.Wait()
		end()
		if got := <-done; !errors.Is(got.err, context.Canceled) {
			t.Errorf("it ended with %v", got.err)
		}
		close(busy)
		synctest.Wait()
		if len(d.shown) != 0 || d.away != 0 {
			t.Error("it was drawn nevertheless")
		}
	})
}
