package iketest

import (
	"encoding/binary"
	"math"
	"net/netip"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// configuration answers CFG_REQUEST (RFC 7296 2.19, RFC 8598) and gives the
// selectors of the addresses handed out. False: an address was asked for, and
// there is none. Without a request there is no reply.
func (r *Responder) configuration(request *wire.CPPayload) (*wire.CPPayload, []wire.TrafficSelector, bool) {
	if request == nil || request.CFGType != wire.CFGRequest {
		return nil, nil, true
	}
	asked := map[uint16]bool{}
	for _, a := range request.Attributes {
		asked[a.Type] = true
		if held, ok := heldAddress(a); ok {
			r.Asked = append(r.Asked, held)
		}
	}
	reply := &wire.CPPayload{CFGType: wire.CFGReply}
	add := func(t uint16, value []byte) {
		reply.Attributes = append(reply.Attributes, wire.ConfigAttribute{Type: t, Value: value})
	}
	var selectors []wire.TrafficSelector
	for _, p := range r.cfg.Addresses {
		host := netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		switch {
		case p.Addr().Is4() && asked[wire.InternalIP4Address]:
			add(wire.InternalIP4Address, p.Addr().AsSlice())
			if p.Bits() != 32 {
				add(wire.InternalIP4Netmask, binary.BigEndian.AppendUint32(nil, math.MaxUint32<<(32-p.Bits())))
			}
		case p.Addr().Is6() && asked[wire.InternalIP6Address]:
			add(wire.InternalIP6Address, append(p.Addr().AsSlice(), byte(p.Bits())))
		default:
			continue
		}
		selectors = append(selectors, wire.SelectorFromPrefix(host))
	}
	if len(selectors) == 0 && (asked[wire.InternalIP4Address] || asked[wire.InternalIP6Address]) {
		return nil, nil, false
	}
	for _, a := range r.cfg.DNS {
		if t := pick(a, wire.InternalIP4DNS, wire.InternalIP6DNS); asked[t] {
			add(t, a.AsSlice())
		}
	}
	for _, p := range r.cfg.Subnets {
		if p.Addr().Is4() {
			add(wire.InternalIP4Subnet, binary.BigEndian.AppendUint32(p.Addr().AsSlice(), uint32(uint64(math.MaxUint32)<<(32-p.Bits()))))
		} else {
			add(wire.InternalIP6Subnet, append(p.Addr().AsSlice(), byte(p.Bits())))
		}
	}
	for _, d := range r.cfg.Domains {
		if asked[wire.InternalDNSDomain] { // RFC 8598 3.2: only where it was asked for
			add(wire.InternalDNSDomain, []byte(d))
		}
	}
	if r.cfg.Version != "" {
		add(wire.ApplicationVersion, []byte(r.cfg.Version))
	}
	return reply, selectors, true
}

// heldAddress reads an address that the client asks to be given again: alone, or
// for IPv6 with a prefix length (RFC 7296 3.15.1).
func heldAddress(a wire.ConfigAttribute) (netip.Addr, bool) {
	switch {
	case a.Type == wire.InternalIP4Address && len(a.Value) == 4:
		return netip.AddrFromSlice(a.Value)
	case a.Type == wire.InternalIP6Address && len(a.Value) == 17:
		return netip.AddrFromSlice(a.Value[:16])
	}
	return netip.Addr{}, false
}

func pick(a netip.Addr, four, six uint16) uint16 {
	if a.Is4() {
		return four
	}
	return six
}
