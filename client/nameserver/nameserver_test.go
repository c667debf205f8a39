package nameserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var (
	server = netip.MustParseAddrPort("10.99.0.2:53")
	asked  = dnsmessage.Question{Name: dnsmessage.MustNewName("gw.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
)

// reply answers a packed question with one address; change may spoil it.
func reply(t testing.TB, question []byte, change func(*dnsmessage.Message)) []byte {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		t.Fatal(err)
	}
	m.Response = true
	m.Answers = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET},
		Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, 80}},
	}}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dialer leads to a server that sends what says gives, and then is silent. The
// networks it was asked by are appended to by.
func dialer(t *testing.T, by *[]string, says func(network string, question []byte) [][]byte) Dial {
	return func(_ context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		if to != server {
			t.Errorf("dialed %v", to)
		}
		*by = append(*by, network)
		ours, theirs := net.Pipe()
		go func() {
			b := make([]byte, 2048)
			n, err := theirs.Read(b)
			if err != nil {
				t.Error(err)
				return
			}
			question := b[:n]
			if network == "tcp" {
				if length := int(binary.BigEndian.Uint16(question)); length != n-2 {
					t.Errorf("a question of %d octets says that it has %d", n-2, length)
				}
				question = question[2:]
			}
			for _, a := range says(network, question) {
				if network == "tcp" {
					a = append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)
				}
				if _, err := theirs.Write(a); err != nil {
					return // nobody reads any more
				}
			}
		}()
		return ours, nil
	}
}

// TestAsk: what answers the question is found among what does not (RFC 1035 4.1), by
// TCP where it is cut (4.2), and every other end is an error in time.
func TestAsk(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		says   func(t *testing.T, network string, q []byte) [][]byte
		by     string
		noName bool
		err    error
	}{
		"an answer": {says: func(t *testing.T, _ string, q []byte) [][]byte { return [][]byte{reply(t, q, nil)} }, by: "udp"},
		"in capitals": {says: func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("GW.Example.") })}
		}, by: "udp"},
		"forged ones before": {says: func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{
				reply(t, q, func(m *dnsmessage.Message) { m.ID++ }),
				reply(t, q, func(m *dnsmessage.Message) { m.Response = false }),
				reply(t, q, func(m *dnsmessage.Message) { m.OpCode = 4 }),
				reply(t, q, func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("other.example.") }),
				reply(t, q, func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAAAA }),
				reply(t, q, func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }),
				reply(t, q, func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }),
				reply(t, q, func(m *dnsmessage.Message) { m.Questions = nil }),
				[]byte("x"), reply(t, q, nil),
			}
		}, by: "udp"},
		"cut": {says: func(t *testing.T, network string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.Truncated = network == "udp" })}
		}, by: "udp tcp"},
		"cut by TCP too": {says: func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.Truncated = true })}
		}, by: "udp tcp", err: ErrRefused},
		"forged by TCP": {says: func(t *testing.T, network string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) {
				if m.Truncated = network == "udp"; !m.Truncated {
					m.ID++
				}
			})}
		}, by: "udp tcp", err: ErrRefused},
		"too long": {says: func(t *testing.T, network string, q []byte) [][]byte {
			if network == "tcp" {
				return [][]byte{make([]byte, maxStream+1)}
			}
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.Truncated = true })}
		}, by: "udp tcp", err: ErrRefused},
		"no such name": {says: func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError })}
		}, by: "udp", noName: true},
		"a server that fails": {says: func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })}
		}, by: "udp", err: ErrRefused},
		"silence": {says: func(*testing.T, string, []byte) [][]byte { return nil }, by: "udp", err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var by []string
				a, err := Ask(ctx, dialer(t, &by, func(network string, q []byte) [][]byte { return tt.says(t, network, q) }), server, asked)
				if !errors.Is(err, tt.err) || a.NoName != tt.noName || strings.Join(by, " ") != tt.by {
					t.Errorf("%+v by %q, %v", a, by, err)
				}
				if err != nil || tt.noName {
					return
				}
				records, err := a.Records.AllAnswers()
				if err != nil || len(records) != 1 || records[0].Body.(*dnsmessage.AResource).A != [4]byte{192, 0, 2, 80} {
					t.Errorf("%+v, %v", records, err)
				}
			})
		})
	}
}

// TestAskIsCalledOff: nobody waits for the time to end when the asker has left.
func TestAskIsCalledOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var by []string
		began := time.Now()
		_, err := Ask(ctx, dialer(t, &by, func(string, []byte) [][]byte { return nil }), server, asked)
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestDialFails: why nothing could be sent is in the error.
func TestDialFails(t *testing.T) {
	t.Parallel()
	closed := errors.New("the kill switch is closed")
	_, err := Ask(t.Context(), func(context.Context, string, netip.AddrPort) (net.Conn, error) { return nil, closed }, server, asked)
	if !errors.Is(err, closed) || !strings.Contains(err.Error(), server.String()) {
		t.Error(err)
	}
}

// FuzzParse: whatever a server sends, what answers has no error but the server's own,
// what does not has one, and the octets stay as they are.
func FuzzParse(f *testing.F) {
	question, err := (&dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{asked}}).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(question)
	f.Add(reply(f, question, nil))
	f.Add(reply(f, question, func(m *dnsmessage.Message) { m.Truncated = true }))
	f.Add(reply(f, question, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError }))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		a, cut, ours, err := parse(b, 7, asked)
		if !ours && (err == nil || cut || a.NoName) || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%+v, %v, %v, %v", a, cut, ours, err)
		}
		if !bytes.Equal(before, b) {
			t.Error("the octets were changed")
		}
	})
}
