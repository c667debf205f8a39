package tunnel

import (
	"fmt"
	"net/netip"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// install turns a negotiated Child SA into a pair of ESP SAs in the plane.
// The pair keeps its own copy of the keys; the event's are cleared.
func (l *line) install(s *strand, sa ike.ChildSA) error {
	defer sa.Keys.Clear()
	base, err := espSuite(sa.Suite)
	if err != nil {
		return err
	}
	base.ESN = sa.ESN
	if base.Soft, base.Hard, err = lifetimes(&l.cfg.Profile.Child); err != nil {
		return err
	}
	outEnc, outInteg := sa.Keys.InitiatorEncryption, sa.Keys.InitiatorIntegrity
	inEnc, inInteg := sa.Keys.ResponderEncryption, sa.Keys.ResponderIntegrity
	if !sa.Initiated {
		outEnc, outInteg, inEnc, inInteg = inEnc, inInteg, outEnc, outInteg
	}
	ours, theirs := selectors(ownTraffic(sa.LocalTS, s.given.Addresses)), selectors(sa.RemoteTS)

	in := base
	in.SPI, in.Key, in.IntegrityKey = sa.InboundSPI, inEnc, inInteg
	in.Source, in.Destination = theirs, ours
	inbound, err := esp.NewInbound(in)
	if err != nil {
		return fmt.Errorf("tunnel: inbound SA: %w", err)
	}
	out := base
	out.SPI, out.Key, out.IntegrityKey = sa.OutboundSPI, outEnc, outInteg
	out.Source, out.Destination = ours, theirs
	outbound, err := esp.NewOutbound(out)
	if err != nil {
		inbound.Clear()
		return fmt.Errorf("tunnel: outbound SA: %w", err)
	}
	return l.plane.AddSA(inbound, outbound)
}

// espSuite says to package esp, which knows nothing of IKE, what was negotiated.
func espSuite(p suite.Proposal) (esp.Config, error) {
	var cfg esp.Config
	if len(p.Encryption) != 1 {
		return cfg, fmt.Errorf("tunnel: an ESP suite with %d ciphers", len(p.Encryption))
	}
	var ok bool
	if cfg.Cipher, ok = espCiphers[p.Encryption[0].ID]; !ok {
		return cfg, fmt.Errorf("tunnel: no ESP cipher for %s", suite.Describe(p))
	}
	if len(p.Integrity) == 0 {
		return cfg, nil
	}
	if cfg.Integrity, ok = espIntegrities[p.Integrity[0]]; !ok {
		return cfg, fmt.Errorf("tunnel: no ESP integrity for %s", suite.Describe(p))
	}
	return cfg, nil
}

// espCiphers and espIntegrities are IANA's transform numbers in package esp's
// terms.
var (
	espCiphers = map[uint16]esp.Cipher{
		suite.ENCR_AES_GCM_16:         esp.AESGCM16,
		suite.ENCR_AES_GCM_12:         esp.AESGCM12,
		suite.ENCR_AES_GCM_8:          esp.AESGCM8,
		suite.ENCR_CHACHA20_POLY1305:  esp.ChaCha20Poly1305,
		suite.ENCR_AES_CCM_16:         esp.AESCCM16,
		suite.ENCR_AES_CCM_12:         esp.AESCCM12,
		suite.ENCR_AES_CCM_8:          esp.AESCCM8,
		suite.ENCR_AES_CBC:            esp.AESCBC,
		suite.ENCR_AES_CTR:            esp.AESCTR,
		suite.ENCR_3DES:               esp.TripleDES,
		suite.ENCR_NULL_AUTH_AES_GMAC: esp.AESGMAC,
		suite.ENCR_NULL:               esp.Null,
	}
	espIntegrities = map[uint16]esp.Integrity{
		suite.AUTH_HMAC_SHA2_256_128: esp.HMACSHA256_128,
		suite.AUTH_HMAC_SHA2_384_192: esp.HMACSHA384_192,
		suite.AUTH_HMAC_SHA2_512_256: esp.HMACSHA512_256,
		suite.AUTH_AES_XCBC_96:       esp.AESXCBC_96,
		suite.AUTH_AES_CMAC_96:       esp.AESCMAC_96,
		suite.AUTH_HMAC_SHA1_96:      esp.HMACSHA1_96,
	}
)

// ownTraffic cuts selectors of our side down to the addresses that we were given.
// Some gateways leave them as wide as they were asked for, and would be able to
// send to every address of this machine, and be sent what other addresses of it
// have to say. Without an address among them they stay as they are.
func ownTraffic(ts []wire.TrafficSelector, addresses []netip.Prefix) []wire.TrafficSelector {
	var own []wire.TrafficSelector
	for _, t := range ts {
		for _, p := range addresses {
			a := p.Addr().Unmap()
			host := t
			host.Start, host.End = a, a
			if t.Contains(host) {
				own = append(own, host)
			}
		}
	}
	if own == nil {
		return ts
	}
	return own
}

func selectors(ts []wire.TrafficSelector) []esp.Selector {
	out := make([]esp.Selector, 0, len(ts))
	for _, t := range ts {
		out = append(out, esp.Selector{
			Protocol:  t.Protocol,
			Start:     t.Start,
			End:       t.End,
			StartPort: t.StartPort,
			EndPort:   t.EndPort,
		})
	}
	return out
}
