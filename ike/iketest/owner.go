package iketest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// take plays the client's owner for one event.
func (p *Pair) take(e ike.Event) {
	p.Trace.Add(p.Now, "client tells %s", eventText(e))
	p.Events = append(p.Events, e)
	if p.Closed != nil {
		p.complain("%T after Closed", e)
	}
	switch e := e.(type) {
	case ike.Established:
		if p.Established != nil {
			p.complain("Established twice")
		}
		p.Established = &e
	case ike.ChildAdded:
		p.added(e)
	case ike.ChildActive:
		p.activated(e)
	case ike.ChildRemoved:
		sa, ok := p.SAs[e.InboundSPI]
		if !ok {
			p.complain("ChildRemoved for %08x, which is not there", e.InboundSPI)
		} else {
			p.linger(sa, e.Linger)
		}
		delete(p.SAs, e.InboundSPI)
	case ike.Closed:
		p.Closed = &e
		clear(p.SAs)
	case ike.NeedVerdict, ike.NeedCertificate, ike.NeedSignature, ike.NeedCredentials, ike.NeedPSK:
		p.answer(e)
	}
}

func (p *Pair) added(e ike.ChildAdded) {
	spi := e.SA.InboundSPI
	if p.Established == nil {
		p.complain("ChildAdded before Established")
	}
	if _, ok := p.SAs[spi]; ok || spi == 0 {
		p.complain("ChildAdded for %08x, which is there or zero", spi)
	}
	if _, ok := p.SAs[e.Replaces]; e.Replaces != 0 && !ok {
		p.complain("ChildAdded replaces %08x, which is not there", e.Replaces)
	}
	e.SA.LocalTS, e.SA.RemoteTS = slices.Clone(e.SA.LocalTS), slices.Clone(e.SA.RemoteTS)
	p.SAs[spi] = &ClientSA{ChildSA: e.SA, Replaces: e.Replaces}
}

func (p *Pair) activated(e ike.ChildActive) {
	if _, ok := p.SAs[e.InboundSPI]; !ok {
		p.complain("ChildActive for %08x, which is not there", e.InboundSPI)
	}
	fresh := p.SAs[e.InboundSPI]
	if fresh == nil {
		return
	}
	// It takes the place of what it replaces, and of what has the same selectors.
	for _, sa := range p.SAs {
		same := slices.Equal(sa.LocalTS, fresh.LocalTS) && slices.Equal(sa.RemoteTS, fresh.RemoteTS)
		if same || fresh.Replaces == sa.InboundSPI {
			sa.Active = false
		}
	}
	p.activations++
	fresh.Active, fresh.since = true, p.activations
}

// answer gives the usual answer to a question, later if AnswerDelay says so.
func (p *Pair) answer(e ike.Event) {
	if p.Answer != nil {
		if c, ok := p.Answer(e); ok {
			if c != nil {
				p.reply(c)
			}
			return
		}
	}
	switch e := e.(type) {
	case ike.NeedVerdict:
		p.reply(ike.Verdict{ID: e.ID, Err: auth.VerifyChain(e.Chain, auth.ChainPolicy{
			Anchors: [][]byte{p.Authority.DER}, Name: GatewayName, Now: p.Now,
		})})
	case ike.NeedCertificate:
		p.reply(ike.Certificates{ID: e.ID, Chain: p.ClientCert.Chain})
	case ike.NeedSignature:
		value, err := auth.Sign(p.ClientCert.Key, e.Scheme, NewRand(e.ID), e.Message)
		p.reply(ike.Signature{ID: e.ID, Value: value, Err: err})
	case ike.NeedCredentials:
		p.reply(ike.Credentials{ID: e.ID, Password: []byte(p.Password)})
	case ike.NeedPSK:
		p.reply(ike.PSK{ID: e.ID, Key: []byte(p.PSK)})
	}
}

// reply gives a command after AnswerDelay. An event is taken apart before the
// next input, as the Session's contract wants it.
func (p *Pair) reply(c ike.Command) {
	p.After(p.AnswerDelay, func() {
		// A candidate that has turned out not to be the gateway takes its questions
		// along, and an answer can be the end of it all.
		var end *ike.Failure
		if err := p.Do(c); err != nil && p.Closed == nil && !errors.Is(err, ike.ErrUnknownQuestion) && !errors.As(err, &end) {
			p.complain("%T was refused: %v", c, err)
		}
	})
}

// active is the client's Child SA for outbound traffic, of several the newest.
func (p *Pair) active() *ClientSA {
	var newest *ClientSA
	for _, sa := range p.SAs {
		if sa.Active && (newest == nil || sa.since > newest.since) {
			newest = sa
		}
	}
	return newest
}

// Active gives the client's Child SA for outbound traffic, of several the one
// that came into use last, nil if there is none.
func (p *Pair) Active() *ClientSA { return p.active() }

