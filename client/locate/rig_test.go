package locate

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var (
	one  = netip.MustParseAddrPort("192.0.2.53:53")
	two  = netip.MustParseAddrPort("192.0.2.54:53")
	gw4  = netip.MustParseAddr("203.0.113.1")
	gw4b = netip.MustParseAddr("203.0.113.2")
	gw6  = netip.MustParseAddr("2001:db8::1")
)

// question is what a server was asked, and how.
type question struct {
	network string
	server  netip.AddrPort
	name    string
	kind    dnsmessage.Type
}

// rig is a network with name servers. Everything happens in the bubble of synctest.
type rig struct {
	t *testing.T
	Config
	*Locator

	mu      sync.Mutex
	asked   []question
	holes   int // open now
	opened  int
	servers []netip.AddrPort
	noRoute map[netip.Addr]bool
	// answer gives the messages that a server sends; nil: it is silent.
	answer func(q question, m dnsmessage.Message) [][]byte
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, servers: []netip.AddrPort{one, two}, noRoute: map[netip.Addr]bool{}}
	r.Config = Config{
		Servers: func() ([]netip.AddrPort, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.servers == nil {
				return nil, errors.New("nobody knows")
			}
			return r.servers, nil
		},
		Dial: r.dial,
		Open: func(_ context.Context, servers []netip.AddrPort) (func(), error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(servers) == 0 {
				t.Error("a hole to nobody")
			}
			r.holes++
			r.opened++
			return func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.holes--
			}, nil
		},
		CacheFile: filepath.Join(t.TempDir(), "gateways.json"),
	}
	r.restart()
	return r
}

// restart makes a new Locator on the same file.
func (r *rig) restart() {
	r.t.Helper()
	var err error
	if r.Locator, err = New(r.Config); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if to.Port() == 500 { // only the way is asked for
		if r.noRoute[to.Addr()] {
			return nil, errors.New("network is unreachable")
		}
		c, s := net.Pipe()
		return c, s.Close()
	}
	r.mu.Lock()
	if r.holes != 1 {
		r.t.Errorf("%s to %v with %d holes open", network, to, r.holes)
	}
	r.mu.Unlock()
	c, s := net.Pipe()
	go r.serve(s, network, to)
	return c, nil
}

// serve reads one question and sends what there is to send.
func (r *rig) serve(s net.Conn, network string, server netip.AddrPort) {
	defer func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	b := make([]byte, 2048)
	n, err := s.Read(b)
	if err != nil {
		return
	}
	b = b[:n]
	if network == "tcp" {
		b = b[2:]
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil || len(m.Questions) != 1 || !m.RecursionDesired {
		r.t.Errorf("a question %x: %v", b, err)
		return
	}
	q := question{network, server, m.Questions[0].Name.String(), m.Questions[0].Type}
	r.mu.Lock()
	r.asked = append(r.asked, q)
	answer := r.answer
	r.mu.Unlock()
	for _, text := range answer(q, m) {
		if network == "tcp" {
			text = append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)
		}
		if _, err := s.Write(text); err != nil {
			return
		}
	}
	// Until the other side has done: a datagram socket does not end.
	if _, err := s.Read(b); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		r.t.Error(err)
	}
}

// answers says how the servers answer from now on.
func (r *rig) answers(how func(question, dnsmessage.Message) [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = how
}

// take gives what was asked since it was called last.
func (r *rig) take() []question {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	if r.holes != 0 {
		r.t.Errorf("%d holes are open", r.holes)
	}
	return asked
}

// find looks for gw.example and wants these addresses, in this order; none: an error.
func (r *rig) find(want ...netip.Addr) error {
	r.t.Helper()
	begun := time.Now()
	got, err := r.Find(context.Background(), "GW.example")
	if !slices.Equal(got, want) || (err == nil) != (len(want) > 0) {
		r.t.Errorf("found %v, %v; want %v", got, err, want)
	}
	if took := time.Since(begun); took > findTime+pause {
		r.t.Errorf("took %v", took)
	}
	return err
}

// pack makes an answer to m.
func (r *rig) pack(m dnsmessage.Message, change func(*dnsmessage.Message)) []byte {
	m.Response, m.RecursionAvailable = true, true
	change(&m)
	b, err := m.Pack()
	if err != nil {
		r.t.Error(err)
	}
	return b
}

// record makes one record from words: "gw.example 60 A 203.0.113.1".
func record(t *testing.T, words string) dnsmessage.Resource {
	t.Helper()
	f := strings.Fields(words)
	ttl, err := time.ParseDuration(f[1] + "s")
	if err != nil {
		t.Error(err)
	}
	h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(f[0] + "."), Class: dnsmessage.ClassINET, TTL: uint32(ttl.Seconds())}
	switch f[2] {
	case "A":
		return dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: netip.MustParseAddr(f[3]).As4()}}
	case "AAAA":
		return dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(f[3]).As16()}}
	case "CNAME":
		return dnsmessage.Resource{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(f[3] + ".")}}
	default:
		return dnsmessage.Resource{Header: h, Body: &dnsmessage.TXTResource{TXT: []string{"words"}}}
	}
}

// zone answers from a list of records: those about the name, and their aliases' too
// where chase is set.
func (r *rig) zone(chase bool, lines ...string) func(question, dnsmessage.Message) [][]byte {
	return func(q question, m dnsmessage.Message) [][]byte {
		return [][]byte{r.pack(m, func(m *dnsmessage.Message) {
			at := strings.TrimSuffix(strings.ToLower(q.name), ".")
			known := false
			for hops := 0; hops < 2*maxAliases; hops++ {
				next := ""
				for _, line := range lines {
					f := strings.Fields(line)
					if f[0] != at {
						continue
					}
					known = true
					if f[2] == "CNAME" {
						m.Answers, next = append(m.Answers, record(r.t, line)), f[3]
					} else if "Type"+f[2] == q.kind.String() {
						m.Answers = append(m.Answers, record(r.t, line))
					}
				}
				if next == "" || !chase {
					break
				}
				at = next
			}
			if !known {
				m.RCode = dnsmessage.RCodeNameError
			}
		})}
	}
}

var quiet = slog.New(slog.DiscardHandler)
