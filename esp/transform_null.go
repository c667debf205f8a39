package esp

import "fmt"

// nullTransform authenticates and does not encrypt (RFC 2410). It has no IV.
type nullTransform struct {
	authenticator
}

func newNull(c *Config) (*nullTransform, error) {
	if len(c.Key) != 0 {
		return nil, fmt.Errorf("%w: %v key of %d octets", ErrConfig, c.Cipher, len(c.Key))
	}
	// RFC 4303 3.2: without encryption there must be integrity.
	auth, err := newAuthenticator(c)
	if err != nil {
		return nil, err
	}
	return &nullTransform{authenticator: auth}, nil
}

func (t *nullTransform) sizes() (iv, icv, block int) { return 0, t.icvLen, wordBlock }

func (t *nullTransform) seal(b []byte, seq uint64) []byte {
	return append(b, t.icv(b, seq)...)
}

func (t *nullTransform) open(b []byte, seq uint64) ([]byte, bool) {
	b, ok := t.verify(b, seq)
	if !ok {
		return nil, false
	}
	return b[spiSeqLen:], true
}
