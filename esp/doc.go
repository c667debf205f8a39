// Package esp is one direction of an ESP security association in tunnel mode
// (RFC 4303): it seals inner IP packets and opens ESP packets, in place.
//
// It owns the packet format, sequence numbers (32-bit and extended), the
// replay window, padding, and the check of inner packets against the traffic
// selectors. It never reads a clock, a socket or a device, never starts a
// goroutine and never negotiates: keys and selectors come in through Config.
// esp/dataplane calls it for every packet, client/tunnel makes the SAs.
//
// Nothing here allocates per packet. An Outbound or Inbound keeps scratch
// space, so each must be used by one goroutine at a time; Outbound.Reserve is
// the exception and may be called from several.
package esp
