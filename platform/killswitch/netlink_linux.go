package killswitch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a conversation with the kernel's packet filter. The kernel does what
// it is told while it is told, so the thread simply waits for it.
type socket struct {
	file *os.File // which closes fd
	fd   int
	seq  uint32 // of the next message
	buf  []byte // of one answer
	torn bool   // while something was listed, somebody changed something
}

const (
	// patience is how long one answer may take.
	patience = 10 * time.Second
	// answerSize is above what the kernel puts into one answer.
	answerSize = 64 << 10
	// roomForAnswers is what may wait to be read: refusals of a whole policy.
	roomForAnswers = 4 << 20
)

func dial() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, explain(os.NewSyscallError("socket", err))
	}
	s := &socket{file: os.NewFile(uintptr(fd), "netlink"), fd: fd, buf: make([]byte, answerSize)}
	wait := unix.NsecToTimeval(int64(patience))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		s.room(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, roomForAnswers),
	)
	if err != nil {
		return nil, errors.Join(explain(err), s.close())
	}
	return s, nil
}

// room asks for a buffer. A smaller one than was asked for is enough for small
// policies, and the kernel says so where it is not.
func (s *socket) room(force, ask, size int) error {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, force, size) == nil {
		return nil
	}
	return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, ask, size)
}

func (s *socket) close() error { return s.file.Close() }

// send sends messages, which are as many as the packer numbered.
func (s *socket) send(p *packer) error {
	if err := s.room(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, 2*len(p.b)+4096); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	for {
		err := unix.Sendto(s.fd, p.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("sendto", err)
		}
	}
}

// receive reads one answer of the kernel's, which is good until the next.
func (s *socket) receive() ([]byte, error) {
	for {
		n, from, err := unix.Recvfrom(s.fd, s.buf, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil, fmt.Errorf("the kernel does not answer: %w", os.ErrDeadlineExceeded)
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(s.buf):
			return nil, errors.New("an answer of the kernel's is too long")
		}
		if k, ok := from.(*unix.SockaddrNetlink); ok && k.Pid == 0 {
			return s.buf[:n], nil
		}
	}
}

// commit sends a batch, which the kernel takes as a whole or not at all. Only
// the last message asks for an acknowledgement; it comes after the change. Before
// it, or in its place, come the refusals.
func (s *socket) commit(p *packer) error {
	p.finish()
	s.seq = p.seq
	if err := s.send(p); err != nil {
		return err
	}
	for {
		got, err := s.receive()
		if err != nil {
			return err
		}
		for m := range messages(got) {
			if m.kind != unix.NLMSG_ERROR {
				continue
			}
			if err := m.err(); err != nil {
				return err // of the first one that was refused
			}
			if m.seq == p.asked {
				return nil
			}
		}
	}
}

// dump asks for all things of a kind, and hands over each. Where another program
// changed something meanwhile, the socket is torn.
func (s *socket) dump(kind uint16, family uint8, about func(*packer), each func(body []byte) error) error {
	return s.ask(kind, unix.NLM_F_DUMP, family, about, each)
}

// ask sends one request and hands over what comes. A request that is no dump is
// acknowledged.
func (s *socket) ask(kind uint16, flags uint16, family uint8, about func(*packer), each func(body []byte) error) error {
	p := &packer{seq: s.seq}
	p.begin(kind, unix.NLM_F_REQUEST|flags, family)
	if about != nil {
		about(p)
	}
	p.end()
	mine := s.seq
	s.seq = p.seq
	if err := s.send(p); err != nil {
		return err
	}
	for {
		got, err := s.receive()
		if err != nil {
			return err
		}
		for m := range messages(got) {
			if m.seq != mine {
				continue
			}
			s.torn = s.torn || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case m.kind == unix.NLMSG_DONE:
				return m.err()
			case m.kind == unix.NLMSG_ERROR:
				return m.err()
			}
			if err := each(m.body); err != nil {
				return err
			}
		}
	}
}

// answer is a message of the kernel's; body begins behind its headers.
type answer struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// err is what a message of the kind NLMSG_ERROR or NLMSG_DONE says.
func (a answer) err() error {
	if len(a.body) < 4 {
		return nil // an old kernel ends a list without a word
	}
	if n := int32(binary.NativeEndian.Uint32(a.body)); n < 0 {
		return unix.Errno(-n)
	}
	return nil
}

