package eap

import "encoding/binary"

// TLS messages inside EAP packets, as EAP-TLS, TTLS and PEAP carry them
// (RFC 5216 2.1.5, 3.1; RFC 5281 9.2): flags, a length where it is wanted, and a part
// of the message. Whoever gets a part that is not the last acknowledges it with a
// packet without any.

// The flags. TTLS and PEAP have their version in the lowest three bits.
const (
	flagLength  = 0x80
	flagMore    = 0x40
	flagStart   = 0x20
	maskVersion = 0x07
)

const (
	// defaultFragment leaves room for the headers around it in a datagram of 1,280
	// octets, the smallest that IPv6 carries everywhere.
	defaultFragment = 1000
	minFragment     = 64

	// maxTLSMessage bounds a message of the server's: a chain of three certificates
	// with 4,096-bit keys is under 8 KiB, and crypto/tls takes no certificates beyond
	// 256 KiB.
	maxTLSMessage = 64 << 10
)

// fragments cuts messages and puts them together, for one conversation: one
// message at a time, either way.
type fragments struct {
	version byte
	size    int // most octets of a message in one packet
	// lengths gives a message in one piece its length, too. Of PEAP's handshake
	// Windows' server wants that: it takes what has none for TLVs that go into the
	// crypto binding.
	lengths bool

	in        []byte
	receiving bool
	announced int // the length that the first fragment gave; -1: none

	out  []byte
	sent bool // a part of out went out
}

// arrival is what a packet brought.
type arrival struct {
	start   bool
	version byte
	whole   bool
	message []byte // with whole; valid until the next packet
	reply   []byte // else what to answer with: an acknowledgement, or our next part
}

func newFragments(version byte, size int) fragments {
	if size == 0 {
		size = defaultFragment
	}
	return fragments{version: version, size: max(size, minFragment)}
}

// receive takes the data of a packet of the method, which is borrowed.
func (f *fragments) receive(data []byte) (arrival, error) {
	if len(data) == 0 {
		return arrival{}, malformed("no flags")
	}
	flags, announced := data[0], -1
	data = data[1:]
	if flags&flagLength != 0 {
		if len(data) < 4 {
			return arrival{}, malformed("the message's length is cut short")
		}
		n := binary.BigEndian.Uint32(data)
		if n > maxTLSMessage {
			return arrival{}, endOf("a TLS message without end")
		}
		announced, data = int(n), data[4:]
	}
	a := arrival{start: flags&flagStart != 0, version: flags & maskVersion}
	if len(f.out) > 0 {
		if a.start || flags&flagMore != 0 || len(data) > 0 {
			return arrival{}, unexpected("a message in the middle of ours")
		}
		a.reply = f.next()
		return a, nil
	}
	if a.start {
		return f.started(a, data, flags)
	}
	return f.part(a, data, announced, flags&flagMore != 0)
}

// started is for the Start packet, the only one of its kind. What TTLS lets a server
// put into it is nothing that a client has to read (RFC 5281 9.2).
func (f *fragments) started(a arrival, data []byte, flags byte) (arrival, error) {
	if f.receiving || flags&flagMore != 0 {
		return arrival{}, unexpected("a start in the middle of a message")
	}
	a.whole, a.message = true, data
	return a, nil
}

// part adds a part of the server's message.
func (f *fragments) part(a arrival, data []byte, announced int, more bool) (arrival, error) {
	if !f.receiving {
		f.in, f.announced = f.in[:0], announced
	}
	want := f.announced
	total := len(f.in) + len(data)
	switch {
	case announced >= 0 && announced != want:
		return arrival{}, endOf("a TLS message of two lengths")
	case more && len(data) == 0:
		return arrival{}, endOf("a fragment of nothing")
	case total > maxTLSMessage:
		return arrival{}, endOf("a TLS message without end")
	case want >= 0 && (total > want || !more && total < want):
		return arrival{}, endOf("a TLS message of another length than announced")
	}
	f.in = append(f.in, data...)
	if f.receiving = more; more {
		a.reply = f.acknowledgement()
		return a, nil
	}
	a.whole, a.message = true, f.in
	return a, nil
}

// acknowledgement is a packet without a message.
func (f *fragments) acknowledgement() []byte { return []byte{f.version} }

// send gives the first packet of a message; receive gives the others as the server
// asks for them. The message is kept until then.
func (f *fragments) send(message []byte) []byte {
	if len(message) == 0 {
		return f.acknowledgement()
	}
	f.out, f.sent = message, false
	return f.next()
}

// next gives the next part of our message. The length comes with the first of
// several, and with no other (RFC 5216 2.1.5, RFC 9190 2.4) but for lengths.
func (f *fragments) next() []byte {
	n := min(f.size, len(f.out))
	flags := f.version
	more := n < len(f.out)
	if more {
		flags |= flagMore
	}
	packet := make([]byte, 0, 5+n)
	if (more || f.lengths) && !f.sent {
		packet = binary.BigEndian.AppendUint32(append(packet, flags|flagLength), uint32(len(f.out)))
	} else {
		packet = append(packet, flags)
	}
	packet = append(packet, f.out[:n]...)
	if f.out, f.sent = f.out[n:], true; !more {
		f.out = nil
	}
	return packet
}

// endOf is for packets after which nothing can be put together any more.
func endOf(why reason) *Error { return &Error{Kind: Malformed, Fatal: true, Err: why} }
