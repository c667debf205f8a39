package ike

import (
	"encoding/binary"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// A gateway may ask for configuration of ours, or set some, in an INFORMATIONAL
// (RFC 7296 2.19, 2.20, 3.15):
//
//	<-- CP(CFG_REQUEST: APPLICATION_VERSION, ...)   --> CP(CFG_REPLY: APPLICATION_VERSION = "")
//	<-- CP(CFG_SET: ...)                            --> CP(CFG_ACK), in which nothing is accepted
//
// The version stays empty: it would help nobody but who looks for a weak one.
// What is set in this way has no meaning that RFC 7296 gives it, so that the first
// configuration, which the profile was held against, stays what it is.

// answerConfiguration answers every Configuration payload of a request; one of
// another type needs no answer.
func answerConfiguration(ps []wire.Payload) (answer []wire.Payload) {
	const most = 4 // more in one message say nothing new
	for _, p := range ps {
		cp, ok := p.(*wire.CPPayload)
		if !ok || len(answer) == most {
			continue
		}
		switch cp.CFGType {
		case wire.CFGRequest:
			answer = append(answer, configReply(cp))
		case wire.CFGSet:
			answer = append(answer, &wire.CPPayload{CFGType: wire.CFGAck})
		}
	}
	return answer
}

// configReply answers what is known here; attributes that are not are left out
// (RFC 7296 3.15.1).
func configReply(request *wire.CPPayload) *wire.CPPayload {
	reply := &wire.CPPayload{CFGType: wire.CFGReply}
	var version, supported bool
	for _, a := range request.Attributes {
		switch {
		case a.Type == wire.ApplicationVersion && !version:
			version = true
			reply.Attributes = append(reply.Attributes, wire.ConfigAttribute{Type: a.Type})
		case a.Type == wire.SupportedAttributes && !supported:
			supported = true
			known := binary.BigEndian.AppendUint16(nil, wire.ApplicationVersion)
			reply.Attributes = append(reply.Attributes, wire.ConfigAttribute{
				Type: a.Type, Value: binary.BigEndian.AppendUint16(known, wire.SupportedAttributes),
			})
		}
	}
	return reply
}
