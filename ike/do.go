package ike

import (
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Do takes a command or an answer of the owner. It returns one of the Err
// values when the command does not fit the state, or the *Failure that it led to.
// The password and the key in an answer are wiped before the return.
func (s *Session) Do(now time.Time, c Command) error {
	err := s.perform(now, c)
	if s.phase == phaseIdle || s.phase == phaseClosed {
		return err
	}
	return s.conclude(now, err)
}

// perform sorts the commands.
func (s *Session) perform(now time.Time, c Command) error {
	defer wipe(c)
	if s.phase == phaseClosed {
		return ErrClosed
	}
	switch c := c.(type) {
	case Connect:
		if s.phase != phaseIdle {
			return ErrStarted
		}
		return s.connect(now)
	case Delete:
		s.deleteSession(now)
		return nil
	case Verdict:
		return withAnswer(s, c.ID, questionVerdict, func(a *authentication) error {
			return s.doubt(now, a.sa, a.takeVerdict(s, now, c))
		})
	case Signature:
		return withAnswer(s, c.ID, questionSignature, func(a *authentication) error { return a.takeSignature(s, c) })
	case Certificates:
		return withAnswer(s, c.ID, questionCertificate, func(a *authentication) error { return a.takeCertificates(s, now, c) })
	case Credentials:
		return withAnswer(s, c.ID, questionCredentials, func(a *authentication) error { return a.takeCredentials(s, c) })
	case PSK:
		return withAnswer(s, c.ID, questionPSK, func(a *authentication) error { return a.takePSK(s, c) })
	}
	if s.phase != phaseEstablished {
		return ErrNotEstablished
	}
	return s.maintain(now, c)
}

// maintain performs the commands that want an established Session.
func (s *Session) maintain(now time.Time, c Command) error {
	switch c := c.(type) {
	case RekeyIKE:
		return s.startIKERekey(s.current.id)
	case RekeyChild:
		if old := s.childByInbound(c.InboundSPI); old == nil || old.state != childLive {
			return ErrUnknownSA
		}
		return s.startChildRekey(c.InboundSPI)
	case DeleteChild:
		return s.deleteUnwanted(c.InboundSPI)
	case CreateChild:
		return s.createMore(c)
	case CheckLiveness:
		if c.Urgent {
			return s.hurry(now)
		}
		s.askLiveness()
		return nil
	case Unreachable:
		s.suspect(now)
		return nil
	case Move:
		return s.move(now, c)
	case Addresses:
		s.setAddresses(c)
		return nil
	case NoPath:
		s.pause()
		return nil
	case InboundTraffic:
		s.lastHeard = now
		return nil
	case OutboundTraffic:
		s.noteSent(now, c.At)
		return nil
	case CheckPath:
		return s.checkPath(c.Size)
	default:
		return fmt.Errorf("ike: unknown command %T", c)
	}
}

// withAnswer hands an answer to the handshake that asked for it.
func withAnswer(s *Session, id uint64, kind questionKind, f func(*authentication) error) error {
	a, err := s.answered(id, kind)
	if err != nil {
		return err
	}
	return f(a)
}

// wipe clears the secret in an answer.
func wipe(c Command) {
	switch c := c.(type) {
	case Credentials:
		suite.Secret(c.Password).Clear()
		suite.Secret(c.New).Clear()
	case PSK:
		suite.Secret(c.Key).Clear()
	}
}

// deleteSession ends the Session on the owner's wish. Before the IKE SA stands
// there is nothing to delete, but a gateway that may hold it already, because
// only our verdict is missing, gets one Delete without waiting.
func (s *Session) deleteSession(now time.Time) {
	if s.phase != phaseEstablished {
		for _, sa := range s.sas {
			if sa.auth != nil && sa.auth.rest != nil && sa.window.request == nil {
				s.sendOnce(sa, []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}})
			}
		}
		if s.phase != phaseClosing {
			s.finish(nil)
		}
		return
	}
	s.close(now, nil)
}
