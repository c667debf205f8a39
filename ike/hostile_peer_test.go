package ike

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// What an authenticated gateway, or somebody who has recorded one, may cost.

// RFC 7296 2.4: the gateway's last request, sent again by whoever has seen it,
// is answered again and keeps no dead line alive.
func TestReplayIsNoSignOfLife(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Liveness = time.Minute
	p := established(t, cfg)
	recorded := p.seal(wire.ExchangeInformational, 0, false)
	if err := p.deliver(recorded); err != nil {
		t.Fatal(err)
	}
	answer := p.last()
	for range 12 { // two minutes
		if err := p.deliver(recorded); err != nil {
			t.Fatal(err)
		}
		if string(p.last().Data) != string(answer.Data) {
			t.Fatal("the repetition got another answer")
		}
		before := len(p.sent)
		if err := p.pass(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if len(p.sent) > before {
			break
		}
	}
	h, _ := wire.ParseHeader(p.last().Data)
	if h.Response() || p.now.Sub(epoch) > 70*time.Second {
		t.Errorf("after %v of replays we have sent %+v, want a request of ours", p.now.Sub(epoch), h)
	}
}

// A gateway that rekeys without a pause, and deletes nothing of the old, gets
// TEMPORARY_FAILURE once its allowance is used up.
func TestRekeyStorm(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	old, served := p.childSPI, 0
	const pause, rounds = 50 * time.Millisecond, 600
	for i := range rounds {
		fresh := uint32(0x1000 + i)
		answer, err := p.ask(wire.ExchangeCreateChildSA, p.rekeyRequest(old, fresh, p.octets(32))...)
		if _, ok := wire.Find[*wire.SAPayload](answer); ok {
			old, served = fresh, served+1
		} else {
			wantTold(t, err, wire.NotifyTemporaryFailure)
		}
		if i == peerRekeyBurst-1 && served != peerRekeyBurst {
			t.Fatalf("%d of %d rekeys at once are served", served, peerRekeyBurst)
		}
		if err := p.pass(pause); err != nil {
			t.Fatal(err)
		}
	}
	if most := peerRekeyBurst + int(rounds*pause/peerRekeyEvery); served > most || len(p.s.children) > most+1 {
		t.Errorf("%d of %d rekeys served, %d Child SAs; want at most %d", served, rounds, len(p.s.children), most)
	}
}

// A rekey that is refused again and again ends the Session before the SA is
// older than its lifetime, however short that is, and not at the first refusal.
func TestRefusedRekeyEndsWithLifetime(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		for name, set := range map[string]func(*Config){
			"child sa": func(c *Config) { c.ChildLifetime, c.IKELifetime = lifetime, 100*lifetime },
			"ike sa":   func(c *Config) { c.ChildLifetime, c.IKELifetime = 100*lifetime, lifetime },
		} {
			cfg := scriptConfig(1)
			set(&cfg)
			p := established(t, cfg)
			refused := 0
			var err error
			for err == nil {
				if err = p.pass(p.s.NextTimeout().Sub(p.now)); err != nil {
					break
				}
				if err = p.reply(errorNotify(wire.NotifyTemporaryFailure, nil)); err == nil {
					refused++
				}
			}
			age := p.now.Sub(epoch)
			wantFatal(t, p, err, CauseProtocol)
			if age > lifetime || age < lifetime*8/10 || refused < 2 {
				t.Errorf("%s of %v: closed after %v and %d refusals", name, lifetime, age, refused)
			}
		}
	}
}
