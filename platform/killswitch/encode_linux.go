package killswitch

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The other spelling of a table, beside text.go: as the kernel takes it. Each
// condition loads a part of the packet into a register and compares it.

// Registers, by the numbers that the kernel gives back.
const (
	first   = unix.NFT_REG_1
	behind4 = unix.NFT_REG32_01 // what follows an IPv4 address in first
	behind6 = unix.NFT_REG_2    // what follows an IPv6 address in first
)

// encode translates a table. Control groups are looked up now: the kernel knows
// them by number.
func encode(t *table) (*message, error) {
	m := &message{}
	for _, s := range t.sets {
		m.sets = append(m.sets, s.encode())
	}
	for _, c := range t.chains {
		out := c.encode()
		for _, r := range c.rules {
			parts, err := r.encode()
			if err != nil {
				return nil, err
			}
			out.rules = append(out.rules, kernelRule{parts: parts, comment: r.comment})
		}
		m.chains = append(m.chains, out)
	}
	return m, nil
}

// Types of keys, by the numbers that nft(8) has for them.
const (
	typeIPv4    = 7
	typeIPv6    = 8
	typePort    = 13
	typeDevice  = 20
	typeICMPv6  = 29
	bitsOfAType = 6
)

func (s set) encode() kernelSet {
	out := kernelSet{name: s.name, keys: s.keys()}
	single := func(kind, length uint32) { out.keyType, out.keyLength = kind, length }
	// Each part fills whole registers of 4 octets.
	pair := func(kind, length, kind2, length2 uint32) {
		single(kind<<bitsOfAType|kind2, length+4)
		out.fields = []uint32{length, length2}
		out.flags |= nftSetConcat
	}
	switch s.kind {
	case endpoints4:
		pair(typeIPv4, 4, typePort, 2)
	case endpoints6:
		pair(typeIPv6, 16, typePort, 2)
	case addresses4, networks4:
		single(typeIPv4, 4)
	case addresses6, networks6:
		single(typeIPv6, 16)
	case ports:
		single(typePort, 2)
	case messages6:
		single(typeICMPv6, 1)
	case answers4:
		pair(typeIPv4, 4, typeDevice, 4)
	case answers6:
		pair(typeIPv6, 16, typeDevice, 4)
	}
	if s.kind == networks4 || s.kind == networks6 {
		out.flags |= unix.NFT_SET_INTERVAL
	}
	if s.kind.learnt() {
		out.flags |= unix.NFT_SET_EVAL | unix.NFT_SET_TIMEOUT
		out.size = mostLearnt
	}
	return out
}

// keys are a set's elements. A network is its first address and, as an end, the
// first one behind it.
func (s set) keys() []key {
	out := make([]key, 0, len(s.endpoints)+len(s.addresses)+2*len(s.networks)+len(s.numbers))
	for _, e := range s.endpoints {
		data := binary.BigEndian.AppendUint16(e.Addr().AsSlice(), e.Port())
		out = append(out, key{data: append(data, 0, 0)})
	}
	for _, a := range s.addresses {
		out = append(out, key{data: a.AsSlice()})
	}
	for _, p := range s.networks {
		out = append(out, key{data: p.Addr().AsSlice()})
		if end := lastOf(p).Next(); end.IsValid() {
			out = append(out, key{data: end.AsSlice(), end: true})
		}
	}
	for _, n := range s.numbers {
		data := []byte{byte(n)}
		if s.kind == ports {
			data = binary.BigEndian.AppendUint16(nil, n)
		}
		out = append(out, key{data: data})
	}
	return out
}

func (c chain) encode() kernelChain {
	if c.hook == noHook {
		return kernelChain{name: c.name}
	}
	return kernelChain{
		name: c.name, base: true, drop: !c.open, order: c.hook.priority(),
		hook: map[hook]uint32{
			prerouting: unix.NF_INET_PRE_ROUTING, forward: unix.NF_INET_FORWARD,
			output: unix.NF_INET_LOCAL_OUT, postrouting: unix.NF_INET_POST_ROUTING,
		}[c.hook],
	}
}

