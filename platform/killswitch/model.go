package killswitch

import (
	"net/netip"
	"time"
)

// tableName is the name of the one table, of family inet, that this package owns.
const tableName = "homeward"

// table is what a policy becomes: enough of nftables to say it, and no more.
// Each part knows its text (text.go) and its message to the kernel (encode_linux.go).
type table struct {
	policy Policy // canonical
	sets   []set
	chains []chain
}

// size counts the rules.
func (t *table) size() (n int) {
	for _, c := range t.chains {
		n += len(c.rules)
	}
	return n
}

// set is a named set. Rules refer to it by name.
type set struct {
	name string
	kind setKind
	// One of these, by kind.
	endpoints []netip.AddrPort
	addresses []netip.Addr
	networks  []netip.Prefix
	numbers   []uint16
}

type setKind uint8

const (
	endpoints4 setKind = iota // address and port
	endpoints6
	addresses4
	addresses6
	networks4
	networks6
	ports
	messages6 // types of ICMPv6
	answers4  // address and device, learnt from packets, soon forgotten
	answers6
)

// learnt tells a set whose elements come from packets.
func (k setKind) learnt() bool { return k == answers4 || k == answers6 }

// chain is a list of rules; with a hook, the kernel calls it.
type chain struct {
	name  string
	hook  hook
	open  bool // what no rule decides is accepted; else dropped
	rules []rule
}

type hook uint8

// priority orders the chain among those of the same hook. What may leave is
// decided last, so that it is decided for the packet as it will be; what may
// come in is decided before anything is tracked or rewritten (raw).
func (h hook) priority() int32 {
	if h == prerouting {
		return -300
	}
	return 1 << 30
}

// Of a learnt set: how many elements it holds at most, and how long each.
const (
	mostLearnt    = 1024
	rememberedFor = 2 * time.Second
)

const (
	noHook hook = iota
	prerouting
	forward
	output
	postrouting
)

// rule does something with the packets that match all of its conditions.
type rule struct {
	when    []match
	do      []action
	comment string
}

// match is one condition.
type match interface{ text() string }

type (
	// loopback: the packet leaves by the loopback device, or came in by it.
	loopback struct{ in bool }
	// device: by the device of this name, or by any other.
	device struct {
		in, other bool
		name      string
	}
	// behind: the device that it came in by is of this kind, by the kernel's name.
	behind struct{ kind string }
	// family is that of the packet.
	family struct{ six bool }
	// marked: by this packet mark.
	marked struct{ mark uint32 }
	// protocol is that above IP.
	protocol struct{ number uint8 }
	// field is in a set, or fields together are.
	within struct {
		fields []field
		set    string
	}
	// number: a field of one or two octets has this value.
	number struct {
		field field
		value uint16
	}
	// prefix: an address is in a network.
	prefix struct {
		field field
		of    netip.Prefix
	}
	// reset: a TCP segment with the RST flag.
	reset struct{}
	// sourceRoute: the packet names further stations by itself.
	sourceRoute struct{ kind routing }
	// answering: conntrack knows the packet as the answer to one that left.
	answering struct{}
	// controlGroup: the socket's program is in this control group or below.
	controlGroup struct{ path string }
)

type routing uint8

const (
	looseRoute    routing = iota // RFC 791, loose source and record route
	strictRoute                  // RFC 791, strict source and record route
	routingHeader                // RFC 8200, 4.4
)

// field is a part of a packet.
type field uint8

const (
	ip4Source field = iota
	ip4Destination
	ip6Source
	ip6Destination
	ip6HopLimit
	udpSource
	udpDestination
	tcpDestination
	icmp4Type
	icmp4Code
	icmp6Type
	icmp6Code
	inDevice
	outDevice
)

// action is what happens to a packet; all but learn and mark are final.
type action interface{ text() string }

type (
	accept struct{}
	drop   struct{}
	// enter goes on in another chain and does not come back.
	enter struct{ chain string }
	// refuse tells the sender: by a TCP reset, or as administratively prohibited.
	refuse struct{ reset bool }
	// learn puts fields into a set, where the packet has them.
	learn struct {
		fields []field
		set    string
	}
	// setMark puts a mark on the packet.
	setMark struct{ mark uint32 }
)
