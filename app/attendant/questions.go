package attendant

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/credential/answer"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// A question goes through two hands, because a person may take long and the status
// goes on meanwhile:
//
//	see, with each status    what is new is queued; what is no longer open is taken away;
//	                         how the attempt ended is queued behind its answers
//	run, one job at a time   one Answerer for each attempt gives the answers
//
// Another program of the same user's may be quicker, as «homewardctl attend» is where
// it runs: then the question is no longer open, and is taken away here.

// questions has the questions of the service answered.
type questions struct {
	of *Attendant

	mu      sync.Mutex
	jobs    []job
	wake    chan struct{}
	current uint64 // the prompt that is being answered; 0: none
	cancel  context.CancelFunc

	// Of the status that was seen last; see's alone.
	seen     map[uint64]bool
	asked    bool // something was asked since the last end
	renewing bool // a line that stands is signed in again
	since    time.Time

	// Of the attempt; run's alone.
	answers *answer.Answerer
	profile string
	tries   map[uint64]int
}

// job is one step of an attempt.
type job struct {
	prompt *control.Prompt // to be answered; nil: the attempt has ended
	worked bool
	err    *control.Error // how it failed; nil: it did not, or nobody knows
}

func newQuestions(a *Attendant) *questions {
	return &questions{of: a, wake: make(chan struct{}, 1), seen: map[uint64]bool{}}
}

// see looks at one status.
func (q *questions) see(st control.Status) {
	open := map[uint64]bool{}
	for _, p := range st.Prompts {
		open[p.ID] = true
		if !q.seen[p.ID] {
			q.asked = true
			q.queue(job{prompt: &p})
		}
		if p.Again && !q.renewing {
			q.renewing, q.since = true, established(st)
		}
	}
	q.seen = open
	q.takeAway(open)
	if !q.asked {
		return
	}
	switch st.State {
	case control.StateConnected:
		if renewed := !q.renewing || !established(st).Equal(q.since); len(st.Prompts) == 0 && renewed {
			q.ended(job{worked: true})
		}
	case control.StateDisconnected, control.StateBlocked:
		q.ended(job{err: st.Error})
	}
}

// lost forgets what a service has asked that is away.
func (q *questions) lost() {
	q.seen = map[uint64]bool{}
	q.takeAway(nil)
	if q.asked {
		q.ended(job{})
	}
}

func (q *questions) ended(j job) {
	q.asked, q.renewing, q.since = false, false, time.Time{}
	q.queue(j)
}

// established is when the IKE SA was made.
func established(st control.Status) time.Time {
	if st.IKE == nil {
		return time.Time{}
	}
	return st.IKE.Established
}

func (q *questions) queue(j job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, j)
	nudge(q.wake)
}

// takeAway ends what is shown and no longer open.
func (q *questions) takeAway(open map[uint64]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.jobs[:0]
	for _, j := range q.jobs {
		if j.prompt == nil || open[j.prompt.ID] {
			left = append(left, j)
		}
	}
	q.jobs = left
	if q.current != 0 && !open[q.current] {
		q.cancel()
	}
}

// run does one job after the other until ctx ends.
func (q *questions) run(ctx context.Context) {
	defer q.end()
	for {
		j, asking, ok := q.next(ctx)
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
				continue
			}
		}
		if j.prompt == nil {
			q.finish(ctx, j)
			continue
		}
		q.give(ctx, asking, *j.prompt)
		q.mu.Lock()
		q.cancel()
		q.current, q.cancel = 0, nil
		q.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
	}
}

// next gives the oldest job, with the context in which a question is shown.
func (q *questions) next(ctx context.Context) (job, context.Context, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		return job{}, nil, false
	}
	j := q.jobs[0]
	q.jobs = q.jobs[1:]
	if j.prompt != nil {
		q.current = j.prompt.ID
		ctx, q.cancel = context.WithCancel(ctx)
	}
	return j, ctx, true
}

// maxTries is how often a question is shown whose answer the service could not use.
const maxTries = 3

