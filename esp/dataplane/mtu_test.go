package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// InnerMTU against the arithmetic on paper: outer header, UDP 8, SPI and
// number 8, IV, trailer 2 rounded to the block, ICV.
func TestInnerMTU(t *testing.T) {
	t.Parallel()
	gcm := esptest.Default()
	cbc := esptest.Suite{Cipher: esp.AESCBC, KeyLen: 16, Integrity: esp.HMACSHA256_128, IntegLen: 32}
	r := bare(t)
	r.plane.SetPeer(gateway)
	if got := r.plane.InnerMTU(1500); got != 1500-28-73 {
		t.Errorf("without an SA: %d", got)
	}
	r.install(gcm, 1000, 2000)
	if got := r.plane.InnerMTU(1500); got != 1438 { // 1472-32 = 1440, less 2
		t.Errorf("AES-GCM over IPv4: %d", got)
	}
	r.plane.SetPeer(netip.MustParseAddrPort("[2001:db8::1]:4500"))
	if got := r.plane.InnerMTU(1500); got != 1418 {
		t.Errorf("AES-GCM over IPv6: %d", got)
	}
	r.install(cbc, 1001, 2001)
	if got := r.plane.InnerMTU(1500); got != 1406 { // 1452-40 = 1412, 1408 in blocks, less 2
		t.Errorf("with AES-CBC beside it: %d", got)
	}
	if got := r.plane.InnerMTU(1); got != r.plane.InnerMTU(576) || got <= 0 {
		t.Errorf("absurd path: %d", got)
	}
}

// Nothing that goes out is longer than the path, for any suite and path.
func TestSentFitsPath(t *testing.T) {
	t.Parallel()
	for _, s := range esptest.Suites()[:7] {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, s)
			for _, path := range []int{1500, 1492, 1400, 1281, 1280, 600} {
				r.plane.SetPathMTU(path)
				inner := r.plane.InnerMTU(path)
				for _, size := range []int{inner - 1, inner} {
					if size > mtu {
						continue
					}
					packet := esptest.UDP(host4, intra4, make([]byte, size-28))
					r.tun.Inject(packet)
					d := next(t, "sent packet", r.transport.Sent())
					if len(d.Data)+28 > path {
						t.Errorf("path %d: outer packet of %d", path, len(d.Data)+28)
					}
				}
			}
			r.settle()
			r.expectDrops(nil)
		})
	}
}

// ICMPv4 "fragmentation needed" (RFC 1191 4).
func TestTooBig4(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(1280)
	limit := r.plane.InnerMTU(1280)
	packet := esptest.UDP(host4, intra4, make([]byte, limit-28+1))
	r.tun.Inject(packet)
	got := next(t, "ICMP", r.tun.Written())
	if !esptest.ValidChecksum(got) || len(got) != 576 {
		t.Fatalf("%d octets, checksums valid: %t", len(got), esptest.ValidChecksum(got))
	}
	if got[9] != 1 || !bytes.Equal(got[12:16], packet[16:20]) || !bytes.Equal(got[16:20], packet[12:16]) {
		t.Errorf("header %x", got[:20])
	}
	if got[20] != 3 || got[21] != 4 || int(binary.BigEndian.Uint16(got[26:])) != limit {
		t.Errorf("ICMP %x, limit %d", got[20:28], limit)
	}
	if !bytes.Equal(got[28:], packet[:576-28]) {
		t.Error("the packet is not quoted")
	}
	r.settle()
	r.expectDrops(map[string]uint64{"too-big": 1})
}

// ICMPv6 "packet too big" (RFC 4443 3.2), and the floor of 1,280.
func TestTooBig6(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(1280)
	small := esptest.UDP(host6, intra6, make([]byte, 1280-48))
	packet := esptest.UDP(host6, intra6, make([]byte, 1281-48))
	r.tun.Inject(small, packet)
	r.expectSent(r.far, small)
	got := next(t, "ICMP", r.tun.Written())
	if !esptest.ValidChecksum(got) || len(got) != 1280 || got[6] != 58 {
		t.Fatalf("%d octets, checksum valid: %t", len(got), esptest.ValidChecksum(got))
	}
	if !bytes.Equal(got[8:24], packet[24:40]) || !bytes.Equal(got[24:40], packet[8:24]) {
		t.Errorf("header %x", got[:40])
	}
	if got[40] != 2 || got[41] != 0 || binary.BigEndian.Uint32(got[44:]) != 1280 {
		t.Errorf("ICMP %x", got[40:48])
	}
	if !bytes.Equal(got[48:], packet[:1280-48]) {
		t.Error("the packet is not quoted")
	}
}

