package killswitch

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	conntrack "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// What happens at the moment when one policy takes the place of another.

// flowsTo counts what the kernel remembers.
func flowsTo(t *testing.T, to string) (n int) {
	t.Helper()
	all, err := conntrack.ConntrackTableList(conntrack.ConntrackTable, unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Forward.DstIP.String() == to {
			n++
		}
	}
	return n
}

// listen answers TCP on the other side, and hands over each connection.
func (w *world) listen(t *testing.T, address string) <-chan net.Conn {
	t.Helper()
	var l net.Listener
	var err error
	w.far.do(func() { l, err = net.Listen("tcp", address) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	out := make(chan net.Conn, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			out <- c
		}
	}()
	return out
}

// TestFlowsAreCut: a connection that was there before the policy ends at the
// next word of either side; one that the policy allows goes on.
func TestFlowsAreCut(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	// Anything that asks makes the kernel remember flows.
	namespace.Run(t, "nft", "add table inet asks; add chain inet asks c { type filter hook output priority 0; }; add rule inet asks c ct state new counter")
	connect := func(address string) (mine, theirs net.Conn) {
		accepted := w.listen(t, address)
		mine, err := net.DialTimeout("tcp", address, patient)
		if err != nil {
			t.Fatal(err)
		}
		theirs = <-accepted
		t.Cleanup(func() {
			if err := errors.Join(mine.Close(), theirs.Close()); err != nil {
				t.Error(err)
			}
		})
		return mine, theirs
	}
	outside, _ := connect("198.51.100.1:443")
	listening, talking := connect("192.0.2.80:80")
	through, far := connect("203.0.113.1:443")
	for _, a := range []string{"198.51.100.1", "192.0.2.80", "203.0.113.1"} {
		if flowsTo(t, a) != 1 {
			t.Errorf("%d flows to %s before", flowsTo(t, a), a)
		}
	}
	setPolicy(t, newSwitch(t), states()["connected"])
	for a, want := range map[string]int{"198.51.100.1": 0, "192.0.2.80": 0, "203.0.113.1": 1} {
		if got := flowsTo(t, a); got != want {
			t.Errorf("%d flows to %s after, want %d", got, a, want)
		}
	}
	w.seen()
	ends := func(what string, c net.Conn, want error) {
		t.Helper()
		if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := c.Read(make([]byte, 1))
		if took := time.Since(began); !errors.Is(err, want) || took > quick {
			t.Errorf("%s ends with %v after %v, want %v", what, err, took, want)
		}
	}
	if _, err := outside.Write([]byte("still there?")); err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	ends("what says a word", outside, unix.ECONNRESET)
	if _, err := talking.Write([]byte("a word")); err != nil {
		t.Fatal(err)
	}
	// What came in is read; the acknowledgement of it did not leave.
	if _, err := listening.Read(make([]byte, 16)); err == nil {
		ends("what hears a word", listening, unix.ECONNRESET)
	} else if !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	for _, f := range w.seen() {
		if p, ok := decode(f); ok && (p.to == netip.MustParseAddr("198.51.100.1") || p.to == netip.MustParseAddr("192.0.2.80")) {
			t.Errorf("a packet to %v leaves", p.to)
		}
	}
	if _, err := through.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	got := make([]byte, 5)
	if err := far.SetDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(got); err != nil || !bytes.Equal(got, []byte("hello")) {
		t.Errorf("the connection through the tunnel: %q, %v", got, err)
	}
}

// Of TestNoGap's senders: each is tried again and again by a process of their
// own, as programs are.
var (
	refusedAlways = []how{
		{to: netip.MustParseAddrPort("198.51.100.1:4000")},
		{to: netip.MustParseAddrPort("[2001:db8:1::1]:4000")},
		{to: netip.MustParseAddrPort("198.51.100.1:53")},
		{to: netip.MustParseAddrPort("192.0.2.1:4500")},
		{to: netip.MustParseAddrPort("198.51.100.1:443"), protocol: unix.IPPROTO_TCP},
	}
	allowedAlways = how{to: netip.MustParseAddrPort("192.0.2.1:500"), mark: testMark}
)

const senderVariable = "HOMEWARD_TEST_SENDER"

// TestSender is the other process. It ends with its input.
func TestSender(t *testing.T) {
	if os.Getenv(senderVariable) == "" {
		t.Skip("TestNoGap starts this one")
	}
	var over atomic.Bool
	var eof sync.WaitGroup
	eof.Go(func() {
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			t.Error(err)
		}
		over.Store(true)
	})
	sent := 0
	for ; !over.Load(); sent++ {
		for _, h := range refusedAlways {
			if err := h.send(); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ECONNREFUSED) {
				t.Fatalf("a packet to %v: %v", h.to, err)
			}
		}
		if err := allowedAlways.send(); err != nil {
			t.Fatalf("a packet of the service's: %v", err)
		}
	}
	eof.Wait()
	t.Logf("rounds: %d", sent)
}

// TestNoGap: while policies take each other's place 1,000 times, a sender that
// never stops gets nothing out that none of the policies allows, and what all of
// them allow is never refused.
func TestNoGap(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	s := newSwitch(t)
	swaps := []Policy{states()["connecting"], states()["connected"], states()["connected, local network"], states()["probing"]}
	setPolicy(t, s, swaps[0])
	w.seen()

	sender := exec.Command(os.Args[0], "-test.run=^TestSender$", "-test.v")
	sender.Env = append(os.Environ(), senderVariable+"=1")
	var said bytes.Buffer
	sender.Stdout, sender.Stderr = &said, &said
	running, err := sender.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Start(); err != nil {
		t.Fatal(err)
	}
	allowed := 0
	look := func(frames [][]byte) {
		for _, f := range frames {
			p, ok := decode(f)
			switch {
			case !ok:
			case p.port == 500:
				allowed++
			case slices.ContainsFunc(refusedAlways, func(h how) bool { return h.to.Addr() == p.to }):
				t.Errorf("to %v left: %x", p.to, f)
			}
		}
	}
	for i := range 1000 {
		policy, err := build(swaps[i%len(swaps)])
		if err == nil {
			_, err = s.kernel.replace(policy)
		}
		if err != nil {
			t.Errorf("swap %d: %v", i, err)
			break
		}
		if i%10 == 9 {
			look(w.seen())
		}
	}
	if err := errors.Join(running.Close(), sender.Wait()); err != nil {
		t.Errorf("the sender: %v\n%s", err, &said)
	}
	look(w.seen())
	if allowed < 100 {
		t.Errorf("only %d packets of the service's left", allowed)
	}
	t.Logf("%d packets of the service's left; the sender: %s", allowed, &said)
}
