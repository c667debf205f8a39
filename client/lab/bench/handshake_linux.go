package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// Each rate is measured for this long, and over so many runs at least.
const (
	rateTime = 300 * time.Millisecond
	rateRuns = 3
)

// rate is how often one thing can be done.
type rate struct {
	perSecond float64
	allocs    uint64 // per run
}

// handshakeSection measures every group on one processor: the key exchange of an
// initiator alone, and whole handshakes of both ends, which share the processor,
// by EAP-MSCHAPv2 and a P-256 certificate on a wire without delay. Both ends
// derive real keys; nothing but the wire is left out.
func handshakeSection() error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fmt.Printf("handshakes on one core, both ends in memory\n  %-20s %14s %8s %14s %8s\n",
		"group", "exchanges/s", "allocs", "handshakes/s", "allocs")
	ca := iketest.NewAuthority("Bench CA", iketest.P256)
	for _, k := range suite.Keywords() {
		if k.Kind != "group" {
			continue
		}
		words := k.Word
		if strings.HasPrefix(k.Word, "mlkem") {
			words = "x25519-ke1_" + k.Word // never alone (RFC 9370)
		}
		p, err := suite.ParseIKE("aes256gcm16", "", "sha256", words)
		if err != nil {
			return err
		}
		exchanges, err := exchangeRate(append(p.Group, p.Additional()...))
		if err != nil {
			return fmt.Errorf("%s: %w", words, err)
		}
		handshakes, err := measure(func() error { return handshake(ca, p) })
		if err != nil {
			return fmt.Errorf("%s: %w", words, err)
		}
		fmt.Printf("  %-20s %14.0f %8d %14.1f %8d\n", words, exchanges.perSecond, exchanges.allocs, handshakes.perSecond, handshakes.allocs)
	}
	return nil
}

// exchangeRate is what an initiator computes: a private value for each group and
// the shared secret with an answer.
func exchangeRate(groups []uint16) (rate, error) {
	answers := make([][]byte, len(groups))
	for i, g := range groups {
		kx, err := suite.NewKeyExchange(g, rand.Reader)
		if err != nil {
			return rate{}, err
		}
		if answers[i], _, err = suite.AnswerKeyExchange(g, kx.Public(), rand.Reader); err != nil {
			return rate{}, err
		}
	}
	return measure(func() error {
		for i, g := range groups {
			kx, err := suite.NewKeyExchange(g, rand.Reader)
			if err != nil {
				return err
			}
			secret, err := kx.Shared(answers[i])
			if err != nil {
				return err
			}
			secret.Clear()
		}
		return nil
	})
}

// handshake goes from Connect to the first Child SA.
func handshake(ca *iketest.Authority, p suite.Proposal) error {
	pair, err := iketest.NewPair(iketest.PairConfig{
		Authority: ca,
		Client:    func(c *ike.Config) { c.IKEProposals = []suite.Proposal{p} },
		Gateway:   func(r *iketest.ResponderConfig) { r.IKE = []suite.Proposal{p} },
	})
	if err != nil {
		return err
	}
	if err := pair.Connect(); err != nil {
		return err
	}
	if !pair.Up(time.Second) {
		return errors.New("no handshake")
	}
	return nil
}

func measure(run func() error) (rate, error) {
	if err := run(); err != nil { // what is made once is made here
		return rate{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, began := 0, time.Now()
	for ; n < rateRuns || time.Since(began) < rateTime; n++ {
		if err := run(); err != nil {
			return rate{}, err
		}
	}
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return rate{perSecond: float64(n) / took.Seconds(), allocs: (after.Mallocs - before.Mallocs) / uint64(n)}, nil
}
