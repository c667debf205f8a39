package service

import (
	"bytes"

	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// memory holds the answers that the user gave for this wish, so that a lost line comes
// back, and one that stands is renewed, without them. Only what is the same each
// time is kept: a password and a shared key, and the certificate that was chosen.
// What is good for one time is never kept, and so never given twice.
type memory struct {
	given  map[tunnel.QuestionKind]given
	proven bool // the line has stood with them
	// untried are answers for a line that stands, until it has been renewed with
	// them: what the gateway has refused must not be given to it again.
	untried map[tunnel.QuestionKind]given
	// once: an answer that was right was refused when it was given for the second
	// time. It may be a code for one time that goes by the name of a password, so
	// none of its kind is kept any more.
	once map[tunnel.QuestionKind]bool
}

// given is an answer that is kept.
type given struct {
	request supervisor.Request // whose it is
	answer  tunnel.Answer
	// lent and relent: it was used again, to bring the line back or to renew it.
	lent, relent bool
	// static: it was right once more, so it is no code.
	static bool
}

func newMemory() memory {
	return memory{
		given: map[tunnel.QuestionKind]given{}, untried: map[tunnel.QuestionKind]given{},
		once: map[tunnel.QuestionKind]bool{},
	}
}

// lasting says whether an answer is the same the next time.
func lasting(kind tunnel.QuestionKind) bool {
	switch kind {
	case tunnel.AskPassword, tunnel.AskPSK, tunnel.AskCertificate:
		return true
	}
	return false
}

// keep keeps an answer that will do again. A new password takes the place of the
// old one, which goes with it to the gateway where the user's program does not
// have it.
func (a *asker) keep(q tunnel.Question, answer *tunnel.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kind, into := q.Kind, a.kept.given
	if q.Again {
		into = a.kept.untried
	}
	again := *answer
	if kind == tunnel.AskNewPassword {
		kind, again = tunnel.AskPassword, tunnel.Answer{Username: answer.Username, Secret: answer.New}
		if old, ok := into[kind]; ok && len(answer.Secret) == 0 && old.request == a.line.request {
			answer.Secret = bytes.Clone(old.answer.Secret)
		}
	}
	if !lasting(kind) {
		return
	}
	drop(into, kind)
	codes := kind == tunnel.AskPassword && a.trials.codes(a.line.request.ProfileID, answer.Username)
	if !a.kept.once[kind] && !codes {
		into[kind] = given{request: a.line.request, answer: clone(again)}
	}
}

// keptAnswer gives what the user answered when the line first stood: once per
// attempt to bring it back, and to renew it as long as it is not refused.
func (a *asker) keptAnswer(q tunnel.Question) (tunnel.Answer, bool) {
	kind := q.Kind
	a.mu.Lock()
	defer a.mu.Unlock()
	k := &a.kept
	old, ok := k.given[kind]
	if q.Fresh {
		k.once[kind] = k.once[kind] || (old.lent || old.relent) && !old.static
		drop(k.given, kind)
		drop(k.untried, kind)
		return tunnel.Answer{}, false
	}
	if !ok || !k.proven || a.reused[kind] && !q.Again || old.request != a.line.request {
		return tunnel.Answer{}, false
	}
	a.reused[kind] = a.reused[kind] || !q.Again
	old.lent, old.relent = old.lent || !q.Again, old.relent || q.Again
	k.given[kind] = old
	return clone(old.answer), true
}

// proven says that the line stands with the answers that were given.
func (p *prompts) proven() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept.proven = true
	for kind, g := range p.kept.given {
		g.static = g.static || g.lent
		p.kept.given[kind] = g
	}
}

// renewed says that the line stands with the answers that were given to renew it.
func (p *prompts) renewed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, g := range p.kept.given {
		g.static = g.static || g.relent
		p.kept.given[kind] = g
	}
	for kind, g := range p.kept.untried {
		clear(p.kept.given[kind].answer.Secret)
		p.kept.given[kind] = g
		delete(p.kept.untried, kind)
	}
}

// forget clears the answers that were given.
func (p *prompts) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept.proven = false
	for _, kept := range []map[tunnel.QuestionKind]given{p.kept.given, p.kept.untried} {
		for kind := range kept {
			drop(kept, kind)
		}
	}
	clear(p.kept.once)
}

// drop clears an answer that is kept.
func drop(from map[tunnel.QuestionKind]given, kind tunnel.QuestionKind) {
	clear(from[kind].answer.Secret)
	delete(from, kind)
}

func clone(a tunnel.Answer) tunnel.Answer {
	return tunnel.Answer{Username: a.Username, Secret: bytes.Clone(a.Secret), Certificates: a.Certificates}
}
