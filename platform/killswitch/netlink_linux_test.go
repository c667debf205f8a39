package killswitch

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestReadWhileOthersChange: what others do to their own tables meanwhile never
// looks like a change of ours, nor does a half-read table.
func TestReadWhileOthersChange(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	s := newSwitch(t)
	setPolicy(t, s, states()["connected"])
	var others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() {
		k := &nfTables{}
		changes := 0
		pace := time.NewTicker(2 * time.Millisecond)
		defer pace.Stop()
		for ; ; changes++ {
			select {
			case <-stop:
				t.Logf("%d changes of others", changes)
				if err := k.close(); err != nil {
					t.Error(err)
				}
				return
			case <-pace.C:
			}
			b := newBatch()
			for _, kind := range []uint16{unix.NFT_MSG_NEWTABLE, unix.NFT_MSG_DELTABLE} {
				b.change(kind, unix.NLM_F_CREATE)
				b.text(unix.NFTA_TABLE_NAME, "theirs")
				b.end()
			}
			if err := k.commit(b); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 50 {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if i%10 == 0 {
			setPolicy(t, s, states()["connected"])
		}
	}
	close(stop)
	others.Wait()
}

// FuzzMessages: no answer of the kernel's, however cut short, is read beyond its end.
func FuzzMessages(f *testing.F) {
	p := newBatch()
	p.set(kernelSet{name: "gateways4", keyLength: 8, fields: []uint32{4, 2}}, 1)
	p.elements("gateways4", []key{{data: []byte{192, 0, 2, 1, 1, 0xf4, 0, 0}}, {data: []byte{1}, end: true}})
	p.chain(kernelChain{name: "output", base: true, hook: 3, order: 7})
	if err := p.rule("output", kernelRule{comment: "why"}); err != nil {
		f.Fatal(err)
	}
	p.finish()
	f.Add(p.b)
	f.Add(bytes.Repeat([]byte{4, 0, 0, 0}, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		for m := range messages(b) {
			_ = m.err()
			decodeSet(m.body)
			decodeElements(nil, m.body)
			decodeChain(m.body)
			decodeFlow(m.body)
			for _, inside := range attributes(m.body) {
				for range attributes(inside) {
				}
			}
		}
	})
}