// Carriers gives the client's Child SAs for outbound traffic, in the order in
// which they came into use.
func (p *Pair) Carriers() []*ClientSA {
	var out []*ClientSA
	for _, sa := range p.SAs {
		if sa.Active {
			out = append(out, sa)
		}
	}
	slices.SortFunc(out, func(a, b *ClientSA) int { return a.since - b.since })
	return out
}

// Mirrored tells whether both ends hold the same Child SAs: SPIs crossed, the
// same keys from opposite sides, the same suite, mirrored selectors; and
// exactly one active at the client. The error says what differs.
func (p *Pair) Mirrored() error {
	children := p.Gateway.Children()
	if len(children) != len(p.SAs) {
		return fmt.Errorf("the gateway has %d child SAs, the client %d", len(children), len(p.SAs))
	}
	if len(p.SAs) > 0 && p.active() == nil {
		return fmt.Errorf("no child SA is active")
	}
	for _, c := range children {
		if err := p.mirrors(c); err != nil {
			return fmt.Errorf("child SA %08x/%08x: %w", c.OutboundSPI, c.InboundSPI, err)
		}
	}
	return nil
}

// mirrors compares one Child SA of the gateway with the client's.
func (p *Pair) mirrors(c *Child) error {
	sa, ok := p.SAs[c.OutboundSPI]
	switch {
	case !ok:
		return fmt.Errorf("the client has none with this inbound SPI")
	case sa.OutboundSPI != c.InboundSPI:
		return fmt.Errorf("the client's outbound SPI is %08x", sa.OutboundSPI)
	case sa.Initiated == c.Initiated:
		return fmt.Errorf("both ends say Initiated=%v", c.Initiated)
	case sa.Suite.Keyword() != c.Suite.Keyword():
		return fmt.Errorf("suites %q and %q", sa.Suite.Keyword(), c.Suite.Keyword())
	case sa.ESN != (len(c.Suite.ESN) == 1 && c.Suite.ESN[0] == suite.ESNYes):
		return fmt.Errorf("the client says ESN=%v", sa.ESN)
	case !slices.Equal(sa.LocalTS, c.RemoteTS) || !slices.Equal(sa.RemoteTS, c.LocalTS):
		return fmt.Errorf("selectors %v, %v and %v, %v", sa.LocalTS, sa.RemoteTS, c.RemoteTS, c.LocalTS)
	case !sameKeys(sa.Keys, c.Keys):
		return fmt.Errorf("keys differ")
	case bytes.Equal(slices.Concat(c.Keys.InitiatorEncryption, c.Keys.InitiatorIntegrity), slices.Concat(c.Keys.ResponderEncryption, c.Keys.ResponderIntegrity)):
		return fmt.Errorf("both directions have one key")
	}
	return nil
}

// sameKeys compares keys that both ends name after the exchange's sides.
func sameKeys(a, b suite.ChildKeys) bool {
	return len(a.InitiatorEncryption)+len(a.InitiatorIntegrity) > 0 && // NULL has no key
		bytes.Equal(a.InitiatorEncryption, b.InitiatorEncryption) && bytes.Equal(a.InitiatorIntegrity, b.InitiatorIntegrity) &&
		bytes.Equal(a.ResponderEncryption, b.ResponderEncryption) && bytes.Equal(a.ResponderIntegrity, b.ResponderIntegrity)
}

// Steps lists the steps that the client told of.
func (p *Pair) Steps() []ike.StepName {
	var out []ike.StepName
	for _, e := range p.Events {
		if s, ok := e.(ike.Step); ok {
			out = append(out, s.Name)
		}
	}
	return out
}

// Cause is why the client closed: "" where it did not, or where it was told to.
func (p *Pair) Cause() ike.Cause {
	if p.Closed == nil || p.Closed.Failure == nil {
		return ""
	}
	return p.Closed.Failure.Cause
}

// Count tells how many events of a concrete type came.
func Count[E ike.Event](p *Pair) int {
	n := 0
	for _, e := range p.Events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

// eventText names an event without its secrets.
func eventText(e ike.Event) string {
	switch e := e.(type) {
	case ike.Step:
		return "step " + string(e.Name)
	case ike.ChildAdded:
		return fmt.Sprintf("ChildAdded %08x/%08x in place of %08x", e.SA.InboundSPI, e.SA.OutboundSPI, e.Replaces)
	case ike.ChildActive:
		return fmt.Sprintf("ChildActive %08x", e.InboundSPI)
	case ike.ChildRefused:
		return fmt.Sprintf("ChildRefused %v for %v", e.Notify, e.RemoteTS)
	case ike.ChildRemoved:
		return fmt.Sprintf("ChildRemoved %08x, lingers %v", e.InboundSPI, e.Linger)
	case ike.Closed:
		if e.Failure != nil {
			return "Closed: " + e.Failure.Error()
		}
		return "Closed"
	case ike.Established:
		return "Established " + e.Suite.Keyword()
	case ike.IKERekeyed:
		return "IKERekeyed " + e.Suite.Keyword()
	}
	return fmt.Sprintf("%T", e)
}
