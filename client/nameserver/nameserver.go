// Package nameserver puts a question to one name server (RFC 1035), for those who ask
// for names beside the system's own resolver.
//
//	Ask: by UDP -> messages that answer something else are passed over
//	     -> cut: the same by TCP -> the records, unread
//
// It opens no socket: Dial does, and decides where to the question may leave. It knows
// neither which server to ask nor when to ask again, and believes nothing: which
// records count is for its callers to say, client/locate and client/revocation.
package nameserver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxMessage = 1232     // octets of an answer by UDP; EDNS is not used, most are shorter
	maxStream  = 16 << 10 // octets of one by TCP
)

// ErrRefused is in the errors of servers that answer, but not with what was asked for.
var ErrRefused = errors.New("the name server refuses")

// Dial opens a connection, "udp" or "tcp".
type Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)

// Answer is what a server says to a question.
type Answer struct {
	NoName  bool              // there is no such name, and Records are nobody's
	Records dnsmessage.Parser // in front of the answer section
}

// Ask asks by UDP, and by TCP where the answer is cut (RFC 1035 4.2). ctx bounds it.
// Each connection is a new one: its port is part of what a forger has to guess.
func Ask(ctx context.Context, dial Dial, server netip.AddrPort, q dnsmessage.Question) (Answer, error) {
	for _, network := range []string{"udp", "tcp"} {
		a, cut, err := askBy(ctx, dial, network, server, q)
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return Answer{}, fmt.Errorf("asking %v: %w", server, err)
		}
		if !cut {
			return a, nil
		}
	}
	return Answer{}, fmt.Errorf("%v cuts its answer by TCP too: %w", server, ErrRefused)
}

func askBy(ctx context.Context, dial Dial, network string, server netip.AddrPort, q dnsmessage.Question) (a Answer, cut bool, err error) {
	var random [2]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	id := binary.BigEndian.Uint16(random[:])
	message := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{q}}
	packed, err := message.Pack()
	if err != nil {
		return Answer{}, false, err
	}
	c, err := dial(ctx, network, server)
	if err != nil {
		return Answer{}, false, err
	}
	// ctx ends the reading, whether by its time or because nobody waits any more.
	end := sync.OnceValue(c.Close)
	stop := context.AfterFunc(ctx, func() { end() })
	defer func() {
		stop()
		err = errors.Join(err, end())
	}()
	stream := network == "tcp"
	if stream {
		packed = append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)
	}
	if _, err := c.Write(packed); err != nil {
		return Answer{}, false, err
	}
	for { // what is not the answer is passed over
		text, err := read(c, stream)
		if err != nil {
			return Answer{}, false, err
		}
		a, cut, ours, err := parse(text, id, q)
		if ours || stream {
			return a, cut, err
		}
	}
}

// read reads one message; by TCP its length goes before it (RFC 1035 4.2.2).
func read(c io.Reader, stream bool) ([]byte, error) {
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
		return nil, fmt.Errorf("an answer of %d octets: %w", n, ErrRefused)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	return b, err
}

// parse reads a message up to its records. ours: it answers this question, of which
// nothing may differ but the case of letters.
func parse(b []byte, id uint16, q dnsmessage.Question) (a Answer, cut, ours bool, err error) {
	h, err := a.Records.Start(b)
	if err != nil || !h.Response || h.ID != id || h.OpCode != 0 {
		return Answer{}, false, false, fmt.Errorf("not an answer: %w", ErrRefused)
	}
	asked, err := a.Records.AllQuestions()
	if err != nil || len(asked) != 1 || asked[0].Type != q.Type || asked[0].Class != q.Class ||
		!strings.EqualFold(asked[0].Name.String(), q.Name.String()) {
		return Answer{}, false, false, fmt.Errorf("the answer to another question: %w", ErrRefused)
	}
	switch {
	case h.RCode == dnsmessage.RCodeNameError:
		return Answer{NoName: true}, false, true, nil
	case h.RCode != dnsmessage.RCodeSuccess:
		return Answer{}, false, true, fmt.Errorf("it answers %v: %w", h.RCode, ErrRefused)
	}
	return a, h.Truncated, true, nil
}
