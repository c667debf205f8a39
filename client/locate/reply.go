package locate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/homeward-vpn/homeward/client/nameserver"
)

// maxTTL bounds how long an answer counts as new, whatever it says itself.
const maxTTL = 5 * time.Minute

// reply is what one message says to a question.
type reply struct {
	addrs   []netip.Addr
	ttl     time.Duration
	alias   dnsmessage.Name // what the name is an alias of in the end; with aliases > 0
	aliases int             // how many there are in between
}

// maxRecords bounds what is read of a message.
const maxRecords = 64

// readReply takes what counts out of an answer: records about the name that was asked
// for, and about what it is, by the same message, an alias of.
func readReply(a nameserver.Answer, q dnsmessage.Question) (reply, error) {
	if a.NoName {
		return reply{ttl: maxTTL}, nil
	}
	records, err := readRecords(&a.Records)
	if err != nil {
		return reply{}, err
	}
	return records.from(q)
}

// records are those of an answer that may lead to an address.
type records struct {
	aliases map[string]alias // by name, in lower case
	addrs   []addressRecord
}

type alias struct {
	of  dnsmessage.Name
	ttl uint32
}

type addressRecord struct {
	name string
	kind dnsmessage.Type
	addr netip.Addr
	ttl  uint32
}

// readRecords reads the answer section.
func readRecords(p *dnsmessage.Parser) (records, error) {
	all := records{aliases: map[string]alias{}}
	for range maxRecords {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return all, nil
		}
		if err != nil {
			return records{}, fmt.Errorf("the answer's records: %w", err)
		}
		name := strings.ToLower(h.Name.String())
		switch {
		case h.Class != dnsmessage.ClassINET:
			err = p.SkipAnswer()
		case h.Type == dnsmessage.TypeCNAME:
			var body dnsmessage.CNAMEResource
			if body, err = p.CNAMEResource(); err == nil {
				if _, twice := all.aliases[name]; !twice {
					all.aliases[name] = alias{body.CNAME, h.TTL}
				}
			}
		case h.Type == dnsmessage.TypeA:
			var body dnsmessage.AResource
			if body, err = p.AResource(); err == nil {
				all.addrs = append(all.addrs, addressRecord{name, h.Type, netip.AddrFrom4(body.A), h.TTL})
			}
		case h.Type == dnsmessage.TypeAAAA:
			var body dnsmessage.AAAAResource
			if body, err = p.AAAAResource(); err == nil {
				all.addrs = append(all.addrs, addressRecord{name, h.Type, netip.AddrFrom16(body.AAAA), h.TTL})
			}
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			return records{}, fmt.Errorf("the answer's records: %w", err)
		}
	}
	return all, nil
}

// from follows the aliases from the question on.
func (all records) from(q dnsmessage.Question) (reply, error) {
	r := reply{ttl: maxTTL}
	at := strings.ToLower(q.Name.String())
	for next, ok := all.aliases[at]; ok; next, ok = all.aliases[at] {
		if r.aliases++; r.aliases > maxAliases {
			return reply{}, fmt.Errorf("%s has too many aliases", q.Name)
		}
		r.alias, at = next.of, strings.ToLower(next.of.String())
		r.ttl = min(r.ttl, seconds(next.ttl))
	}
	for _, a := range all.addrs {
		addr := a.addr.Unmap()
		if a.name != at || a.kind != q.Type || !possible(addr) || slices.Contains(r.addrs, addr) || len(r.addrs) >= maxAddresses {
			continue
		}
		r.addrs = append(r.addrs, addr)
		r.ttl = min(r.ttl, seconds(a.ttl))
	}
	return r, nil
}

// seconds reads a TTL; one with its highest bit set is none (RFC 2181 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return min(time.Duration(ttl)*time.Second, maxTTL)
}

// possible says whether a gateway elsewhere can have that address. This machine, and
// the wire that it is on, are no answers from the network.
func possible(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && a.Zone() == ""
}
