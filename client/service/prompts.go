package service

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// A question of a tunnel:
//
//	ask -> an answer that is kept (memory.go), or
//	enter -> the supervisor lets it be shown -> visible to its owner
//	  -> resolve, or it expires, or its tunnel ends -> closed

// promptLife is how long a question waits for its answer: long enough to find
// a password, short enough that a gateway still holds the half-open sign-in.
const promptLife = 2 * time.Minute

const (
	// mostOpen questions wait at a time; a tunnel and its successor ask one each.
	mostOpen = 8
	// mostClosed questions are remembered, to tell who answers late what became
	// of them.
	mostClosed = 64
)

// prompts holds the questions of the tunnel to the user. Each is answered at
// most once, by the user whose line it is, before it expires.
type prompts struct {
	post   func(supervisor.Event)
	trials *trials

	mu     sync.Mutex
	last   uint64
	open   map[uint64]*question
	closed []closed // oldest first
	kept   memory
}

type question struct {
	prompt control.Prompt
	owner  uint32
	shown  bool
	answer chan control.Answer // one place
}

// closed is a question that is not open any more.
type closed struct {
	id    uint64
	owner uint32
	how   ending
}

// ending is what became of a question.
type ending uint8

const (
	endAnswered ending = iota
	endExpired
	endWithdrawn // by what asked it
)

func newPrompts(post func(supervisor.Event), trials *trials) *prompts {
	return &prompts{post: post, trials: trials, last: firstID(), open: map[uint64]*question{}, kept: newMemory()}
}

// firstID is where this run of the service begins to count: not where another has,
// so that an answer to a question of that one meets none of ours, which may be
// another gateway's. It leaves room to count in what JavaScript holds exactly.
func firstID() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return binary.BigEndian.Uint64(b[:]) >> 12
}

// asker asks for one tunnel.
type asker struct {
	*prompts
	line *line
	// reused: an answer of the user was used again in this attempt. If the
	// same is asked once more, it was not liked.
	reused map[tunnel.QuestionKind]bool
}

func (p *prompts) asker(l *line) *asker {
	return &asker{prompts: p, line: l, reused: map[tunnel.QuestionKind]bool{}}
}

// ask is the tunnel's Ask.
func (a *asker) ask(ctx context.Context, q tunnel.Question) (tunnel.Answer, error) {
	of := a.line.request.ProfileID
	if q.Kind == tunnel.AskPassword && q.Fresh {
		a.trials.refused(of, q.Username)
	}
	if kept, ok := a.keptAnswer(q); ok {
		a.send(q, kept.Username, true)
		return kept, nil
	}
	q.Fresh = q.Fresh || q.Kind == tunnel.AskPassword && a.trials.known(of, q.Username)
	id, waiting := a.enter(a.line, q)
	if waiting == nil {
		return tunnel.Answer{}, &diagnose.Failure{Cause: diagnose.CauseProtocol, Detail: "more is asked at a time than anybody can answer"}
	}
	a.post(supervisor.TunnelAsks{Tunnel: a.line.id, Question: id})
	defer a.post(supervisor.Answered{Tunnel: a.line.id, Question: id})
	expired := time.NewTimer(time.Until(expiry(q)))
	defer expired.Stop()
	how := endWithdrawn
	select {
	case answer := <-waiting.answer:
		return a.accept(q, answer)
	case <-expired.C:
		how = endExpired
	case <-ctx.Done():
	}
	if !a.leave(id, how) { // answered at the last moment
		return a.accept(q, <-waiting.answer)
	}
	if how == endWithdrawn {
		return tunnel.Answer{}, ctx.Err()
	}
	return tunnel.Answer{}, &diagnose.Failure{Cause: diagnose.CauseUnanswered, Expected: wanted[q.Kind], Detail: "nobody answered in time"}
}

// expiry is when a question is over: one about a line that stands waits for as
// long as an answer is of use.
func expiry(q tunnel.Question) time.Time {
	if !q.Until.IsZero() {
		return q.Until
	}
	return time.Now().Add(promptLife)
}

