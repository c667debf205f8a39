package esp

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen throws datagrams at SAs of every kind of transform. None may panic,
// write outside the datagram, or accept what was not sealed with its keys.
func FuzzOpen(f *testing.F) {
	configs := []Config{
		{Cipher: AESGCM16, Key: bytes.Repeat([]byte{1}, 36)},
		{Cipher: AESGCM16, Key: bytes.Repeat([]byte{2}, 20), ESN: true},
		{Cipher: ChaCha20Poly1305, Key: bytes.Repeat([]byte{3}, 36), ESN: true},
		{Cipher: AESCBC, Key: bytes.Repeat([]byte{4}, 16), Integrity: HMACSHA256_128, IntegrityKey: bytes.Repeat([]byte{5}, 32)},
		{Cipher: AESCBC, Key: bytes.Repeat([]byte{6}, 32), Integrity: HMACSHA512_256, IntegrityKey: bytes.Repeat([]byte{7}, 64), ESN: true},
	}
	for i, c := range configs {
		l := newLink(f, c)
		f.Add(uint8(i), l.raw(padded(inner4(17, 0, 1, 0, 2), 6, 4), 1))
	}
	for _, seed := range espSeeds(f) {
		f.Add(uint8(0), seed)
		f.Add(uint8(3), seed)
	}
	f.Fuzz(func(t *testing.T, which uint8, datagram []byte) {
		l := newLink(t, configs[int(which)%len(configs)])
		guarded := append(bytes.Clone(datagram), 0xa5, 0xa5, 0xa5, 0xa5)
		inner, drop := l.in.Open(guarded[:len(datagram)])
		if !bytes.Equal(guarded[len(datagram):], []byte{0xa5, 0xa5, 0xa5, 0xa5}) {
			t.Error("wrote behind the datagram")
		}
		if drop != DropNone && inner != nil || drop == DropNone && len(inner) < ipv4HeaderLen {
			t.Errorf("%v with %d octets", drop, len(inner))
		}
		if !drop.Authentic() && l.in.window.top != 0 {
			t.Error("a datagram that is not authentic moved the window")
		}
	})
}

// espSeeds are captured ESP datagrams; none where the folder is absent.
func espSeeds(f *testing.F) [][]byte {
	names, err := filepath.Glob(filepath.Join(shared, "fuzz", "esp-seeds", "*.bin"))
	if err != nil {
		f.Fatal(err)
	}
	if len(names) == 0 {
		f.Log("no captured datagrams beside the repository: own seeds only")
	}
	var seeds [][]byte
	for _, name := range names {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

// FuzzInnerPacket: what parses has its headers inside its own length.
func FuzzInnerPacket(f *testing.F) {
	f.Add(inner4(6, 1, 2, 3, 4))
	f.Add(inner6(17, 1, 2, 3, 4))
	f.Add(inner6(0, concat(ext(43, 0), ext(60, 1), ext(44, 0), []byte{17, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4})...))
	f.Add(inner6(51, concat(ext(135, 1), ext(59, 0))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		var in, again Inner
		ok := in.Parse(b)
		if !bytes.Equal(before, b) {
			t.Error("parsing changed the packet")
		}
		if !ok {
			return
		}
		if in.Length < ipv4HeaderLen || in.Length > len(b) || in.Upper > in.Length || in.Upper < 0 {
			t.Errorf("length %d, upper layer at %d of %d octets", in.Length, in.Upper, len(b))
		}
		if in.portsKnown && in.Upper+4 > in.Length {
			t.Error("ports read from behind the packet")
		}
		// Nothing behind the packet's own end counts.
		if !again.Parse(b[:in.Length]) || again != in {
			t.Errorf("cut to its length: %+v, not %+v", again, in)
		}
	})
}