// give answers one question, which is shown until asking ends.
func (q *questions) give(ctx, asking context.Context, p control.Prompt) {
	if q.answers == nil || q.profile != p.ProfileID {
		q.end()
		info, err := q.profileOf(ctx, p.ProfileID)
		if err != nil {
			q.of.cfg.Logger.Warn("a question could not be looked at", "error", err)
			return
		}
		q.profile, q.tries = p.ProfileID, map[uint64]int{}
		q.answers = answer.New(answer.Config{
			Service: sure{q.of.cfg.Service, ctx}, Profile: info, Prompter: q.of,
			OpenStore:  func() (answer.Store, error) { return q.of.cfg.OpenStore() },
			OpenWallet: q.of.cfg.OpenWallet, Cards: q.of.cfg.Cards, Tell: q.of.Tell,
		})
	}
	err := q.answers.Give(asking, p)
	var refusal *control.Refusal
	if !errors.As(err, &refusal) || asking.Err() != nil {
		return // it was given, or taken away; the status tells
	}
	q.of.trouble(err)
	if q.tries[p.ID]++; q.tries[p.ID] < maxTries {
		q.again(asking, p)
	}
}

// again has a question shown once more, unless it has been taken away meanwhile.
func (q *questions) again(asking context.Context, p control.Prompt) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if asking.Err() == nil {
		q.jobs = append(q.jobs, job{prompt: &p})
		nudge(q.wake)
	}
}

// sure is the service to which an answer that is under way gets: whether it was taken,
// or another one was, must be known, so that what is not proven is not kept.
type sure struct {
	Service
	ctx context.Context // of the program
}

// Answer implements answer.Service.
func (s sure) Answer(_ context.Context, a control.Answer) error { return s.Service.Answer(s.ctx, a) }

// profileOf gives the profile that a question is about.
func (q *questions) profileOf(ctx context.Context, id string) (control.ProfileInfo, error) {
	list := q.of.Input().Profiles
	for range 2 {
		for _, p := range list {
			if p.ID == id {
				return p, nil
			}
		}
		var err error
		if list, err = q.of.cfg.Service.Profiles(ctx); err != nil {
			return control.ProfileInfo{}, err
		}
	}
	return control.ProfileInfo{}, errors.New("its profile has gone")
}

// finish tells the Answerer how the attempt has ended.
func (q *questions) finish(ctx context.Context, j job) {
	defer q.end()
	if q.answers == nil {
		return
	}
	switch {
	case j.worked:
		q.answers.Worked(ctx)
	case j.err != nil:
		cause := diagnose.Cause(j.err.Cause)
		q.answers.Failed(ctx, cause)
		if err := q.answers.Trouble(); err != nil && !cause.Refused() && !errors.Is(err, credential.ErrDeclined) {
			q.of.trouble(err) // it says more than that there was no answer
		}
	}
}

func (q *questions) end() {
	if q.answers != nil {
		q.answers.Clear()
		q.answers, q.profile, q.tries = nil, "", nil
	}
}

// Prompt implements credential.Prompter: it has a question shown, and notes that one
// waits. Whoever in the program asks the person asks here.
func (a *Attendant) Prompt(ctx context.Context, p credential.Prompt) (credential.Reply, error) {
	a.waits(func(all []*credential.Prompt) []*credential.Prompt { return append(all, &p) })
	defer a.waits(func(all []*credential.Prompt) []*credential.Prompt {
		return slices.DeleteFunc(all, func(o *credential.Prompt) bool { return o == &p })
	})
	return a.cfg.Prompter.Prompt(ctx, p)
}

func (a *Attendant) waits(change func([]*credential.Prompt) []*credential.Prompt) {
	a.update(func(in *viewmodel.Input) {
		in.Asking = nil
		if a.asking = change(a.asking); len(a.asking) > 0 {
			in.Asking = a.asking[0]
		}
	})
}

// trouble notes why what the person wanted was not done.
func (a *Attendant) trouble(err error) {
	a.cfg.Logger.Info("a wish was not met", "error", err)
	a.update(func(in *viewmodel.Input) { in.Trouble = err })
}
