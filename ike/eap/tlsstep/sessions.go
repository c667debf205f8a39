package tlsstep

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// Bounds of what is kept.
const (
	maxSessions   = 16
	maxSessionAge = 8 * time.Hour
)

// Sessions keeps what is needed to take up TLS sessions again, in memory only.
// Its owner is who owns the profile: one for each, so that no session ever serves
// another. The zero value is ready; safe for concurrent use.
type Sessions struct {
	mu   sync.Mutex
	kept []keptSession // oldest first
}

type keptSession struct {
	key   sessionKey
	state *tls.ClientSessionState
	since time.Time // of the session's first handshake or ticket
}

// sessionKey stands for everything that has to be the same when a session is taken
// up again.
type sessionKey [sha256.Size]byte

// take gives a session away: it is used once, unless it comes back (RFC 8446 C.4).
func (s *Sessions) take(key sessionKey, now time.Time) (keptSession, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(k keptSession) bool {
		return now.Sub(k.since) > maxSessionAge || now.Before(k.since)
	})
	for i := len(s.kept) - 1; i >= 0; i-- {
		if k := s.kept[i]; k.key == key {
			s.kept = slices.Delete(s.kept, i, i+1)
			return k, true
		}
	}
	return keptSession{}, false
}

// put keeps one session for each key, and not too many.
func (s *Sessions) put(k keptSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = slices.DeleteFunc(s.kept, func(o keptSession) bool { return o.key == k.key })
	s.kept = append(s.kept, k)
	if len(s.kept) > maxSessions {
		s.kept = slices.Delete(s.kept, 0, len(s.kept)-maxSessions)
	}
}

// sessionSlot is the cache that crypto/tls sees: one session to begin with, and
// the newest that came. What came is kept only when the caller says Keep.
type sessionSlot struct {
	from  *Sessions
	key   sessionKey
	now   func() time.Time
	taken *keptSession
	came  *tls.ClientSessionState
}

// of names what the session of a configuration hangs on.
func (s *sessionSlot) of(cfg Config) {
	s.from, s.now = cfg.Sessions, cfg.Now
	h := sha256.New()
	add := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	add([]byte(cfg.Policy))
	add([]byte(cfg.ServerName))
	add(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, cfg.MinVersion), cfg.MaxVersion))
	flags := byte(0)
	if cfg.Legacy {
		flags |= 1
	}
	if cfg.NoCertificate {
		flags |= 2
	}
	add([]byte{flags})
	for _, der := range cfg.Certificates {
		add(der)
	}
	h.Sum(s.key[:0])
}

// Get implements tls.ClientSessionCache.
func (s *sessionSlot) Get(string) (*tls.ClientSessionState, bool) {
	k, ok := s.from.take(s.key, s.now())
	if !ok {
		return nil, false
	}
	s.taken = &k
	return k.state, true
}

// Put implements tls.ClientSessionCache. Nil: the session is not to be used again.
func (s *sessionSlot) Put(_ string, state *tls.ClientSessionState) {
	s.came = state
	if state == nil {
		s.taken = nil
	}
}

// Keep keeps the session for the next connection. Call it when the conversation
// that this handshake belongs to has ended well, never before.
func (c *Conn) Keep() {
	s := &c.session
	if s.from == nil || !c.established || c.finish != nil {
		return
	}
	state := c.State()
	switch {
	case state.LegacyKey: // RFC 7627 5.3: never without Extended Master Secret
	case s.came != nil:
		k := keptSession{key: s.key, state: s.came, since: s.now()}
		if state.Resumed && s.taken != nil {
			k.since = s.taken.since // a chain of tickets ages from its full handshake on
		}
		s.from.put(k)
	case state.Resumed && s.taken != nil && state.Version == tls.VersionTLS12:
		s.from.put(*s.taken)
	}
}
