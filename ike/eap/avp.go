package eap

import (
	"encoding/binary"
	"slices"
)

// Attribute-value pairs are what travels inside the tunnel of TTLS (RFC 5281
// 10.1). They have the form of Diameter: code, flags with the length of all but
// the padding, a vendor where the flags say so, data, and zeros up to a multiple
// of four octets.

const (
	avpVendorFlag    = 0x80 // a vendor's own code
	avpMandatoryFlag = 0x40 // who does not know the code must give up

	avpHeader       = 8
	avpVendorHeader = 12
	// maxAVPs bounds one message; no server needs more than a handful.
	maxAVPs = 64
)

// avpCode names an attribute: a code of RADIUS, or of a vendor's list.
type avpCode struct{ vendor, code uint32 }

const vendorMicrosoft = 311

// The attributes that are sent or understood (RFC 2865, RFC 3579, RFC 2548).
var (
	avpUserName      = avpCode{code: 1}
	avpUserPassword  = avpCode{code: 2}
	avpCHAPPassword  = avpCode{code: 3}
	avpReplyMessage  = avpCode{code: 18}
	avpCHAPChallenge = avpCode{code: 60}
	avpEAPMessage    = avpCode{code: 79}

	avpMSCHAPResponse  = avpCode{vendor: vendorMicrosoft, code: 1}
	avpMSCHAPError     = avpCode{vendor: vendorMicrosoft, code: 2}
	avpMSCHAPNTEncPW   = avpCode{vendor: vendorMicrosoft, code: 6}
	avpMSCHAPChallenge = avpCode{vendor: vendorMicrosoft, code: 11}
	avpMSCHAP2Response = avpCode{vendor: vendorMicrosoft, code: 25}
	avpMSCHAP2Success  = avpCode{vendor: vendorMicrosoft, code: 26}
	avpMSCHAP2CPW      = avpCode{vendor: vendorMicrosoft, code: 27}
)

// avp is one attribute.
type avp struct {
	avpCode
	mandatory bool
	data      []byte // borrowed where it was parsed
}

// parseAVPs reads a message of the tunnel. The padding behind the last attribute
// may be missing, as some servers leave it out.
func parseAVPs(b []byte) ([]avp, error) {
	var out []avp
	for len(b) > 0 {
		if len(out) == maxAVPs {
			return nil, malformed("more attributes than any server needs")
		}
		a, rest, err := parseAVP(b)
		if err != nil {
			return nil, err
		}
		out, b = append(out, a), rest
	}
	return out, nil
}

func parseAVP(b []byte) (avp, []byte, error) {
	if len(b) < avpHeader {
		return avp{}, nil, malformed("attribute cut short")
	}
	flags := b[4]
	n := int(b[5])<<16 | int(b[6])<<8 | int(b[7])
	a := avp{avpCode: avpCode{code: binary.BigEndian.Uint32(b)}, mandatory: flags&avpMandatoryFlag != 0}
	header := avpHeader
	if flags&avpVendorFlag != 0 {
		header = avpVendorHeader
	}
	if n < header || n > len(b) {
		return avp{}, nil, malformed("attribute length outside the message")
	}
	if header == avpVendorHeader {
		a.vendor = binary.BigEndian.Uint32(b[avpHeader:])
	}
	a.data = b[header:n]
	return a, b[min(n+padding(n), len(b)):], nil
}

func padding(n int) int { return -n & 3 }

// appendAVP adds an attribute that the server must know: it is part of signing in.
func appendAVP(out []byte, code avpCode, data []byte) []byte {
	flags, header := byte(avpMandatoryFlag), avpHeader
	if code.vendor != 0 {
		flags, header = flags|avpVendorFlag, avpVendorHeader
	}
	n := header + len(data)
	out = slices.Grow(out, n+padding(n))
	out = binary.BigEndian.AppendUint32(out, code.code)
	out = append(out, flags, byte(n>>16), byte(n>>8), byte(n))
	if code.vendor != 0 {
		out = binary.BigEndian.AppendUint32(out, code.vendor)
	}
	out = append(out, data...)
	return append(out, make([]byte, padding(n))...)
}

// joinAVPs puts the data of all attributes with a code together, as a long EAP
// packet may come in parts (RFC 3579 3.1). found is false where there is none.
func joinAVPs(list []avp, code avpCode) (data []byte, found bool) {
	for _, a := range list {
		if a.avpCode == code {
			data, found = append(data, a.data...), true
		}
	}
	return data, found
}

// understood refuses a message with a mandatory attribute that is not known
// (RFC 5281 10.1). The server has authenticated itself by then, so that this
// ends the conversation.
func understood(list []avp) error {
	for _, a := range list {
		switch a.avpCode {
		case avpReplyMessage, avpEAPMessage, avpMSCHAPError, avpMSCHAP2Success:
		default:
			if a.mandatory {
				return &Error{Kind: Malformed, Fatal: true, Method: TypeTTLS, Err: reason("a mandatory attribute that is not known")}
			}
		}
	}
	return nil
}