// Packets about which no error may be sent (RFC 1122 3.2.2, RFC 4443 2.4).
func TestNoICMPAbout(t *testing.T) {
	t.Parallel()
	big := make([]byte, 1300)
	icmpError4 := esptest.IP(host4.Addr(), intra4.Addr(), 1, append([]byte{3, 1}, big...))
	icmpError6 := esptest.IP(host6.Addr(), intra6.Addr(), 58, append([]byte{1, 1}, big...))
	later := esptest.UDP(host4, intra4, big)
	later[7] = 9
	addr := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(1280)
	for _, p := range [][]byte{
		icmpError4, icmpError6, later,
		esptest.UDP(host4, addr("224.0.0.251:5353"), big),
		esptest.UDP(addr("0.0.0.0:68"), intra4, big),
		esptest.UDP(addr("[::]:546"), intra6, big),
		esptest.UDP(addr("[ff02::1]:546"), intra6, big),
	} {
		r.tun.Inject(p)
	}
	r.tun.Inject(esptest.IP(host4.Addr(), intra4.Addr(), 1, append([]byte{8, 0}, big...))) // an echo request may be answered
	got := next(t, "ICMP", r.tun.Written())
	if !bytes.Equal(got[28:48], esptest.IP(host4.Addr(), intra4.Addr(), 1, append([]byte{8, 0}, big...))[:20]) {
		t.Errorf("an error about %x", got[28:])
	}
	r.settle()
	r.expectDrops(map[string]uint64{"too-big": 8})
}

// Errors are limited in number; packets are dropped all the same.
func TestICMPRate(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(1280)
	packet := esptest.UDP(host4, intra4, make([]byte, 1300))
	for range 1000 {
		r.tun.Inject(packet)
	}
	r.settle()
	if n := len(r.tun.Written()); n != 50 {
		t.Errorf("%d errors for 1,000 packets at one moment", n)
	}
	r.expectDrops(map[string]uint64{"too-big": 1000})
}

// IPv4 without the don't-fragment flag is cut up (RFC 791 2.3) and comes back
// together as it was.
func TestFragment(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(600)
	limit := r.plane.InnerMTU(600)
	payload := make([]byte, 1300)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	packet := esptest.UDP(host4, intra4, payload)
	packet[6] = 0
	// Options: one that is copied into fragments, one that is not.
	options := []byte{0x94, 4, 0, 0, 7, 3, 4, 0}
	packet = append(append(bytes.Clone(packet[:20]), options...), packet[20:]...)
	packet[0] = 0x47
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	r.tun.Inject(packet)

	var whole []byte
	for more := true; more; {
		d := next(t, "fragment", r.transport.Sent())
		piece, drop := r.far.In.Open(d.Data)
		if drop != esp.DropNone || len(piece) > limit || esptest.Checksum(piece[:28]) != 0xffff {
			t.Fatalf("%v: %x", drop, piece)
		}
		field := binary.BigEndian.Uint16(piece[6:])
		if int(field&0x1fff)*8 != len(whole) {
			t.Fatalf("offset %d after %d octets", int(field&0x1fff)*8, len(whole))
		}
		want := options
		if len(whole) > 0 {
			want = []byte{0x94, 4, 0, 0, 1, 1, 1, 0}
		}
		if !bytes.Equal(piece[20:28], want) {
			t.Errorf("options %x at offset %d", piece[20:28], len(whole))
		}
		more = field&0x2000 != 0
		if more && (len(piece)-28)%8 != 0 {
			t.Errorf("a fragment of %d octets has others behind it", len(piece)-28)
		}
		whole = append(whole, piece[28:]...)
	}
	if !bytes.Equal(whole, packet[28:]) {
		t.Error("the fragments do not make up the packet")
	}
	r.settle()
	r.expectDrops(nil)
	if s := r.plane.Stats(); s.TxPackets != 3 {
		t.Errorf("%+v", s)
	}
}