// accept takes over an answer.
func (a *asker) accept(q tunnel.Question, answer control.Answer) (tunnel.Answer, error) {
	if answer.Declined {
		if err := because(answer.Why); err != nil {
			return tunnel.Answer{}, err
		}
		return tunnel.Answer{}, declined(q.Kind)
	}
	out := tunnel.Answer{
		Username: answer.Username, Secret: answer.Secret, New: answer.New,
		Certificates: answer.Certificates, Choice: answer.Choice,
	}
	a.keep(q, &out)
	a.send(q, out.Username, answer.Kept)
	return out, nil
}

// send notes that a password goes to the gateway, before it does.
func (a *asker) send(q tunnel.Question, username string, again bool) {
	if q.Kind == tunnel.AskPassword || q.Kind == tunnel.AskNewPassword {
		a.trials.sent(a.line.request.ProfileID, username, again)
	}
}

// enter opens a question. It is shown when the supervisor says so. nil: too many
// are open.
func (p *prompts) enter(l *line, q tunnel.Question) (uint64, *question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= mostOpen {
		return 0, nil
	}
	p.last++
	w := &question{owner: l.request.Owner, answer: make(chan control.Answer, 1), prompt: control.Prompt{
		ID:         p.last,
		Kind:       control.PromptKind(q.Kind),
		Profile:    l.request.ProfileName,
		ProfileID:  l.request.ProfileID,
		Text:       promptText(l.request.ProfileName, q),
		Username:   q.Username,
		Message:    serverWords(q.Message),
		Echo:       q.Echo,
		Options:    options(q.Options),
		Issuers:    issuers(q.Issuers),
		IssuerKeys: issuerKeys(q.IssuerKeys), KeyKinds: keyKinds(q), TLS: q.TLS,
		Certificate: bytes.Clone(q.Certificate),
		Scheme:      q.Scheme,
		Data:        bytes.Clone(q.Data),
		Again:       q.Again,
		Fresh:       q.Fresh,
		Expires:     expiry(q).Round(0),
	}}
	p.open[p.last] = w
	return p.last, w
}

// leave closes a question. False says that it was answered before.
func (p *prompts) leave(id uint64, how ending) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.close(id, how)
}

// close takes a question away, once. The caller holds the lock.
func (p *prompts) close(id uint64, how ending) bool {
	w, ok := p.open[id]
	if !ok {
		return false
	}
	delete(p.open, id)
	if len(p.closed) == mostClosed {
		p.closed = slices.Delete(p.closed, 0, 1)
	}
	p.closed = append(p.closed, closed{id: id, owner: w.owner, how: how})
	return true
}

// show makes a question visible to its owner.
func (p *prompts) show(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.open[id]; w != nil {
		w.shown = true
	}
}

// visible lists the open questions of a user, oldest first.
func (p *prompts) visible(uid uint32) []control.Prompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []control.Prompt
	for _, w := range p.open {
		if w.shown && w.owner == uid {
			list = append(list, w.prompt)
		}
	}
	slices.SortFunc(list, func(a, b control.Prompt) int { return int(int64(a.ID) - int64(b.ID)) })
	return list
}

// resolve passes an answer on. It takes over the secrets.
func (p *prompts) resolve(uid uint32, a control.Answer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.open[a.Prompt]
	var err error
	if w == nil || !w.shown || w.owner != uid {
		err = p.gone(uid, a.Prompt)
	} else {
		err = w.prompt.Fits(&a)
	}
	if err != nil {
		a.Clear()
		return err
	}
	p.close(a.Prompt, endAnswered)
	if name := w.prompt.Username; name != "" { // the tunnel signs in as whom it has asked for
		a.Username = name
	}
	w.answer <- a
	return nil
}

// gone says what became of a question. Of another user's it tells no more than
// of one that never was.
func (p *prompts) gone(uid uint32, id uint64) error {
	at := slices.IndexFunc(p.closed, func(c closed) bool { return c.id == id && c.owner == uid })
	if at < 0 {
		return control.Refuse(control.CodeGone, "this question is not open; look at «homewardctl status» for what is")
	}
	switch p.closed[at].how {
	case endAnswered:
		return control.Refuse(control.CodeGone, "this question was answered already, in another window or terminal, and this answer was not used")
	case endExpired:
		return control.Refuse(control.CodeGone, "this question has expired, and the answer was not used; connect again, and answer while the question is shown")
	default:
		return control.Refuse(control.CodeGone, "this question is not asked any more, and the answer was not used; connect again if there is no line")
	}
}
