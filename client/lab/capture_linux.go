package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Capture listens on one device of one machine. Safe for concurrent use.
type Capture struct {
	file  *os.File
	raw   int
	idle  atomic.Bool // the reader found nothing more when it last looked
	ended chan struct{}

	mu     sync.Mutex
	counts map[Protocol]int
	unruly []Frame // neither of the harmless protocols
	total  int
	watch  func(Frame, []byte)
	closed bool
	lost   int // by the kernel, so far
	err    error
}

// keepFrames is how many frames that are not harmless are kept.
const keepFrames = 1000

// Capture starts to listen on a device of a machine, in both directions;
// watch, where not nil, sees every frame, one at a time (octets borrowed).
func (l *Lab) Capture(n *Namespace, device string, watch func(Frame, []byte)) (*Capture, error) {
	c := &Capture{ended: make(chan struct{}), counts: map[Protocol]int{}, watch: watch}
	if err := n.Do(func() error { return c.open(device) }); err != nil {
		return nil, fmt.Errorf("lab: capturing on %s of %s: %w", device, n.Name, err)
	}
	go c.read()
	l.onClose(c.Close)
	return c, nil
}

func (c *Capture) open(device string) error {
	dev, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	all := htons(unix.ETH_P_ALL)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(all))
	if err != nil {
		return err
	}
	// SO_RCVBUFFORCE wants a capability in the first user namespace; without
	// it the kernel's limit holds, and Lost tells if that was too small.
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	if errors.Is(err, unix.EPERM) {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<20)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: dev.Index})
	}
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	c.raw, c.file = fd, os.NewFile(uintptr(fd), "capture")
	return nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// read classifies frames until Close.
func (c *Capture) read() {
	defer close(c.ended)
	conn, err := c.file.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	buf := make([]byte, 1<<17)
	for {
		var n int
		var from unix.Sockaddr
		var rerr error
		err := conn.Read(func(fd uintptr) bool {
			c.idle.Store(false)
			n, from, rerr = unix.Recvfrom(int(fd), buf, 0)
			nothing := errors.Is(rerr, unix.EAGAIN)
			c.idle.Store(nothing)
			return !nothing
		})
		if err = errors.Join(err, rerr); err != nil {
			c.fail(err)
			return
		}
		f := classify(buf[:n])
		if sll, ok := from.(*unix.SockaddrLinklayer); ok {
			f.Outgoing = sll.Pkttype == unix.PACKET_OUTGOING
		}
		c.note(f, buf[:n])
	}
}

func (c *Capture) note(f Frame, octets []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.counts[f.Protocol]++
	if (f.Protocol == DNS || f.Protocol == Other) && len(c.unruly) < keepFrames {
		c.unruly = append(c.unruly, f)
	}
	if c.watch != nil {
		c.watch(f, octets)
	}
}

func (c *Capture) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.err = err
	}
}

// Summary counts the frames so far by protocol. The caller owns the map.
func (c *Capture) Summary() map[Protocol]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// Leaks returns the first frames that were neither ARP, NDP, DHCP, IKE, ESP
// nor a NAT keepalive. The caller owns the slice.
func (c *Capture) Leaks() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.unruly...)
}

// Lost is how many frames the kernel could not hand over. A leak test that
// finds no leak must also find zero here.
func (c *Capture) Lost() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost, errors.Join(c.err, c.askLost())
}

// askLost adds up what the kernel has lost since it was last asked; mu is held.
func (c *Capture) askLost() error {
	if c.closed {
		return nil
	}
	stats, err := unix.GetsockoptTpacketStats(c.raw, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("lab: asking for lost frames: %w", err)
	}
	c.lost += int(stats.Drops)
	return nil
}

// Flush returns when every frame that had come before the call is counted.
func (c *Capture) Flush(ctx context.Context) error {
	return Until(ctx, "the captured frames are counted", func() (bool, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed || c.err != nil {
			return true, c.err
		}
		waiting, err := unix.IoctlGetInt(c.raw, unix.SIOCINQ)
		return waiting == 0 && c.idle.Load(), err
	})
}

// Close ends the capture; its counts can still be read. A second call does
// nothing.
func (c *Capture) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	err := c.askLost()
	c.closed = true
	c.mu.Unlock()
	err = errors.Join(err, c.file.Close())
	<-c.ended
	return err
}