// A fragment that has to be cut again keeps its place and its flag.
func TestFragmentOfFragment(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(600)
	packet := esptest.IP(host4.Addr(), intra4.Addr(), 17, make([]byte, 1000))
	binary.BigEndian.PutUint16(packet[6:], 0x2000|100)
	r.tun.Inject(packet)
	var fields []string
	for range 2 {
		piece, drop := r.far.In.Open(next(t, "fragment", r.transport.Sent()).Data)
		if drop != esp.DropNone {
			t.Fatal(drop)
		}
		field := binary.BigEndian.Uint16(piece[6:])
		fields = append(fields, fmt.Sprintf("%d+%d more=%t", int(field&0x1fff)*8, len(piece)-20, field&0x2000 != 0))
	}
	if fields[0] != "800+512 more=true" || fields[1] != "1312+488 more=true" {
		t.Errorf("%v", fields)
	}
}

// A device whose MTU was raised: a batch of packets longer than its slots is
// refused with the true limit, and its last packet, which is whole, goes out.
func TestMTURaisedBehindOurBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	long := esptest.UDP(host4, intra4, make([]byte, mtu+30-28))
	short := esptest.UDP(host4, intra4, []byte("the last one"))
	r.tun.Inject(long, long, short)
	r.expectSent(r.far, short)
	for range 2 {
		got := next(t, "ICMP", r.tun.Written())
		if n := binary.BigEndian.Uint16(got[26:]); n != mtu {
			t.Errorf("limit %d", n)
		}
	}
	r.tun.Inject(long) // alone it has room
	r.expectSent(r.far, long)
}

// The path MTU that the system has learnt is taken over when it refuses a
// packet for its length.
func TestLearnPathMTU(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.transport.SetPathMTU(1300)
	packet := esptest.UDP(host4, intra4, make([]byte, 1350))
	r.transport.FailSends(&net.OpError{Op: "write", Err: os.NewSyscallError("sendmmsg", syscall.EMSGSIZE)})
	r.tun.Inject(packet)
	r.settle()
	r.transport.FailSends(nil)
	r.tun.Inject(packet)
	got := next(t, "ICMP", r.tun.Written())
	if n := int(binary.BigEndian.Uint16(got[26:])); n != r.plane.InnerMTU(1300) {
		t.Errorf("limit %d", n)
	}
	r.settle()
	r.expectDrops(map[string]uint64{"send-error": 1, "too-big": 1})
}

// SYNs are clamped both ways, in both families, to what the path allows.
func TestClampBothWays(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	r.plane.SetPathMTU(1280)
	limit := r.plane.InnerMTU(1280)
	option := []byte{1, 1, 1, 1, 2, 4, 0x05, 0xb4}
	check := func(what string, packet []byte, want int) {
		t.Helper()
		at := len(packet) - 2
		if got := int(binary.BigEndian.Uint16(packet[at:])); got != want || !esptest.ValidChecksum(packet) {
			t.Errorf("%s: MSS %d, want %d; checksum valid: %t", what, got, want, esptest.ValidChecksum(packet))
		}
	}
	open := func() []byte {
		inner, drop := r.far.In.Open(next(t, "sent packet", r.transport.Sent()).Data)
		if drop != esp.DropNone {
			t.Fatal(drop)
		}
		return inner
	}
	r.tun.Inject(esptest.SYN(host4, intra4, option))
	check("out IPv4", open(), limit-40)
	r.tun.Inject(esptest.SYN(host6, intra6, option))
	check("out IPv6", open(), limit-60)
	r.transport.Deliver(sealed(t, r.far.Out, esptest.SYN(intra4, host4, option)))
	check("in IPv4", next(t, "written packet", r.tun.Written()), limit-40)
	r.transport.Deliver(sealed(t, r.far.Out, esptest.SYN(intra6, host6, option)))
	check("in IPv6", next(t, "written packet", r.tun.Written()), limit-60)
}
