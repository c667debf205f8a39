package iketest

import "bytes"

// Hostile names what a gateway's EAP server does against the rules. Each goes on until
// the client has had enough.
type Hostile string

// The misbehaviours.
const (
	EarlySuccess    Hostile = "success before any method"
	UnprovenSuccess Hostile = "success in place of the server's proof"
	WrongProof      Hostile = "a proof by another password"
	HugeIdentities  Hostile = "identity requests of 64 KB without end"
	EndlessNotices  Hostile = "notifications without end"
	EndlessRetries  Hostile = "another password without end"
	EndlessPrompts  Hostile = "prompts without end"
	EndlessMethods  Hostile = "one refused method after the other"
	SecondMethod    Hostile = "another method after the first began"
	OneIdentifier   Hostile = "one identifier for different requests"
	OneRequest      Hostile = "the same request without end"
)

// abuse gives the packet of a misbehaviour in answer to a response; nil: the honest one.
func (s *eapServer) abuse(kind uint8, data []byte) []byte {
	s.more.hostility++
	answeredChallenge := kind == eapMSCHAPv2 && len(data) > 1 && data[0] == opResponse
	switch s.more.Hostile {
	case EarlySuccess:
		return s.end(eapSuccess)
	case UnprovenSuccess:
		if answeredChallenge {
			return s.end(eapSuccess)
		}
	case WrongProof:
		if answeredChallenge {
			return s.request(eapMSCHAPv2, s.operation(opSuccess, []byte("S="+string(bytes.Repeat([]byte("A"), 40))+" M=Welcome")))
		}
	case HugeIdentities:
		return s.request(eapIdentity, bytes.Repeat([]byte{'x'}, 60000))
	case EndlessNotices:
		return s.request(eapNotification, []byte("again"))
	case EndlessPrompts:
		return s.request(s.methods[0], []byte{'?', byte('a' + s.more.hostility%20)})
	case EndlessMethods:
		return s.request(uint8(100+s.more.hostility%50), []byte{1})
	case SecondMethod:
		if answeredChallenge {
			return s.request(eapGTC, []byte("Password: "))
		}
	case OneIdentifier:
		s.id--
		return s.request(eapNotification, []byte{'a', byte('a' + s.more.hostility%20)})
	case OneRequest:
		s.id--
		return s.request(eapIdentity, nil)
	}
	return nil
}