func (r rule) encode() (out []expr.Any, err error) {
	known := of{}
	for _, m := range r.when {
		e, err := known.match(m)
		if err != nil {
			return nil, err
		}
		out = append(out, e...)
	}
	for _, a := range r.do {
		out = append(out, encodeAction(a)...)
	}
	return out, nil
}

// of is what the conditions so far say of a packet: fields are only looked for
// where the packet has them.
type of struct {
	family   uint8
	protocol uint8
}

// sure adds the conditions under which a packet has a field.
func (o *of) sure(f field) (out []expr.Any) {
	family, protocol := f.belongs()
	if family != 0 && o.family != family {
		o.family = family
		out = append(out, &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: first}, equal([]byte{family}))
	}
	if protocol != 0 && o.protocol != protocol {
		o.protocol = protocol
		out = append(out, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: first}, equal([]byte{protocol}))
	}
	return out
}

// belongs says which family and protocol have the field; 0: any.
func (f field) belongs() (family, protocol uint8) {
	switch f {
	case ip4Source, ip4Destination:
		return unix.NFPROTO_IPV4, 0
	case ip6Source, ip6Destination, ip6HopLimit:
		return unix.NFPROTO_IPV6, 0
	case udpSource, udpDestination:
		return 0, udp
	case tcpDestination:
		return 0, tcp
	case icmp4Type, icmp4Code:
		return unix.NFPROTO_IPV4, unix.IPPROTO_ICMP
	case icmp6Type, icmp6Code:
		return unix.NFPROTO_IPV6, unix.IPPROTO_ICMPV6
	}
	return 0, 0
}

// load puts a field into a register.
func (f field) load(register uint32) expr.Any {
	at := func(base expr.PayloadBase, offset, length uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
	}
	const network, transport = expr.PayloadBaseNetworkHeader, expr.PayloadBaseTransportHeader
	switch f {
	case ip4Source:
		return at(network, 12, 4)
	case ip4Destination:
		return at(network, 16, 4)
	case ip6HopLimit:
		return at(network, 7, 1)
	case ip6Source:
		return at(network, 8, 16)
	case ip6Destination:
		return at(network, 24, 16)
	case udpSource:
		return at(transport, 0, 2)
	case udpDestination, tcpDestination:
		return at(transport, 2, 2)
	case icmp4Type, icmp6Type:
		return at(transport, 0, 1)
	case icmp4Code, icmp6Code:
		return at(transport, 1, 1)
	case inDevice:
		return &expr.Meta{Key: expr.MetaKeyIIF, Register: register}
	}
	return &expr.Meta{Key: expr.MetaKeyOIF, Register: register}
}

// loads puts fields into registers, one behind the other.
func (o *of) loads(fields []field) (out []expr.Any) {
	for _, f := range fields {
		out = append(out, o.sure(f)...)
	}
	register := uint32(first)
	for i, f := range fields {
		if i > 0 {
			register = behind4
			if family, _ := fields[0].belongs(); family == unix.NFPROTO_IPV6 {
				register = behind6
			}
		}
		out = append(out, f.load(register))
	}
	return out
}

func equal(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: first, Data: data}
}

// bits keeps those of the mask.
func bits(mask []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: first, DestRegister: first, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}

// metaInKind is NFT_META_IIFKIND, which golang.org/x/sys/unix lacks.
const metaInKind = 26

var errUnknown = errors.New("a rule has a part that has no message")

