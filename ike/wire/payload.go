package wire

import "strconv"

// PayloadType is the number of a payload (RFC 7296 3.2).
type PayloadType uint8

// The payloads known here.
const (
	PayloadNone     PayloadType = 0
	PayloadSA       PayloadType = 33
	PayloadKE       PayloadType = 34
	PayloadIDi      PayloadType = 35
	PayloadIDr      PayloadType = 36
	PayloadCERT     PayloadType = 37
	PayloadCERTREQ  PayloadType = 38
	PayloadAUTH     PayloadType = 39
	PayloadNonce    PayloadType = 40
	PayloadNotify   PayloadType = 41
	PayloadDelete   PayloadType = 42
	PayloadVendorID PayloadType = 43
	PayloadTSi      PayloadType = 44
	PayloadTSr      PayloadType = 45
	PayloadSK       PayloadType = 46 // encrypted and authenticated
	PayloadCP       PayloadType = 47
	PayloadEAP      PayloadType = 48
	PayloadSKF      PayloadType = 53 // one fragment (RFC 7383 2.5)
)

// String gives the RFC's notation, or the number.
func (t PayloadType) String() string {
	switch t {
	case PayloadNone:
		return "none"
	case PayloadSA:
		return "SA"
	case PayloadKE:
		return "KE"
	case PayloadIDi:
		return "IDi"
	case PayloadIDr:
		return "IDr"
	case PayloadCERT:
		return "CERT"
	case PayloadCERTREQ:
		return "CERTREQ"
	case PayloadAUTH:
		return "AUTH"
	case PayloadNonce:
		return "Nonce"
	case PayloadNotify:
		return "N"
	case PayloadDelete:
		return "D"
	case PayloadVendorID:
		return "V"
	case PayloadTSi:
		return "TSi"
	case PayloadTSr:
		return "TSr"
	case PayloadSK:
		return "SK"
	case PayloadCP:
		return "CP"
	case PayloadEAP:
		return "EAP"
	case PayloadSKF:
		return "SKF"
	}
	return "payload " + strconv.Itoa(int(t))
}

// Payload is one payload of a message. The concrete types are the pointers to
// the structs of this package.
type Payload interface {
	// Type is the number that the payload before it, or the header, carries.
	Type() PayloadType
	// AppendBody appends everything after the generic payload header.
	AppendBody(b []byte) []byte
}

// Find gives the first payload of a concrete type: Find[*SAPayload](ps).
// Payloads that share a struct (IDi and IDr, TSi and TSr) need FindType.
func Find[T Payload](ps []Payload) (T, bool) {
	for _, p := range ps {
		if t, ok := p.(T); ok {
			return t, true
		}
	}
	var none T
	return none, false
}

// FindType gives the first payload of a concrete type with a payload type:
// FindType[*IDPayload](ps, PayloadIDr).
func FindType[T Payload](ps []Payload, pt PayloadType) (T, bool) {
	for _, p := range ps {
		if t, ok := p.(T); ok && p.Type() == pt {
			return t, true
		}
	}
	var none T
	return none, false
}

// Notify gives the first Notify payload of a type.
func Notify(ps []Payload, t NotifyType) (*NotifyPayload, bool) {
	for _, p := range ps {
		if n, ok := p.(*NotifyPayload); ok && n.NotifyType == t {
			return n, true
		}
	}
	return nil, false
}

// FirstError gives the first Notify payload of an error type.
func FirstError(ps []Payload) (*NotifyPayload, bool) {
	for _, p := range ps {
		if n, ok := p.(*NotifyPayload); ok && n.NotifyType.IsError() {
			return n, true
		}
	}
	return nil, false
}
