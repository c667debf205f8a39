package wire

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// HeaderLen is the length of the IKE header (RFC 7296 3.1).
const HeaderLen = 28

// MaxMessageLen is the longest message that is parsed: what a UDP datagram of
// any path can carry.
const MaxMessageLen = 65535

// Version2 is the version octet that is sent: major 2, minor 0.
const Version2 uint8 = 0x20

// SPI names one end of an IKE SA (RFC 7296 2.6). Zero: not chosen yet.
type SPI uint64

// String gives 16 hexadecimal digits.
func (s SPI) String() string { return fmt.Sprintf("%016x", uint64(s)) }

// ExchangeType says which exchange a message belongs to (RFC 7296 3.1).
type ExchangeType uint8

// The exchanges of a client (RFC 7296 1.2 to 1.4, and what came after it).
const (
	ExchangeIKESAInit     ExchangeType = 34
	ExchangeIKEAuth       ExchangeType = 35
	ExchangeCreateChildSA ExchangeType = 36
	ExchangeInformational ExchangeType = 37
	ExchangeIntermediate  ExchangeType = 43 // RFC 9242
	ExchangeFollowupKE    ExchangeType = 44 // RFC 9370
)

// String gives the name of the RFC, or the number.
func (t ExchangeType) String() string {
	switch t {
	case ExchangeIKESAInit:
		return "IKE_SA_INIT"
	case ExchangeIKEAuth:
		return "IKE_AUTH"
	case ExchangeCreateChildSA:
		return "CREATE_CHILD_SA"
	case ExchangeInformational:
		return "INFORMATIONAL"
	case ExchangeIntermediate:
		return "IKE_INTERMEDIATE"
	case ExchangeFollowupKE:
		return "IKE_FOLLOWUP_KE"
	}
	return "exchange " + strconv.Itoa(int(t))
}

// Flags is the flags octet of the header; other bits are ignored on receipt
// and sent as given (RFC 7296 3.1).
type Flags uint8

// The flags that IKEv2 defines.
const (
	FlagInitiator Flags = 0x08 // the sender is the original initiator of the IKE SA
	FlagVersion   Flags = 0x10 // the sender knows a higher major version; sent as zero
	FlagResponse  Flags = 0x20 // this message answers a request
)

// Has tells whether all bits of o are set.
func (f Flags) Has(o Flags) bool { return f&o == o }

// Header is the IKE header (RFC 7296 3.1).
type Header struct {
	InitiatorSPI, ResponderSPI SPI
	NextPayload                PayloadType
	Version                    uint8 // major in the high four bits
	Exchange                   ExchangeType
	Flags                      Flags
	MessageID                  uint32
	Length                     uint32 // of the whole message in octets
}

// Response tells whether the message answers a request.
func (h Header) Response() bool { return h.Flags.Has(FlagResponse) }

// AppendTo appends the 28 octets of the header as they stand in h.
func (h Header) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.InitiatorSPI))
	b = binary.BigEndian.AppendUint64(b, uint64(h.ResponderSPI))
	b = append(b, byte(h.NextPayload), h.Version, byte(h.Exchange), byte(h.Flags))
	b = binary.BigEndian.AppendUint32(b, h.MessageID)
	return binary.BigEndian.AppendUint32(b, h.Length)
}

// ParseHeader reads the header of the whole message b. The length field must
// equal len(b) and the major version must be 2; the minor version is ignored
// (RFC 7296 2.5). Errors are *SyntaxError or *VersionError.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, malformed(PayloadNone, "shorter than a header")
	}
	h := Header{
		InitiatorSPI: SPI(binary.BigEndian.Uint64(b)),
		ResponderSPI: SPI(binary.BigEndian.Uint64(b[8:])),
		NextPayload:  PayloadType(b[16]),
		Version:      b[17],
		Exchange:     ExchangeType(b[18]),
		Flags:        Flags(b[19]),
		MessageID:    binary.BigEndian.Uint32(b[20:]),
		Length:       binary.BigEndian.Uint32(b[24:]),
	}
	if h.Version>>4 != Version2>>4 {
		return h, &VersionError{Major: h.Version >> 4, Minor: h.Version & 0x0f}
	}
	if len(b) > MaxMessageLen {
		return h, malformed(PayloadNone, "longer than 65535 octets")
	}
	if uint64(h.Length) != uint64(len(b)) {
		return h, malformed(PayloadNone, "length field differs from the datagram")
	}
	return h, nil
}
