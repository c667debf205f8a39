package lab

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

const (
	// strangerRate is how many attempts all flows make together in a second.
	strangerRate = 1500
	// An attempt is given up after this long. TCP is given the time for a second try
	// by the system.
	datagramPatience = 250 * time.Millisecond
	streamPatience   = 1200 * time.Millisecond
)

// crowd is the stranger's program: one loop over all its sockets.
type crowd struct {
	flows []*activity
	epoll int
	open  map[int]*attempt // by file descriptor
	next  int              // whose turn it is

	mu sync.Mutex // for the ends alone
}

// activity is one flow under way.
type activity struct {
	Flow
	ends  Ends
	turns int
	kept  *attempt // on a socket that lives on; nil: there is none
}

// attempt is one try on one socket.
type attempt struct {
	*activity
	fd    int
	since time.Time
	sent  bool
	keeps bool // the socket outlives the try
	idle  bool // the socket is between two tries
}

// runStranger is the helper: it becomes another user, says which, and goes on until
// its input ends. To each line it answers with the counts.
func runStranger(text string) error {
	var flows []Flow
	if err := json.Unmarshal([]byte(text), &flows); err != nil {
		return fmt.Errorf("reading the flows: %w", err)
	}
	if err := becomeStranger(); err != nil {
		return err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making an epoll: %w", err)
	}
	c := &crowd{epoll: epoll, open: map[int]*attempt{}}
	for _, f := range flows {
		c.flows = append(c.flows, &activity{Flow: f})
	}
	if err := json.NewEncoder(os.Stdout).Encode(os.Getuid()); err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- c.answer(os.Stdin, os.Stdout) }()
	go func() { ended <- c.run() }()
	return <-ended
}

// becomeStranger changes to another user where this user namespace has one.
func becomeStranger() error {
	err := syscall.Setgroups(nil)
	if err == nil {
		err = syscall.Setgid(strangerID)
	}
	if err == nil {
		err = syscall.Setuid(strangerID)
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPERM) {
		return nil // one user only
	}
	return err
}

// answer prints the counts for each line that comes in.
func (c *crowd) answer(in io.Reader, out io.Writer) error {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		c.mu.Lock()
		ends := make([]Ends, len(c.flows))
		for i, a := range c.flows {
			ends[i] = a.ends
		}
		c.mu.Unlock()
		if err := json.NewEncoder(out).Encode(ends); err != nil {
			return err
		}
	}
	return nil
}

// run is the loop: start what is due, look at what came, give up what is old.
func (c *crowd) run() error {
	begun, started, swept := time.Now(), 0, time.Now()
	events := make([]unix.EpollEvent, 256)
	for {
		// Behind schedule, it does not make up for more than a little.
		due := int(time.Since(begun).Seconds() * strangerRate)
		if due-started > 50 {
			begun, started, due = time.Now(), 0, 1
		}
		for ; started < due; started++ {
			c.start(c.flows[c.next])
			c.next = (c.next + 1) % len(c.flows)
		}
		n, err := unix.EpollWait(c.epoll, events, 1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for sockets: %w", err)
		}
		for i := range max(0, n) {
			if a := c.open[int(events[i].Fd)]; a != nil {
				c.look(a)
			}
		}
		if time.Since(swept) > 20*time.Millisecond {
			swept = time.Now()
			c.sweep()
		}
	}
}

// sweep gives up what was silent for too long.
func (c *crowd) sweep() {
	for _, a := range c.open {
		patience := datagramPatience
		if a.stream() {
			patience = streamPatience
		}
		if !a.idle && time.Since(a.since) > patience {
			c.end(a, nil)
		}
	}
}

func (a *activity) stream() bool { return a.Kind == TCP || a.Kind == DNSoverTCP }

// start makes one try: in turns from a new socket and from one that lives on.
func (c *crowd) start(f *activity) {
	f.turns++
	c.note(f, func(e *Ends) { e.Attempts++ })
	if a := f.kept; a != nil && f.turns%2 == 0 {
		if !a.idle {
			c.end(a, nil)
		}
		if f.kept != nil {
			a.idle, a.sent, a.since = false, false, time.Now()
			c.look(a)
			return
		}
	}
	a := &attempt{activity: f, fd: -1, since: time.Now(), keeps: f.kept == nil && f.Kind != DNSoverTCP}
	if err := a.dial(); err != nil {
		c.end(a, dialError{err})
		return
	}
	c.open[a.fd] = a
	if a.keeps {
		f.kept = a
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: int32(a.fd)}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, a.fd, &event); err != nil {
		c.end(a, err)
		return
	}
	c.look(a)
}

