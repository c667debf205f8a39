package eap

import "encoding/binary"

// Inside the tunnel of PEAPv0, EAP packets travel without code, identifier and
// length; those of the packet outside hold for them. PEAP's own packets keep theirs:
// the TLV extensions and Microsoft's two of the expanded type (MS-PEAP 3.1.5.6).

// typeExtensions is PEAP's own, inside the tunnel only.
const typeExtensions uint8 = 33

// Microsoft's types, behind 254 and the vendor.
const (
	msSoH          = 33 // statement of health (MS-PEAP 2.2.8.2)
	msCapabilities = 34 // capabilities negotiation (MS-PEAP 2.2.8.3)
	msHeader       = 7  // vendor and type
)

// fullPeapPacket says whether a packet from the tunnel has its header. Servers also
// send the inner Identity request with it, and end with a Success or a Failure that
// has no business there.
func fullPeapPacket(b []byte) bool {
	if len(b) < 4 || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return false
	}
	switch b[0] {
	case codeRequest:
		return len(b) == 5 && b[4] == TypeIdentity || len(b) > 5 && (b[4] == typeExtensions || b[4] == typeExpanded)
	case codeSuccess, codeFailure:
		return len(b) == 4
	}
	return false
}

// expandInner gives a packet from the tunnel its header, with the identifier of
// the packet outside.
func expandInner(id byte, b []byte) []byte {
	if len(b) == 0 || fullPeapPacket(b) {
		return b
	}
	return marshal(codeRequest, id, b[0], b[1:])
}

// compressInner takes the header from a response of the conversation inside.
func compressInner(response []byte) []byte { return response[4:] }

// microsoftType gives Microsoft's type of a packet with the expanded type; 0: it is
// none of theirs.
func microsoftType(pkt packet) uint32 {
	if pkt.kind != typeExpanded || len(pkt.data) < msHeader || binary.BigEndian.Uint32(append([]byte{0}, pkt.data[:3]...)) != vendorMicrosoft {
		return 0
	}
	return binary.BigEndian.Uint32(pkt.data[3:])
}

// capabilities answers the server's with ours: packets inside the tunnel may come
// in fragments (MS-PEAP 2.2.8.3).
func capabilities(id byte) []byte {
	const fragments = 1
	data := []byte{0, vendorMicrosoft >> 8, vendorMicrosoft & 0xff}
	data = binary.BigEndian.AppendUint32(data, msCapabilities)
	data = binary.BigEndian.AppendUint32(data, fragments)
	return marshal(codeResponse, id, typeExpanded, data)
}
