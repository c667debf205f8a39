package wire

// VendorIDPayload names an implementation (RFC 7296 3.12).
type VendorIDPayload struct{ Data []byte }

// Type implements Payload.
func (*VendorIDPayload) Type() PayloadType { return PayloadVendorID }

// AppendBody implements Payload.
func (p *VendorIDPayload) AppendBody(b []byte) []byte { return append(b, p.Data...) }