// dialError is an error before the first packet.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// dial makes the socket. A stream is on its way afterwards.
func (a *attempt) dial() error {
	domain, kind, protocol := unix.AF_INET, unix.SOCK_DGRAM, 0
	six := a.Family() == 6
	if six {
		domain = unix.AF_INET6
	}
	switch {
	case a.stream():
		kind = unix.SOCK_STREAM
	case a.Kind == Echo && six:
		protocol = unix.IPPROTO_ICMPV6
	case a.Kind == Echo:
		protocol = unix.IPPROTO_ICMP
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	a.fd = fd
	if a.Device != "" {
		if err := unix.BindToDevice(fd, a.Device); err != nil {
			return err
		}
	}
	err = unix.Connect(fd, sockaddr(a.To))
	if errors.Is(err, unix.EINPROGRESS) {
		err = nil
	}
	return err
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	}
	return &unix.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port())}
}

// look sends what is to be sent and takes what has come, as far as it goes.
func (c *crowd) look(a *attempt) {
	var buf [1500]byte
	if a.idle {
		// What comes between two tries is late, or says that the socket is of no more use.
		if n, err := unix.Read(a.fd, buf[:]); errors.Is(err, unix.EAGAIN) || n > 0 {
			return
		}
		c.forget(a)
		return
	}
	if !a.sent {
		_, err := unix.Write(a.fd, a.message())
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil {
			c.end(a, err)
			return
		}
		a.sent = true
	}
	n, err := unix.Read(a.fd, buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
	case err != nil:
		c.end(a, err)
	case n == 0:
		c.end(a, unix.ECONNRESET)
	default:
		c.note(a.activity, func(e *Ends) { e.Answered++ })
		c.done(a)
	}
}

// end notes how a try ended that brought no answer; nil: silence.
func (c *crowd) end(a *attempt, err error) {
	before := dialError{}
	early := errors.As(err, &before)
	c.note(a.activity, func(e *Ends) {
		is := func(errs ...error) bool {
			for _, x := range errs {
				if errors.Is(err, x) {
					return true
				}
			}
			return false
		}
		switch {
		case err == nil || is(unix.ETIMEDOUT):
			e.Silent++
		case is(unix.ENETUNREACH, unix.ENODEV, unix.ENETDOWN, unix.EADDRNOTAVAIL) || early && is(unix.EHOSTUNREACH, unix.EINVAL):
			e.Unreachable++
		case is(unix.EPERM, unix.EACCES, unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.EPIPE):
			e.Refused++
		default:
			e.Odd++
			if e.Oddity == "" {
				e.Oddity = err.Error()
			}
		}
	})
	// A stream that was refused or silent is over; other sockets live on.
	if a.stream() || early {
		c.forget(a)
		return
	}
	c.done(a)
}

// done puts a socket aside, or closes it.
func (c *crowd) done(a *attempt) {
	if !a.keeps {
		c.forget(a)
		return
	}
	a.idle = true
}

// forget closes a socket.
func (c *crowd) forget(a *attempt) {
	if a.kept == a {
		a.kept = nil
	}
	if a.fd < 0 {
		return
	}
	delete(c.open, a.fd)
	if err := unix.Close(a.fd); err != nil {
		c.note(a.activity, func(e *Ends) { e.Odd, e.Oddity = e.Odd+1, err.Error() })
	}
}

func (c *crowd) note(a *activity, f func(*Ends)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&a.ends)
}

// strangeName is what the stranger asks name servers for: nobody knows it.
const strangeName = "stranger.leak.example."

// message is what one try sends.
func (a *attempt) message() []byte {
	switch a.Kind {
	case DNSoverUDP, DNSoverTCP:
		return question(a.stream(), a.turns)
	case Echo:
		kind := byte(8) // RFC 792
		if a.Family() == 6 {
			kind = 128 // RFC 4443
		}
		header := []byte{kind, 0, 0, 0, 0, 0, byte(a.turns >> 8), byte(a.turns)}
		return append(header, signature...)
	}
	return []byte(signature)
}

// question asks for a name of the stranger's, or for the gateway's in a way that
// the service does not.
func question(stream bool, turn int) []byte {
	var m dns.Msg
	if turn%4 < 2 {
		m.SetQuestion(strangeName, dns.TypeA)
	} else {
		m.SetQuestion(dns.Fqdn(GatewayName), dns.TypeTXT)
	}
	b, err := m.Pack()
	if err != nil {
		return nil // an empty datagram gets no answer, and that shows
	}
	if stream {
		b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	return b
}