func (o *of) match(m match) ([]expr.Any, error) {
	switch m := m.(type) {
	case loopback:
		key := expr.MetaKeyOIF
		if m.in {
			key = expr.MetaKeyIIF
		}
		// Of every network namespace's devices the first is the loopback.
		return []expr.Any{&expr.Meta{Key: key, Register: first}, equal(native(1))}, nil
	case device:
		key, op := expr.MetaKeyOIFNAME, expr.CmpOpEq
		if m.in {
			key = expr.MetaKeyIIFNAME
		}
		if m.other {
			op = expr.CmpOpNeq
		}
		return []expr.Any{&expr.Meta{Key: key, Register: first}, &expr.Cmp{Op: op, Register: first, Data: padded(m.name)}}, nil
	case behind:
		return []expr.Any{&expr.Meta{Key: metaInKind, Register: first}, equal(padded(m.kind))}, nil
	case family:
		o.family = unix.NFPROTO_IPV4
		if m.six {
			o.family = unix.NFPROTO_IPV6
		}
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: first}, equal([]byte{o.family})}, nil
	case marked:
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: first}, equal(native(m.mark))}, nil
	case protocol:
		o.protocol = m.number
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: first}, equal([]byte{m.number})}, nil
	case within:
		return append(o.loads(m.fields), &expr.Lookup{SourceRegister: first, SetName: m.set}), nil
	case number:
		value := binary.BigEndian.AppendUint16(nil, m.value)
		if p, ok := m.field.load(first).(*expr.Payload); ok && p.Len == 1 {
			value = value[1:]
		}
		return append(o.loads([]field{m.field}), equal(value)), nil
	case prefix:
		return append(o.loads([]field{m.field}), bits(mask(m.of)), equal(m.of.Addr().AsSlice())), nil
	}
	return o.rareMatch(m)
}

// rareMatch has the conditions that are not about one field or two.
func (o *of) rareMatch(m match) ([]expr.Any, error) {
	switch m := m.(type) {
	case reset:
		const flagsAt, rst = 13, 4 // RFC 9293, 3.1
		o.protocol = tcp
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: first}, equal([]byte{tcp}),
			&expr.Payload{DestRegister: first, Base: expr.PayloadBaseTransportHeader, Offset: flagsAt, Len: 1},
			bits([]byte{rst}), equal([]byte{rst}),
		}, nil
	case sourceRoute:
		return m.encode(o), nil
	case answering:
		return []expr.Any{
			&expr.Ct{Key: expr.CtKeySTATE, Register: first},
			bits(native(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)),
			&expr.Cmp{Op: expr.CmpOpNeq, Register: first, Data: native(0)},
			&expr.Ct{Key: expr.CtKeyDIRECTION, Register: first}, equal([]byte{1}),
		}, nil
	case controlGroup:
		id, err := cgroupID(m.path)
		if err != nil {
			return nil, err
		}
		return []expr.Any{
			&expr.Socket{Key: expr.SocketKeyCgroupv2, Level: uint32(m.level()), Register: first},
			equal(binary.NativeEndian.AppendUint64(nil, id)),
		}, nil
	}
	return nil, fmt.Errorf("%w: %T", errUnknown, m)
}

// encode finds an option of IPv4, or an extension header of IPv6.
func (m sourceRoute) encode(o *of) []expr.Any {
	const presence = 1 // NFT_EXTHDR_F_PRESENT
	const option = 2   // NFT_EXTHDR_OP_IPV4
	find := &expr.Exthdr{DestRegister: first, Len: 1, Flags: presence, Op: option}
	o.family = unix.NFPROTO_IPV4
	switch m.kind {
	case looseRoute:
		find.Type = 131
	case strictRoute:
		find.Type = 137
	case routingHeader:
		find.Type, find.Op, o.family = unix.IPPROTO_ROUTING, expr.ExthdrOpIpv6, unix.NFPROTO_IPV6
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: first}, equal([]byte{o.family}), find, equal([]byte{1})}
}

// padded is a device's name, or a kind of devices, as the kernel has it.
func padded(name string) []byte {
	out := make([]byte, unix.IFNAMSIZ)
	copy(out, name)
	return out
}

func native(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func encodeAction(a action) []expr.Any {
	switch a := a.(type) {
	case accept:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	case enter:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: a.chain}}
	case refuse:
		if a.reset {
			return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
		}
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}
	case learn:
		o := of{}
		return append(o.loads(a.fields), &expr.Dynset{
			SrcRegKey: first, SetName: a.set, Operation: unix.NFT_DYNSET_OP_UPDATE, Timeout: rememberedFor,
		})
	case setMark:
		return []expr.Any{
			&expr.Immediate{Register: first, Data: native(a.mark)},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: first},
		}
	}
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
}
