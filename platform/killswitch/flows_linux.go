package killswitch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Messages and attributes of conntrack (linux/netfilter/nfnetlink_conntrack.h).
const (
	ctGet    = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET
	ctDelete = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2
	ctStats  = unix.NFNL_SUBSYS_CTNETLINK<<8 | 5 // IPCTNL_MSG_CT_GET_STATS

	ctAsked    = 1 // CTA_TUPLE_ORIG
	ctAnswered = 2 // CTA_TUPLE_REPLY
	ctID       = 12
	ctZone     = 18

	ctStatsEntries = 1 // CTA_STATS_GLOBAL_ENTRIES

	tupleAddresses = 1 // CTA_TUPLE_IP
	tupleAbove     = 2 // CTA_TUPLE_PROTO

	source4      = 1 // CTA_IP_V4_SRC
	destination4 = 2
	source6      = 3
	destination6 = 4

	aboveNumber      = 1 // CTA_PROTO_NUM
	aboveSource      = 2
	aboveDestination = 3
)

// cut asks the kernel for its flows and takes away those that a policy does not
// keep. The kernel looks through the whole of a large table for that, which takes
// it longer than a change of policy; so it is asked once, and only where it has
// any flows.
func (k *nfTables) cut(t *table) (n int, err error) {
	err = k.talking(func(s *socket) (err error) {
		n, err = s.cut(newKeeper(t.policy))
		return err
	})
	return n, explain(err)
}

func (s *socket) cut(policy *keeper) (n int, err error) {
	known, err := s.flows()
	if err != nil || known == 0 {
		return 0, err
	}
	type unwanted struct {
		family uint8
		name   []byte // the attributes by which the kernel finds it
	}
	var all []unwanted
	err = s.dump(ctGet, unix.AF_UNSPEC, nil, func(body []byte) error {
		if f, name := decodeFlow(body); !policy.keeps(f) {
			family := uint8(unix.AF_INET)
			if f.answers.addr.Is6() {
				family = unix.AF_INET6
			}
			all = append(all, unwanted{family, name})
		}
		return nil
	})
	errs := []error{err}
	for _, u := range all {
		err := s.ask(ctDelete, unix.NLM_F_ACK, u.family, func(p *packer) { p.b = append(p.b, u.name...) }, nil)
		if errors.Is(err, unix.ENOENT) {
			continue // it has ended by itself
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("a flow: %w", err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

// flows counts what the kernel remembers.
func (s *socket) flows() (n uint32, err error) {
	err = s.ask(ctStats, unix.NLM_F_ACK, unix.AF_UNSPEC, nil, func(body []byte) error {
		for kind, data := range attributes(body) {
			if kind == ctStatsEntries {
				n = number32(data)
			}
		}
		return nil
	})
	return n, err
}

// decodeFlow reads a flow, and by what it is found again. What is rewritten on
// its way shows in the addresses of the answers: those are the ones on the wire.
func decodeFlow(body []byte) (f flow, name []byte) {
	p := &packer{}
	for kind, data := range attributes(body) {
		switch kind {
		case ctAsked:
			p.attr(kind|unix.NLA_F_NESTED, data)
		case ctAnswered:
			f.protocol, f.answers, f.asked = decodeTuple(data)
		case ctID, ctZone:
			p.attr(kind, data)
		}
	}
	return f, p.b
}

func decodeTuple(b []byte) (protocol uint8, from, to end) {
	for kind, data := range attributes(b) {
		for part, value := range attributes(data) {
			switch {
			case kind == tupleAddresses && (part == source4 || part == source6):
				from.addr, _ = netip.AddrFromSlice(value)
			case kind == tupleAddresses && (part == destination4 || part == destination6):
				to.addr, _ = netip.AddrFromSlice(value)
			case kind == tupleAbove && part == aboveNumber && len(value) == 1:
				protocol = value[0]
			case kind == tupleAbove && part == aboveSource && len(value) == 2:
				from.port = binary.BigEndian.Uint16(value)
			case kind == tupleAbove && part == aboveDestination && len(value) == 2:
				to.port = binary.BigEndian.Uint16(value)
			}
		}
	}
	return protocol, from, to
}
