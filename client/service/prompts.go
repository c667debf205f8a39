package service

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// promptLife is how long a question waits for its answer: long enough to find
// a password, short enough that a gateway still holds the half-open sign-in.
const promptLife = 2 * time.Minute

// prompts holds the questions of the tunnel to the user. Each is answered at
// most once, by the user whose line it is, before it expires.
type prompts struct {
	post func(supervisor.Event)

	mu     sync.Mutex
	last   uint64
	open   map[uint64]*question
	given  map[tunnel.QuestionKind]given // by the user, for this wish
	proven bool                          // the line has stood with them
	// untried are answers for a line that stands, until it has been renewed with
	// them: what the gateway has refused must not be given to it again.
	untried map[tunnel.QuestionKind]given
	// spoilt counts answers that were right once and then refused. A password may
	// change; what is spoilt again and again is good for one time.
	spoilt map[tunnel.QuestionKind]int
}

// mostSpoilt of a kind, and answers of it are used for nothing but their question.
const mostSpoilt = 2

// given is an answer that is kept.
type given struct {
	request supervisor.Request // whose it is
	answer  tunnel.Answer
}

type question struct {
	prompt control.Prompt
	owner  uint32
	shown  bool
	answer chan tunnel.Answer // one place
}

func newPrompts(post func(supervisor.Event)) *prompts {
	return &prompts{
		post: post, open: map[uint64]*question{}, given: map[tunnel.QuestionKind]given{},
		untried: map[tunnel.QuestionKind]given{}, spoilt: map[tunnel.QuestionKind]int{},
	}
}

// asker asks for one tunnel.
type asker struct {
	*prompts
	line *line
	// reused: an answer of the user was used again in this attempt. If the
	// same is asked once more, it was not liked.
	mu     sync.Mutex
	reused map[tunnel.QuestionKind]bool
}

func (p *prompts) asker(l *line) *asker {
	return &asker{prompts: p, line: l, reused: map[tunnel.QuestionKind]bool{}}
}

// ask is the tunnel's Ask.
func (a *asker) ask(ctx context.Context, q tunnel.Question) (tunnel.Answer, error) {
	if kept, ok := a.keptAnswer(q); ok {
		return kept, nil
	}
	id, waiting := a.enter(a.line, q)
	a.post(supervisor.TunnelAsks{Tunnel: a.line.id, Question: id})
	defer a.post(supervisor.Answered{Tunnel: a.line.id, Question: id})
	expired := time.NewTimer(time.Until(expiry(q)))
	defer expired.Stop()
	select {
	case answer := <-waiting.answer:
		return a.accept(q, answer)
	case <-expired.C:
	case <-ctx.Done():
	}
	if !a.leave(id) { // answered at the last moment
		return a.accept(q, <-waiting.answer)
	}
	if ctx.Err() != nil {
		return tunnel.Answer{}, ctx.Err()
	}
	return tunnel.Answer{}, missing(q.Kind, "nobody answered in time")
}

// expiry is when a question is over: one about a line that stands waits for as
// long as an answer is of use.
func expiry(q tunnel.Question) time.Time {
	if !q.Until.IsZero() {
		return q.Until
	}
	return time.Now().Add(promptLife)
}

// accept takes over an answer; an empty one says that there is none.
func (a *asker) accept(q tunnel.Question, answer tunnel.Answer) (tunnel.Answer, error) {
	if len(answer.Secret) == 0 {
		return tunnel.Answer{}, missing(q.Kind, "the user declined")
	}
	if q.Kind != tunnel.AskSignature && q.Kind != tunnel.AskFurther {
		a.prompts.mu.Lock()
		defer a.prompts.mu.Unlock()
		into := a.given
		if q.Again {
			into = a.untried
		}
		drop(into, q.Kind)
		if a.spoilt[q.Kind] < mostSpoilt {
			into[q.Kind] = given{request: a.line.request, answer: clone(answer)}
		}
	}
	return answer, nil
}

// drop clears an answer that is kept.
func drop(from map[tunnel.QuestionKind]given, kind tunnel.QuestionKind) {
	clear(from[kind].answer.Secret)
	delete(from, kind)
}

func clone(a tunnel.Answer) tunnel.Answer {
	return tunnel.Answer{Username: a.Username, Secret: bytes.Clone(a.Secret)}
}

