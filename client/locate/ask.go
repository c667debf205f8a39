package locate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/homeward-vpn/homeward/client/nameserver"
)

const (
	oneQuestion = 1500 * time.Millisecond // to one server
	rounds      = 2                       // how often each server is asked
	maxAliases  = 8                       // from the name to its addresses
	// other bounds the wait for one kind of address where the other is there:
	// some networks lose the question for IPv6.
	other = 500 * time.Millisecond
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

// put puts a question to one server.
func (l *Locator) put(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, oneQuestion)
	defer cancel()
	a, err := nameserver.Ask(ctx, l.cfg.Dial, server, q)
	if err != nil {
		return reply{}, err
	}
	return readReply(a, q)
}
