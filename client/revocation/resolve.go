package revocation

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Names are asked of the servers inside the tunnel by a resolver of our own: Go's looks
// into resolv.conf and hosts of this machine, and remembers for some seconds what it
// found there, also for those who look up the gateway when the line has ended.

const (
	oneQuestion = 2 * time.Second // to one server
	maxMessage  = 1232            // octets of an answer by UDP (EDNS is not used, most are shorter)
	maxStream   = 16 << 10        // octets of one by TCP
)

var errName = errors.New("the name cannot be found")

// lookup gives the first few addresses of a host, IPv4 first.
func (d dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if len(d.Servers) == 0 {
		return nil, fmt.Errorf("revocation: no name server inside the tunnel for %q: %w", host, errPlace)
	}
	name, err := dnsmessage.NewName(strings.ToLower(strings.TrimSuffix(host, ".")) + ".")
	if err != nil {
		return nil, fmt.Errorf("revocation: name %q: %w", host, errPlace)
	}
	var addrs []netip.Addr
	var errs []error
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		found, err := d.query(ctx, dnsmessage.Question{Name: name, Type: kind, Class: dnsmessage.ClassINET})
		addrs, errs = append(addrs, found...), append(errs, err)
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("revocation: %s: %w", host, errors.Join(append(errs, errName)...))
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// query asks one server after the other, twice.
func (d dialer) query(ctx context.Context, q dnsmessage.Question) (addrs []netip.Addr, err error) {
	for range 2 {
		for _, server := range d.Servers[:min(len(d.Servers), maxAddresses)] {
			if addrs, err = d.ask(ctx, netip.AddrPortFrom(server, 53), q); err == nil || ctx.Err() != nil {
				return addrs, err
			}
		}
	}
	return nil, err
}

// ask puts a question to one server, by UDP, and by TCP where the answer is cut.
func (d dialer) ask(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, oneQuestion)
	defer cancel()
	for _, network := range []string{"udp", "tcp"} {
		addrs, cut, err := d.askBy(ctx, network, server, q)
		if err != nil || !cut {
			return addrs, err
		}
	}
	return nil, fmt.Errorf("revocation: %v cuts its answer by TCP too: %w", server, errRefused)
}

func (d dialer) askBy(ctx context.Context, network string, server netip.AddrPort, q dnsmessage.Question) (addrs []netip.Addr, cut bool, err error) {
	var id [2]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, false, fmt.Errorf("revocation: %w", err)
	}
	header := dnsmessage.Header{ID: binary.BigEndian.Uint16(id[:]), RecursionDesired: true}
	message := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{q}}
	packed, err := message.Pack()
	if err != nil {
		return nil, false, fmt.Errorf("revocation: %w", err)
	}
	c, err := d.Dial(ctx, network, server)
	if err != nil {
		return nil, false, fmt.Errorf("revocation: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return nil, false, fmt.Errorf("revocation: %w", err)
		}
	}
	stream := network == "tcp"
	if stream {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	}
	if _, err := c.Write(packed); err != nil {
		return nil, false, fmt.Errorf("revocation: %w", err)
	}
	for { // what is not the answer is passed over, until the deadline
		answer, err := readAnswer(c, stream)
		if err != nil {
			return nil, false, fmt.Errorf("revocation: %w", err)
		}
		addrs, cut, ours, err := readAddresses(answer, header.ID, q)
		if ours || stream {
			return addrs, cut, err
		}
	}
}

func readAnswer(c io.Reader, stream bool) ([]byte, error) {
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
		return nil, fmt.Errorf("an answer of %d octets: %w", n, errRefused)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	return b, err
}

// readAddresses takes the addresses out of an answer. ours: it answers this question.
// Which name in a row of aliases an address belongs to is the server's to say.
func readAddresses(b []byte, id uint16, q dnsmessage.Question) (addrs []netip.Addr, cut, ours bool, err error) {
	var p dnsmessage.Parser
	header, err := p.Start(b)
	if err != nil || !header.Response || header.ID != id {
		return nil, false, false, fmt.Errorf("revocation: not an answer: %w", errRefused)
	}
	asked, err := p.AllQuestions()
	if err != nil || len(asked) != 1 || asked[0].Type != q.Type || asked[0].Class != q.Class || !strings.EqualFold(asked[0].Name.String(), q.Name.String()) {
		return nil, false, false, fmt.Errorf("revocation: the answer to another question: %w", errRefused)
	}
	switch {
	case header.RCode == dnsmessage.RCodeNameError:
		return nil, false, true, nil
	case header.RCode != dnsmessage.RCodeSuccess:
		return nil, false, true, fmt.Errorf("revocation: the name server answers %v: %w", header.RCode, errRefused)
	case header.Truncated:
		return nil, true, true, nil
	}
	answers, err := p.AllAnswers()
	if err != nil {
		return nil, false, true, fmt.Errorf("revocation: the name server's answer: %w", err)
	}
	for _, a := range answers {
		var found netip.Addr
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			found = netip.AddrFrom4(body.A)
		case *dnsmessage.AAAAResource:
			found = netip.AddrFrom16(body.AAAA).Unmap()
		default:
			continue
		}
		if len(addrs) < maxAddresses && !slices.Contains(addrs, found) {
			addrs = append(addrs, found)
		}
	}
	return addrs, false, true, nil
}
