package eap

import (
	"encoding/binary"
)

// The packets in which PEAP speaks for itself, inside its tunnel: the EAP TLV
// Extensions Method (MS-PEAP 2.2.8.1), a list of type, length and value.

const (
	tlvMandatoryFlag = 0x8000
	tlvTypeMask      = 0x3fff

	tlvResult        = 3
	tlvNak           = 4
	tlvCryptoBinding = 12

	resultSuccess = 1
	resultFailure = 2

	// maxTLVs bounds one packet; servers send two.
	maxTLVs = 16
)

// extensions is what a packet of the server's says.
type extensions struct {
	result  uint16 // resultSuccess, resultFailure, or 0: no Result TLV
	binding []byte // the whole Crypto-Binding TLV with its header, nil: none; borrowed
	refused uint16 // a mandatory TLV that is not known, 0: none
}

// parseExtensions reads the TLVs. They come in any order (MS-PEAP 2.2.8.1), each
// at most once; an optional one that is not known is passed over.
func parseExtensions(b []byte) (extensions, error) {
	var e extensions
	for count := 0; len(b) > 0; count++ {
		if count == maxTLVs {
			return extensions{}, malformed("more TLVs than any server needs")
		}
		if len(b) < 4 {
			return extensions{}, malformed("TLV cut short")
		}
		head, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return extensions{}, malformed("TLV length outside the packet")
		}
		if err := e.take(head, b[:4+n]); err != nil {
			return extensions{}, err
		}
		b = b[4+n:]
	}
	return e, nil
}

func (e *extensions) take(head uint16, whole []byte) error {
	switch kind := head & tlvTypeMask; {
	case kind == tlvResult:
		if len(whole) != 4+2 || e.result != 0 {
			return malformed("a Result TLV of another size, or a second one")
		}
		e.result = binary.BigEndian.Uint16(whole[4:])
		if e.result != resultSuccess && e.result != resultFailure {
			return malformed("a result that is neither success nor failure")
		}
	case kind == tlvCryptoBinding:
		if len(whole) != bindingSize || e.binding != nil {
			return malformed("a Crypto-Binding TLV of another size, or a second one")
		}
		e.binding = whole
	case head&tlvMandatoryFlag != 0 && e.refused == 0:
		e.refused = kind
	}
	return nil
}

// appendResult adds a Result TLV (MS-PEAP 2.2.8.1.2).
func appendResult(out []byte, result uint16) []byte {
	out = binary.BigEndian.AppendUint16(out, tlvMandatoryFlag|tlvResult)
	out = binary.BigEndian.AppendUint16(out, 2)
	return binary.BigEndian.AppendUint16(out, result)
}

// appendTLVNak adds a NAK TLV for a TLV of no vendor.
func appendTLVNak(out []byte, refused uint16) []byte {
	out = binary.BigEndian.AppendUint16(out, tlvMandatoryFlag|tlvNak)
	out = binary.BigEndian.AppendUint16(out, 4+2)
	out = binary.BigEndian.AppendUint32(out, 0)
	return binary.BigEndian.AppendUint16(out, refused)
}