// messages are those of one answer.
func messages(b []byte) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		for len(b) >= unix.NLMSG_HDRLEN {
			n := int(binary.NativeEndian.Uint32(b))
			if n < unix.NLMSG_HDRLEN || n > len(b) {
				return
			}
			m := answer{
				kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]),
				seq: binary.NativeEndian.Uint32(b[8:]), body: b[unix.NLMSG_HDRLEN:n],
			}
			if m.kind != unix.NLMSG_ERROR && m.kind != unix.NLMSG_DONE {
				m.body = m.body[min(len(m.body), 4):] // family, version, subsystem
			}
			if !yield(m) {
				return
			}
			b = b[min(len(b), aligned(n)):]
		}
	}
}

// attributes are those of a message, or of an attribute that holds some. What
// is no attribute ends them.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	const kinds = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.NLA_HDRLEN {
			n := int(binary.NativeEndian.Uint16(b))
			if n < unix.NLA_HDRLEN || n > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&kinds, b[unix.NLA_HDRLEN:n]) {
				return
			}
			b = b[min(len(b), aligned(n)):]
		}
	}
}

func aligned(n int) int { return (n + 3) &^ 3 }

// packer writes messages one behind the other, numbered from seq on.
type packer struct {
	b     []byte
	seq   uint32
	at    int    // where the last message begins
	asked uint32 // the number of the message that is acknowledged
}

// newBatch begins one; commit ends it.
func newBatch() *packer {
	p := &packer{}
	p.start(unix.NFNL_MSG_BATCH_BEGIN, unix.NLM_F_REQUEST, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	p.end()
	return p
}

// finish ends a batch; the last message of it is to be acknowledged.
func (p *packer) finish() {
	flags := p.b[p.at+6:]
	binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)
	p.asked = p.seq - 1
	p.start(unix.NFNL_MSG_BATCH_END, unix.NLM_F_REQUEST, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	p.end()
}

// begin begins a message, with the header that all of netfilter's have.
func (p *packer) begin(kind, flags uint16, family uint8) {
	p.start(kind, flags, family, 0)
}

func (p *packer) start(kind, flags uint16, family uint8, subsystem uint16) {
	p.at = len(p.b)
	p.b = append(p.b, 0, 0, 0, 0)
	p.b = binary.NativeEndian.AppendUint16(p.b, kind)
	p.b = binary.NativeEndian.AppendUint16(p.b, flags)
	p.b = binary.NativeEndian.AppendUint32(p.b, p.seq)
	p.b = append(p.b, 0, 0, 0, 0, family, unix.NFNETLINK_V0)
	p.b = binary.BigEndian.AppendUint16(p.b, subsystem)
	p.seq++
}

// end ends the message.
func (p *packer) end() {
	binary.NativeEndian.PutUint32(p.b[p.at:], uint32(len(p.b)-p.at))
}

// attr writes an attribute.
func (p *packer) attr(kind uint16, data []byte) {
	p.b = binary.NativeEndian.AppendUint16(p.b, uint16(unix.NLA_HDRLEN+len(data)))
	p.b = binary.NativeEndian.AppendUint16(p.b, kind)
	p.b = append(p.b, data...)
	for len(p.b)%unix.NLA_ALIGNTO != 0 {
		p.b = append(p.b, 0)
	}
}

func (p *packer) text(kind uint16, s string) { p.attr(kind, append([]byte(s), 0)) }

func (p *packer) number(kind uint16, n uint32) { p.attr(kind, binary.BigEndian.AppendUint32(nil, n)) }

// nest writes an attribute that holds others, in all at most 64 KiB.
func (p *packer) nest(kind uint16, inside func()) {
	at := len(p.b)
	p.b = binary.NativeEndian.AppendUint16(p.b, 0)
	p.b = binary.NativeEndian.AppendUint16(p.b, kind|unix.NLA_F_NESTED)
	inside()
	binary.NativeEndian.PutUint16(p.b[at:], uint16(len(p.b)-at))
}
