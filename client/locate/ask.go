package locate

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	oneQuestion = 1500 * time.Millisecond // to one server
	rounds      = 2                       // how often each server is asked
	maxAliases  = 8                       // from the name to its addresses
	// other bounds the wait for one kind of address where the other is there:
	// some networks lose the question for IPv6.
	other      = 500 * time.Millisecond
	maxMessage = 1232     // octets of an answer by UDP
	maxStream  = 16 << 10 // octets of one by TCP
)

// answer is what was found of a name.
type answer struct {
	addrs []netip.Addr
	ttl   time.Duration // the shortest of all records that lead there
}

// both asks for IPv6 and IPv4 at the same time.
func (l *Locator) both(ctx context.Context, name dnsmessage.Name, servers []netip.AddrPort) (answer, error) {
	type result struct {
		answer
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	types := []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeA}
	results := make(chan result, len(types))
	for _, kind := range types {
		go func() {
			a, err := l.follow(ctx, name, kind, servers)
			results <- result{a, err}
		}()
	}
	var found answer
	var errs []error
	for range types {
		r := <-results
		errs = append(errs, r.err)
		if len(r.addrs) == 0 {
			continue
		}
		found = found.with(r.answer)
		timer := time.AfterFunc(other, cancel)
		defer timer.Stop()
	}
	if len(found.addrs) == 0 {
		return answer{}, errors.Join(append(errs, ErrNotFound)...)
	}
	return found, nil
}

func (a answer) with(b answer) answer {
	if len(a.addrs) == 0 || b.ttl < a.ttl {
		a.ttl = b.ttl
	}
	a.addrs = append(a.addrs, b.addrs...)
	a.addrs = a.addrs[:min(len(a.addrs), 2*maxAddresses)]
	return a
}

// follow asks for one kind of address, and for what a name is an alias of where the
// server does not say more than that.
func (l *Locator) follow(ctx context.Context, name dnsmessage.Name, kind dnsmessage.Type, servers []netip.AddrPort) (answer, error) {
	ttl := maxTTL
	for aliases := 0; ; {
		q := dnsmessage.Question{Name: name, Type: kind, Class: dnsmessage.ClassINET}
		r, err := l.query(ctx, q, servers)
		if err != nil {
			return answer{}, err
		}
		ttl = min(ttl, r.ttl)
		if aliases += r.aliases; aliases > maxAliases {
			return answer{}, fmt.Errorf("%s has too many aliases", q.Name)
		}
		if len(r.addrs) > 0 || r.aliases == 0 {
			return answer{r.addrs, ttl}, nil
		}
		name = r.alias
	}
}

// query asks one server after the other. One that says that there is no such name
// is believed; one that cannot say is passed over.
func (l *Locator) query(ctx context.Context, q dnsmessage.Question, servers []netip.AddrPort) (reply, error) {
	var errs []error
	for range rounds {
		for _, server := range servers {
			r, err := l.put(ctx, server, q)
			if err == nil {
				return r, nil
			}
			errs = append(errs, err)
			if ctx.Err() != nil {
				return reply{}, errors.Join(errs...)
			}
		}
	}
	return reply{}, errors.Join(errs...)
}

// put puts a question to one server, by UDP, and by TCP where the answer is cut.
func (l *Locator) put(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, oneQuestion)
	defer cancel()
	for _, network := range []string{"udp", "tcp"} {
		r, err := l.putBy(ctx, network, server, q)
		if err != nil || !r.cut {
			return r, err
		}
	}
	return reply{}, fmt.Errorf("%v cuts its answer by TCP too", server)
}

// putBy does it over one kind of connection, which is new each time: its port is part
// of what a forger has to guess.
func (l *Locator) putBy(ctx context.Context, network string, server netip.AddrPort, q dnsmessage.Question) (r reply, err error) {
	var random [2]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	id := binary.BigEndian.Uint16(random[:])
	message := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{q}}
	packed, err := message.Pack()
	if err != nil {
		return reply{}, fmt.Errorf("the question: %w", err)
	}
	c, err := l.cfg.Dial(ctx, network, server)
	if err != nil {
		return reply{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// ctx ends the reading, whether by its time or because nobody waits any more.
	now := context.AfterFunc(ctx, func() {
		if derr := c.SetDeadline(time.Unix(1, 0)); derr != nil {
			l.cfg.Logger.Debug("a question cannot be called off", "error", derr)
		}
	})
	defer now()
	stream := network == "tcp"
	if stream {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	}
	if _, err := c.Write(packed); err != nil {
		return reply{}, fmt.Errorf("asking %v: %w", server, err)
	}
	for { // what is not the answer is passed over
		text, err := readMessage(c, stream)
		if err != nil {
			return reply{}, fmt.Errorf("the answer of %v: %w", server, err)
		}
		r, ours, err := parseReply(text, id, q)
		if ours || stream {
			return r, err
		}
	}
}

// readMessage reads one answer; by TCP its length goes before it (RFC 1035 4.2.2).
func readMessage(c io.Reader, stream bool) ([]byte, error) {
	if !stream {
		b := make([]byte, maxMessage)
		n, err := c.Read(b)
		return b[:n], err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > maxStream {
		return nil, fmt.Errorf("an answer of %d octets", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	return b, err
}
