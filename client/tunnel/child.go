package tunnel

import (
	"fmt"
	"net/netip"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// carrier is what the line keeps of a Child SA for when traffic moves to it.
type carrier struct {
	remote []wire.TrafficSelector
	suite  string
	esn    bool
}

// install turns a negotiated Child SA into a pair of ESP SAs in the plane.
// The pair keeps its own copy of the keys; the event's are cleared.
func (l *line) install(s *strand, sa ike.ChildSA) error {
	defer sa.Keys.Clear()
	base, err := espSuite(sa.Suite)
	if err != nil {
		return err
	}
	base.ESN = sa.ESN
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

// espSuite maps IANA's transform numbers to the ciphers of package esp, which
// knows nothing of IKE.
func espSuite(p suite.Proposal) (esp.Config, error) {
	var cfg esp.Config
	if len(p.Encryption) != 1 {
		return cfg, fmt.Errorf("tunnel: an ESP suite with %d ciphers", len(p.Encryption))
	}
	switch id := p.Encryption[0].ID; id {
	case suite.ENCR_AES_GCM_16:
		cfg.Cipher = esp.AESGCM16
	case suite.ENCR_CHACHA20_POLY1305:
		cfg.Cipher = esp.ChaCha20Poly1305
	case suite.ENCR_AES_CBC:
		cfg.Cipher = esp.AESCBC
	default:
		return cfg, fmt.Errorf("tunnel: no ESP cipher for transform %d", id)
	}
	if len(p.Integrity) == 0 {
		return cfg, nil
	}
	switch id := p.Integrity[0]; id {
	case suite.AUTH_HMAC_SHA2_256_128:
		cfg.Integrity = esp.HMACSHA256_128
	case suite.AUTH_HMAC_SHA2_384_192:
		cfg.Integrity = esp.HMACSHA384_192
	case suite.AUTH_HMAC_SHA2_512_256:
		cfg.Integrity = esp.HMACSHA512_256
	default:
		return cfg, fmt.Errorf("tunnel: no ESP integrity for transform %d", id)
	}
	return cfg, nil
}

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
