package tunnel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// RFC 7296 2.8: the profile's lifetimes by packets and by octets replace the SA
// before its end, and nothing is lost to that, however often it happens.
func TestLifetimeByTraffic(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*profile.SA){
		"packets": func(sa *profile.SA) { sa.LifetimePackets = profile.MinLifetimePackets },
		"octets":  func(sa *profile.SA) { sa.LifetimeBytes = profile.MinLifetimeBytes },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, nil)
				cfg := o.config()
				set(&cfg.Profile.Child)
				r := run(t, cfg)
				r.up()
				const packets, size = 5000, 1024
				spis := map[uint32]int{}
				for range packets {
					o.tun.Inject(udpPair(insideAddr, serverAddr, string(make([]byte, size-28))))
					<-o.esp
					_, out := farEnd(t, o)
					spis[out.SPI()]++
					<-time.After(10 * time.Millisecond)
				}
				// 80 to 90 percent of 1024 packets, or of 1024 KiB, each.
				if n := len(spis); n < packets/922 || n > packets/819+1 {
					t.Errorf("%d SAs carried %d packets", n, packets)
				}
				counts := map[int]int{}
				for _, n := range spis {
					counts[n]++
				}
				if len(counts) < 3 {
					t.Errorf("the SAs carried %v packets: no jitter", counts)
				}
				if s := r.Stats(); s.TxPackets != packets || s.Drops["sequence-exhausted"]+s.Drops["lifetime-exhausted"] != 0 {
					t.Errorf("%+v", s)
				}
				r.stop()
			})
		})
	}
}

// Lifetimes of the profile become limits with jitter; without one there is none.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	soft, hard, err := lifetimes(&profile.SA{})
	if err != nil || soft.Packets+soft.Octets+hard.Packets+hard.Octets != 0 {
		t.Errorf("without a lifetime: %+v, %+v, %v", soft, hard, err)
	}
	seen := map[uint64]bool{}
	for range 50 {
		soft, hard, err := lifetimes(&profile.SA{LifetimeBytes: profile.MaxLifetimeBytes, LifetimePackets: 1 << 20})
		if err != nil || hard.Octets != profile.MaxLifetimeBytes || hard.Packets != 1<<20 {
			t.Fatalf("%+v, %v", hard, err)
		}
		for limit, s := range map[uint64]uint64{hard.Octets: soft.Octets, hard.Packets: soft.Packets} {
			if s < limit/10*8 || s > limit/10*9 {
				t.Errorf("soft limit %d of %d", s, limit)
			}
		}
		seen[soft.Packets] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d different soft limits of 50", len(seen))
	}
}
