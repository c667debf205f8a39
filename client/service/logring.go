package service

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

const (
	// ringEntries and ringText bound what the log keeps: about half a
	// megabyte at most.
	ringEntries = 1000
	ringText    = 512 // bytes of one entry's message and of its attributes

	// uidKey marks what concerns one user only: nobody else reads it.
	uidKey = "uid"
)

// LogRing is a slog.Handler that keeps the newest records for the logs call
// and passes every record on to another handler. Secrets have types of their
// own that print as "redacted"; attributes with a telling name are redacted
// here as well, whatever their type.
type LogRing struct {
	next   slog.Handler
	keep   *kept
	prefix string // of the attribute keys, from groups
	attrs  string // written already
	uid    *uint32
}

// kept is what all handlers of one ring share.
type kept struct {
	mu      sync.Mutex
	entries []ringEntry // oldest first
	last    uint64      // number of the newest
	owner   *uint32     // whose line there is, nil: nobody's
	changed chan struct{}
}

type ringEntry struct {
	number uint64
	uid    *uint32 // nil: for everybody
	entry  control.LogEntry
}

// NewLogRing makes a ring before another handler.
func NewLogRing(next slog.Handler) *LogRing {
	return &LogRing{next: next, keep: &kept{changed: make(chan struct{})}}
}

// Enabled implements slog.Handler.
func (r *LogRing) Enabled(ctx context.Context, l slog.Level) bool { return r.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (r *LogRing) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *r
	safe := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		safe[i] = redactAttr(a)
		c.note(safe[i])
	}
	c.next = r.next.WithAttrs(safe)
	return &c
}

// WithGroup implements slog.Handler.
func (r *LogRing) WithGroup(name string) slog.Handler {
	if name == "" {
		return r
	}
	c := *r
	c.prefix += name + "."
	c.next = r.next.WithGroup(name)
	return &c
}

// Handle implements slog.Handler.
func (r *LogRing) Handle(ctx context.Context, rec slog.Record) error {
	c := *r
	safe := slog.NewRecord(rec.Time, rec.Level, rec.Message, rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		a = redactAttr(a)
		safe.AddAttrs(a)
		c.note(a)
		return true
	})
	c.keep.add(ringEntry{uid: c.uid, entry: control.LogEntry{
		Time: rec.Time, Level: strings.ToLower(rec.Level.String()),
		Message: cut(rec.Message), Attrs: cut(c.attrs),
	}})
	return r.next.Handle(ctx, safe)
}

// note writes an attribute to the text.
func (r *LogRing) note(a slog.Attr) {
	r.attrs = appendAttr(r.attrs, r.prefix, a)
	if a.Key == uidKey && r.prefix == "" {
		switch v := a.Value.Any().(type) {
		case uint32:
			r.uid = &v
		case uint64:
			uid := uint32(v)
			r.uid = &uid
		}
	}
}

func appendAttr(text, prefix string, a slog.Attr) string {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			text = appendAttr(text, prefix, member)
		}
		return text
	}
	if a.Key == "" || len(text) > ringText {
		return text
	}
	s := v.String()
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r == 0x7f }) {
		s = fmt.Sprintf("%q", s)
	}
	if text != "" {
		text += " "
	}
	return text + prefix + a.Key + "=" + s
}

// telling are keys whose values nobody should write to a log.
var telling = []string{"password", "passphrase", "psk", "secret", "token", "private_key"}

func redactAttr(a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, t := range telling {
		if strings.Contains(key, t) {
			return slog.String(a.Key, "redacted")
		}
	}
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		return slog.Attr{Key: a.Key, Value: v}
	}
	members := slices.Clone(v.Group())
	for i := range members {
		members[i] = redactAttr(members[i])
	}
	return slog.Attr{Key: a.Key, Value: slog.GroupValue(members...)}
}

func cut(s string) string {
	if len(s) <= ringText {
		return s
	}
	return strings.ToValidUTF8(s[:ringText], "") + "…"
}

// concern says whose line there is. The parts of the system do not know for
// whom they work, and name networks, addresses and gateways: what they write
// meanwhile is the owner's.
func (r *LogRing) concern(state supervisor.State) {
	k := r.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	k.owner = nil
	if state.Phase != supervisor.Disconnected {
		owner := state.Request.Owner
		k.owner = &owner
	}
}

func (k *kept) add(e ringEntry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last++
	e.number = k.last
	if e.uid == nil {
		e.uid = k.owner
	}
	if len(k.entries) >= ringEntries {
		k.entries = slices.Delete(k.entries, 0, ringEntries/10)
	}
	k.entries = append(k.entries, e)
	close(k.changed)
	k.changed = make(chan struct{})
}

// since gives what the caller may see of the entries after a number, the
// newest number, and a channel that is closed by the next entry.
func (k *kept) since(after uint64, c control.Caller) ([]control.LogEntry, uint64, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []control.LogEntry
	for _, e := range k.entries {
		if e.number > after && (c.Admin || e.uid == nil || *e.uid == c.UID) {
			list = append(list, e.entry)
		}
	}
	return list, k.last, k.changed
}

// read gives the entries to emit, and with follow those that come, until ctx
// ends. A reader that is slower than the log misses entries, not the newest.
func (r *LogRing) read(ctx context.Context, c control.Caller, follow bool, emit func([]control.LogEntry) error) error {
	var after uint64
	for {
		list, last, changed := r.keep.since(after, c)
		after = last
		if len(list) > 0 {
			if err := emit(list); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var _ slog.Handler = (*LogRing)(nil)