func missing(kind tunnel.QuestionKind, detail string) error {
	names := map[tunnel.QuestionKind]string{
		tunnel.AskPassword: "password", tunnel.AskFurther: "second password", tunnel.AskPSK: "shared key", tunnel.AskSignature: "private key",
	}
	return &diagnose.Failure{Cause: diagnose.CauseCredentialsMissing, Expected: names[kind], Detail: detail}
}

// keptAnswer gives what the user answered when the line first stood: once per
// attempt to bring it back, and to renew it as long as it is not refused.
func (a *asker) keptAnswer(q tunnel.Question) (tunnel.Answer, bool) {
	kind := q.Kind
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prompts.mu.Lock()
	defer a.prompts.mu.Unlock()
	kept, ok := a.given[kind]
	if q.Fresh {
		if ok && a.proven {
			a.spoilt[kind]++
		}
		drop(a.given, kind)
		drop(a.untried, kind)
		return tunnel.Answer{}, false
	}
	if !ok || !a.proven || a.reused[kind] && !q.Again || kept.request != a.line.request {
		return tunnel.Answer{}, false
	}
	a.reused[kind] = a.reused[kind] || !q.Again
	return clone(kept.answer), true
}

// enter opens a question. It is shown when the supervisor says so.
func (p *prompts) enter(l *line, q tunnel.Question) (uint64, *question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	w := &question{owner: l.request.Owner, answer: make(chan tunnel.Answer, 1), prompt: control.Prompt{
		ID:        p.last,
		Kind:      control.PromptKind(q.Kind),
		Profile:   l.request.ProfileName,
		ProfileID: l.request.ProfileID,
		Text:      promptText(l.request.ProfileName, q),
		Username:  q.Username,
		Message:   q.Message,
		Scheme:    q.Scheme,
		Data:      bytes.Clone(q.Data),
		Again:     q.Again,
		Fresh:     q.Fresh,
		Expires:   expiry(q).Round(0),
	}}
	p.open[p.last] = w
	return p.last, w
}

func promptText(profile string, q tunnel.Question) string {
	switch {
	case q.Again && q.Kind == tunnel.AskPassword && !q.Until.IsZero():
		return fmt.Sprintf("Password of %s for %s, which ends at %s without a new sign-in", q.Username, profile, q.Until.Local().Format("15:04"))
	case q.Kind == tunnel.AskPSK:
		return fmt.Sprintf("Shared key for %s", profile)
	case q.Kind == tunnel.AskSignature:
		return fmt.Sprintf("Signature for %s", profile)
	case q.Kind == tunnel.AskFurther:
		return fmt.Sprintf("Second password of %s for %s", q.Username, profile)
	case q.Username == "":
		return fmt.Sprintf("User name and password for %s", profile)
	default:
		return fmt.Sprintf("Password of %s for %s", q.Username, profile)
	}
}

// leave closes a question. False says that it was answered before.
func (p *prompts) leave(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.open[id]
	delete(p.open, id)
	return ok
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

// resolve passes an answer on. It takes over the secret.
func (p *prompts) resolve(uid uint32, a control.Answer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.open[a.Prompt]
	switch {
	case w == nil || !w.shown:
		clear(a.Secret)
		return control.Refuse(control.CodeGone, "this question is answered already, or it has expired; connect again if there is no line")
	case w.owner != uid:
		clear(a.Secret)
		return control.Refuse(control.CodeForbidden, "this question belongs to another user; only they can answer it")
	}
	delete(p.open, a.Prompt)
	username := a.Username
	if username == "" {
		username = w.prompt.Username
	}
	w.answer <- tunnel.Answer{Username: username, Secret: a.Secret}
	return nil
}

// keep says that the line stands with the answers that were given.
func (p *prompts) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proven = true
}

// renewed says that the line stands with the answers that were given to renew it.
func (p *prompts) renewed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, g := range p.untried {
		clear(p.given[kind].answer.Secret)
		p.given[kind] = g
		delete(p.untried, kind)
	}
}

// forget clears the answers that were given.
func (p *prompts) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proven = false
	for _, kept := range []map[tunnel.QuestionKind]given{p.given, p.untried} {
		for kind := range kept {
			drop(kept, kind)
		}
	}
	clear(p.spoilt)
}
