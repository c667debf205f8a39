package tlsstep

import (
	"crypto/tls"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// RFC 5246 7.2, RFC 7627 5.3: a warning in front of the hello, or in the middle of it,
// hides nothing of what the hello says.
func TestWarningBeforeTheHello(t *testing.T) {
	t.Parallel()
	warning := []byte{21, 3, 3, 0, 2, 1, 112}
	hidden := func(stream []byte) []byte { return append(append([]byte{}, warning...), stream...) }

	w := world()
	rsaServer, err := w.anchor.Server("radius.example", "rsa", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, legacy := range []bool{false, true} {
		cfg := w.client()
		cfg.Legacy = legacy
		old := &tlsserver.Old{Certificate: rsaServer, Ask: true}
		k := newTalk(t, cfg, w.serverConfig())
		step, err := k.c.Start()
		if err != nil {
			t.Fatal(err)
		}
		stream := hidden(old.Input(step.Out))
		// The first four octets of the hello's message in a record of their own.
		const head = 5 + 4
		length := int(stream[len(warning)+3])<<8 | int(stream[len(warning)+4])
		split := append([]byte{}, stream[:len(warning)]...)
		split = append(split, 22, 3, 3, 0, 4)
		split = append(split, stream[len(warning)+5:len(warning)+head]...)
		split = append(split, warning...)
		split = append(split, 22, 3, 3, byte((length-4)>>8), byte(length-4))
		split = append(split, stream[len(warning)+head:]...)
		for step, err = k.c.Input(split); err == nil && !k.c.established; {
			if step.Ask != nil {
				step, err = k.c.Answer(k.answer(step.Ask))
			} else {
				step, err = k.c.Input(old.Input(step.Out))
			}
		}
		switch {
		case !legacy && (kindOf(err) != string(NoEMS) || len(k.asked) > 0):
			t.Errorf("%v, after %v", err, k.asked)
		case legacy && (err != nil || !k.c.State().LegacyKey || k.c.State().Version != tls.VersionTLS12):
			t.Errorf("with leave: %v, %+v", err, k.c.State())
		}
	}
}
