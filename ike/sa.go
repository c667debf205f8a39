package ike

import (
	"encoding/binary"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// ikeState says what an IKE SA is for.
type ikeState uint8

const (
	ikeCandidate ikeState = iota // made from an unauthenticated IKE_SA_INIT response
	ikeLive                      // usable: the current one, or one made by the peer's rekey and not yet chosen
	ikeReplaced                  // another has taken over; it answers until it is deleted
	ikeClosing                   // our Delete of it is queued or under way
)

// ikeSA is one IKE SA: its names, keys and window (RFC 7296 1.2, 2.18).
type ikeSA struct {
	id                  uint64 // owner of its timers
	localSPI, remoteSPI wire.SPI
	initiator           bool // we are its original initiator
	suite               suite.Proposal
	keys                *suite.Keys
	protector           *suite.Protector
	fragments           bool // the peer takes SKF payloads (RFC 7383)
	childless           bool // the peer can start without a Child SA (RFC 6023)
	state               ikeState
	window              window
	queue               []exchange
	auth                *authentication // until it is established
	heard               bool            // the peer has sent an authentic message on it
	seenAs              []byte          // where the peer sees us: its NAT_DETECTION_DESTINATION_IP
	nat                 NAT             // of a candidate: what its IKE_SA_INIT response said
	rekeyAt             time.Time       // soft lifetime
	expires             time.Time       // hard lifetime, as of a child
	putOff              postponement    // of its rekey, by the peer
	rekeying            bool            // our rekey of it is queued or under way
	crossing            *ikeCrossing    // the peer's rekey of it, answered while ours was under way
	unfinished          []*unfinished
	syncs               bool // the peer synchronises message IDs (RFC 6311)
	synced              synchronised
}

// exchange is one of our requests: what it says and what its answer means.
type exchange interface {
	kind() wire.ExchangeType
	// build gives the payloads when the window is free; nil: no longer wanted.
	build(s *Session, sa *ikeSA, now time.Time) ([]wire.Payload, error)
	// handle takes the payloads of the authenticated answer.
	handle(s *Session, sa *ikeSA, now time.Time, answer []wire.Payload) error
}

// header is the header of a message of ours (RFC 7296 3.1): SPIs stand in the
// order of the original initiator and responder, whoever sends.
func (sa *ikeSA) header(kind wire.ExchangeType, id uint32, response bool) wire.Header {
	h := wire.Header{
		InitiatorSPI: sa.localSPI, ResponderSPI: sa.remoteSPI,
		Version: wire.Version2, Exchange: kind, MessageID: id,
	}
	if sa.initiator {
		h.Flags |= wire.FlagInitiator
	} else {
		h.InitiatorSPI, h.ResponderSPI = sa.remoteSPI, sa.localSPI
	}
	if response {
		h.Flags |= wire.FlagResponse
	}
	return h
}

// receives says whether a header names this IKE SA as its receiver. A sender
// that is the original initiator says so, and can only be the peer if we are not.
func (sa *ikeSA) receives(h wire.Header) bool {
	if h.Flags.Has(wire.FlagInitiator) == sa.initiator {
		return false
	}
	own := sa.header(h.Exchange, h.MessageID, false)
	return h.InitiatorSPI == own.InitiatorSPI && h.ResponderSPI == own.ResponderSPI
}

// LogValue names an IKE SA in logs: SPIs and algorithms, never keys.
func (sa *ikeSA) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("local", sa.localSPI.String()),
		slog.String("remote", sa.remoteSPI.String()),
		slog.String("suite", sa.suite.Keyword()))
}

// clear wipes the keys.
func (sa *ikeSA) clear() {
	sa.keys.Clear()
	sa.protector.Clear()
	if sa.auth != nil {
		sa.auth.clear()
	}
	for _, u := range sa.unfinished {
		clearSecrets(u.secrets)
	}
	discard(sa.window.exchange)
	for _, e := range sa.queue {
		discard(e)
	}
	sa.queue, sa.window, sa.unfinished = nil, window{}, nil
}

// addSA makes an IKE SA from its negotiated parts and lets it receive.
func (s *Session) addSA(sa *ikeSA) error {
	protector, err := suite.NewProtector(sa.suite, sa.keys, sa.initiator, s.cfg.Rand)
	if err != nil {
		return err
	}
	s.nextID++
	sa.id, sa.protector = s.nextID, protector
	s.sas = append(s.sas, sa)
	return nil
}

// dropSA forgets an IKE SA, its request under way and its timers.
func (s *Session) dropSA(sa *ikeSA) {
	s.takeBack(sa)
	s.sas = slices.DeleteFunc(s.sas, func(other *ikeSA) bool { return other == sa })
	for _, k := range []timerKind{timerRetransmit, timerForgetIKE, timerRekeyIKE, timerFragments, timerUnfinished} {
		s.timers.stop(k, sa.id)
	}
	sa.clear()
	if sa == s.heldFor {
		s.release()
	}
}

// findSA looks up the receiver of a message.
func (s *Session) findSA(h wire.Header) *ikeSA {
	for _, sa := range s.sas {
		if sa.receives(h) {
			return sa
		}
	}
	return nil
}

// saByID looks up the owner of a timer.
func (s *Session) saByID(id uint64) *ikeSA {
	for _, sa := range s.sas {
		if sa.id == id {
			return sa
		}
	}
	return nil
}

// newIKESPI draws an SPI of ours. Its first four octets are never all zero: on
// port 500 a message that begins so could be taken for one behind the non-ESP
// marker, and on 4500 for the marker itself (RFC 3948 2.2).
func (s *Session) newIKESPI() (wire.SPI, error) {
	for range 8 {
		b, err := s.random(8)
		if err != nil {
			return 0, err
		}
		if binary.BigEndian.Uint32(b) == 0 {
			b[0] |= 0x80
		}
		spi := wire.SPI(binary.BigEndian.Uint64(b))
		if !slices.ContainsFunc(s.sas, func(sa *ikeSA) bool { return sa.localSPI == spi }) {
			return spi, nil
		}
	}
	return 0, internal(errRepeatedSPI)
}

// newESPSPI draws an inbound SPI for a Child SA. 1 to 255 are reserved and 0
// never goes out (RFC 4303 2.1).
func (s *Session) newESPSPI() (uint32, error) {
	for range 8 {
		b, err := s.random(4)
		if err != nil {
			return 0, err
		}
		spi := binary.BigEndian.Uint32(b)
		if spi < 256 {
			spi |= 0x80000000
		}
		if s.childByInbound(spi) == nil {
			return spi, nil
		}
	}
	return 0, internal(errRepeatedSPI)
}

// newNonce draws a nonce of 32 octets: at least half the key of every PRF in
// use (RFC 7296 2.10).
func (s *Session) newNonce() ([]byte, error) { return s.random(32) }

func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}
