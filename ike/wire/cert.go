package wire

// CertX509Signature is the encoding of one DER certificate (RFC 7296 3.6).
const CertX509Signature uint8 = 4

// CertHashAndURL is the encoding of a hash and a URL (RFC 7296 3.6). It is
// only named here: Homeward fetches nothing before a tunnel stands.
const CertHashAndURL uint8 = 12

// CertOCSPContent is the encoding of an OCSP response, and in CERTREQ of a list of
// responders (RFC 4806 3.1, 3.2).
const CertOCSPContent uint8 = 14

// CertPayload is a certificate, or something like it (RFC 7296 3.6).
type CertPayload struct {
	Encoding uint8
	Data     []byte
}

// Type implements Payload.
func (*CertPayload) Type() PayloadType { return PayloadCERT }

// AppendBody implements Payload.
func (p *CertPayload) AppendBody(b []byte) []byte {
	return append(append(b, p.Encoding), p.Data...)
}

func parseCert(b []byte) (*CertPayload, error) {
	if len(b) < 1 {
		return nil, malformed(PayloadCERT, "too short")
	}
	return &CertPayload{Encoding: b[0], Data: b[1:]}, nil
}

// CertReqPayload names the trust anchors of its sender (RFC 7296 3.7). For
// X.509 and OCSP, Data is a row of 20-octet SHA-1 hashes.
type CertReqPayload struct {
	Encoding uint8
	Data     []byte
}

// Type implements Payload.
func (*CertReqPayload) Type() PayloadType { return PayloadCERTREQ }

// AppendBody implements Payload.
func (p *CertReqPayload) AppendBody(b []byte) []byte {
	return append(append(b, p.Encoding), p.Data...)
}

func parseCertReq(b []byte) (*CertReqPayload, error) {
	if len(b) < 1 {
		return nil, malformed(PayloadCERTREQ, "too short")
	}
	return &CertReqPayload{Encoding: b[0], Data: b[1:]}, nil
}
