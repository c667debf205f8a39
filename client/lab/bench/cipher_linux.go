package main

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

const (
	packetLen = 1400
	turnLen   = 64 // packets; small enough for the caches, as the data plane's batches are
	turns     = 4000
)

// cipherSection measures seal and open against the cipher alone, in turns of a
// few microseconds, one of each after the other. Of each kind the best turn
// counts, which neither a busy machine nor a changing clock disturbs.
func cipherSection() error {
	b, err := newCipherBench()
	if err != nil {
		return err
	}
	bareSeal, seal := best(b.fill, b.bareSeal), best(b.fill, b.seal)
	bareOpen, open := best(b.fillBare, b.bareOpen), best(b.fillSealed, b.open)
	for range turns {
		bareSeal.turn()
		seal.turn()
		bareOpen.turn()
		open.turn()
	}
	if b.failed != nil {
		return b.failed
	}
	sealAllocs := testing.AllocsPerRun(100, b.fillSealed) / turnLen
	// A packet is opened once, so what is opened is sealed anew each time.
	openAllocs := testing.AllocsPerRun(100, func() { b.fillSealed(); b.open() }) / turnLen
	if b.failed != nil {
		return b.failed
	}
	fmt.Printf("seal and open of %d-octet packets, AES-256-GCM (bare: %.2f GB/s)\n", packetLen,
		turnLen*packetLen/bareSeal.least.Seconds()/1e9)
	fmt.Printf("  seal / bare AES-GCM   %.0f%%   %.0f allocations per packet   (target 90%%, 0)\n",
		100*bareSeal.least.Seconds()/seal.least.Seconds(), sealAllocs)
	fmt.Printf("  open / bare AES-GCM   %.0f%%   %.0f allocations per packet   (target 90%%, 0)\n",
		100*bareOpen.least.Seconds()/open.least.Seconds(), openAllocs)
	return nil
}

// stopwatch times turns of one kind.
type stopwatch struct {
	prepare, run func()
	least        time.Duration
}

func best(prepare, run func()) *stopwatch {
	return &stopwatch{prepare: prepare, run: run, least: time.Hour}
}

func (s *stopwatch) turn() {
	s.prepare()
	began := time.Now()
	s.run()
	s.least = min(s.least, time.Since(began))
}

// cipherBench holds one turn of packets and both ends of an SA.
type cipherBench struct {
	out    *esp.Outbound
	in     *esp.Inbound
	bare   cipher.AEAD
	nonce  [12]byte
	inner  []byte
	bufs   [turnLen][]byte // with room around the inner packet
	sealed [turnLen][]byte // parts of bufs
	failed error
}

func newCipherBench() (*cipherBench, error) {
	s, err := sideOf("a")
	if err != nil {
		return nil, err
	}
	config := staticSA(1, s.inside, s.other)
	b := &cipherBench{inner: innerPacket(s.inside.Addr(), s.other.Addr())}
	if b.out, err = esp.NewOutbound(config); err != nil {
		return nil, err
	}
	if b.in, err = esp.NewInbound(config); err != nil {
		return nil, err
	}
	for i := range b.bufs {
		b.bufs[i] = make([]byte, esp.HeaderRoom+packetLen+esp.TrailerRoom)
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	b.bare, err = cipher.NewGCM(block)
	return b, err
}

// innerPacket is a UDP datagram of packetLen octets in all.
func innerPacket(from, to netip.Addr) []byte {
	p := make([]byte, packetLen)
	p[0], p[8], p[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(p[2:], packetLen)
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[24:], packetLen-20)
	return p
}

// fill puts inner packets in place.
func (b *cipherBench) fill() {
	for _, buf := range b.bufs {
		copy(buf[esp.HeaderRoom:], b.inner)
	}
}

func (b *cipherBench) fillSealed() {
	b.fill()
	b.seal()
}

func (b *cipherBench) fillBare() {
	b.fill()
	b.bareSeal()
}

func (b *cipherBench) bareSeal() {
	for i, buf := range b.bufs {
		plain := buf[esp.HeaderRoom : esp.HeaderRoom+packetLen]
		b.sealed[i] = b.bare.Seal(plain[:0], b.nonce[:], plain, b.nonce[:8])
	}
}

func (b *cipherBench) bareOpen() {
	for _, s := range b.sealed {
		if _, err := b.bare.Open(s[:0], b.nonce[:], s, b.nonce[:8]); err != nil {
			b.failed = err
		}
	}
}

func (b *cipherBench) seal() {
	for i, buf := range b.bufs {
		buf[esp.HeaderRoom] = b.inner[0] // what was sealed in place before is no packet any more
		seq, _ := b.out.Reserve(1)
		var drop esp.Drop
		if b.sealed[i], drop = b.out.Seal(buf, esp.HeaderRoom, packetLen, seq); drop != esp.DropNone {
			b.failed = fmt.Errorf("sealing: %v", drop)
		}
	}
}

func (b *cipherBench) open() {
	for _, s := range b.sealed {
		if _, drop := b.in.Open(s); drop != esp.DropNone {
			b.failed = errors.Join(b.failed, fmt.Errorf("opening: %v", drop))
			return
		}
	}
}
