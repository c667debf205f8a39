package revocation

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/homeward-vpn/homeward/client/nameserver"
)

var question = dnsmessage.Question{Name: dnsmessage.MustNewName("ocsp.corp.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}

// reply answers a packed query; change may spoil it.
func reply(t testing.TB, query []byte, change func(*dnsmessage.Message)) []byte {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		t.Fatal(err)
	}
	m.Response = true
	head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}
	switch m.Questions[0].Type {
	case dnsmessage.TypeA:
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 80}}})
	case dnsmessage.TypeAAAA:
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::80").As16()}})
	}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nameServer is a Network whose one name server sends what answer gives, in order.
func nameServer(t *testing.T, answer func(network string, query []byte) [][]byte) dialer {
	return dialer{Network{Servers: []netip.Addr{netip.MustParseAddr("10.99.0.2")}, Dial: func(_ context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		if to != netip.MustParseAddrPort("10.99.0.2:53") {
			t.Errorf("dialed %v", to)
		}
		ours, theirs := net.Pipe()
		go func() {
			b := make([]byte, 2048)
			n, err := theirs.Read(b)
			if err != nil {
				return
			}
			query := b[:n]
			if network == "tcp" {
				query = query[2:]
			}
			for _, a := range answer(network, query) {
				if network == "tcp" {
					a = append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)
				}
				if _, err := theirs.Write(a); err != nil {
					return
				}
			}
			if err := theirs.Close(); err != nil {
				t.Error(err)
			}
		}()
		return ours, nil
	}}}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	both := "[192.0.2.80 2001:db8::80]"
	for name, row := range map[string]struct {
		answer func(t *testing.T, network string, query []byte) [][]byte
		want   string // addresses; "": none
		err    error
	}{
		"both families": {func(t *testing.T, _ string, q []byte) [][]byte { return [][]byte{reply(t, q, nil)} }, both, nil},
		"cut, so by TCP": {func(t *testing.T, network string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.Truncated = network == "udp" })}
		}, both, nil},
		"forged ones before": {func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{
				reply(t, q, func(m *dnsmessage.Message) { m.ID++ }),
				reply(t, q, func(m *dnsmessage.Message) { m.Response = false }),
				reply(t, q, func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("other.example.") }),
				[]byte("x"), reply(t, q, nil),
			}
		}, both, nil},
		"an alias": {func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) {
				alias := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET},
					Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("real.example.")}}
				m.Answers = append([]dnsmessage.Resource{alias}, m.Answers...)
			})}
		}, both, nil},
		"no such name": {func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.RCode, m.Answers = dnsmessage.RCodeNameError, nil })}
		}, "", errName},
		"a server that fails": {func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })}
		}, "", errRefused},
		"always cut": {func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) { m.Truncated = true })}
		}, "", errRefused},
		"nothing": {func(*testing.T, string, []byte) [][]byte { return nil }, "", errName},
		"too many": {func(t *testing.T, _ string, q []byte) [][]byte {
			return [][]byte{reply(t, q, func(m *dnsmessage.Message) {
				for i := range byte(30) {
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: m.Answers[0].Header, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, i}}})
				}
			})}
		}, "[192.0.2.80 192.0.2.0 192.0.2.1 192.0.2.2]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := nameServer(t, func(network string, query []byte) [][]byte { return row.answer(t, network, query) })
			addrs, err := d.lookup(context.Background(), "OCSP.corp.example")
			var got strings.Builder
			for _, a := range addrs {
				got.WriteString(" " + a.String())
			}
			if want := strings.Trim(row.want, "[]"); strings.TrimSpace(got.String()) != want || !errors.Is(err, row.err) {
				t.Errorf("%v, %v; want %s, %v", addrs, err, row.want, row.err)
			}
		})
	}
	for _, host := range []string{"", strings.Repeat("a", 300), "a..b"} {
		d := nameServer(t, func(string, []byte) [][]byte { return nil })
		if addrs, err := d.lookup(context.Background(), host); err == nil {
			t.Errorf("%q has %v", host, addrs)
		}
	}
}

func FuzzReadAddresses(f *testing.F) {
	query, err := (&dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{question}}).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reply(f, query, nil))
	f.Add(reply(f, query, func(m *dnsmessage.Message) { m.Truncated = true }))
	f.Add(query)
	f.Fuzz(func(t *testing.T, b []byte) {
		var a nameserver.Answer
		if _, err := a.Records.Start(b); err != nil {
			return
		}
		if err := a.Records.SkipAllQuestions(); err != nil {
			return
		}
		addrs, err := readAddresses(a)
		if len(addrs) > maxAddresses || len(addrs) > 0 && err != nil {
			t.Errorf("%v, %v", addrs, err)
		}
		for _, a := range addrs {
			if !a.IsValid() || a.Is4In6() {
				t.Errorf("address %v", a)
			}
		}
	})
}
