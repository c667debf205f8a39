package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/crypto/curve25519"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	wgtun "golang.zx2c4.com/wireguard/tun"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/platform/transport"
	"github.com/homeward-vpn/homeward/platform/tun"
)

const (
	endCommand = "end"
	endReady   = "ready\n"
	endPort    = 4500
	endMTU     = 1420 // wireguard's own choice for an Ethernet path; the same for both
)

// side is one of the two ends of a measured tunnel.
type side struct {
	index         int
	peer          netip.Addr // on the cable
	inside, other netip.Prefix
}

func sideOf(name string) (side, error) {
	a, b := netip.MustParsePrefix("10.66.0.1/24"), netip.MustParsePrefix("10.66.0.2/24")
	switch name {
	case "a":
		return side{index: 0, peer: lab.PairB, inside: a, other: b}, nil
	case "b":
		return side{index: 1, peer: lab.PairA, inside: b, other: a}, nil
	}
	return side{}, fmt.Errorf("no side %q", name)
}

// runEnd is one end, in a process of its own: kind and side as arguments. It
// says when it is ready and ends with its standard input.
func runEnd(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%s wants a kind and a side", endCommand)
	}
	s, err := sideOf(args[1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "homeward":
		return homewardEnd(s)
	case "wireguard":
		return wireguardEnd(s)
	}
	return fmt.Errorf("no kind %q", args[0])
}

// serve says that the end stands and waits for the end of the input.
func serve() error {
	if _, err := os.Stdout.WriteString(endReady); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func homewardEnd(s side) (err error) {
	udp, err := transport.Open(transport.Config{Port: endPort})
	if err != nil {
		return err
	}
	plane := dataplane.New(dataplane.Config{Transport: udp})
	defer func() { err = errors.Join(err, plane.Close(), udp.Close()) }()
	dev, err := tun.Create(tun.Config{Name: "bench0", MTU: endMTU, Addresses: []netip.Prefix{s.inside}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()

	in, err := esp.NewInbound(staticSA(s.index, s.other, s.inside))
	if err != nil {
		return err
	}
	out, err := esp.NewOutbound(staticSA(1-s.index, s.inside, s.other))
	if err != nil {
		return err
	}
	if err := plane.AddSA(in, out); err != nil {
		return err
	}
	if err := plane.Activate(in.SPI()); err != nil {
		return err
	}
	plane.SetPeer(netip.AddrPortFrom(s.peer, endPort))
	plane.SetPathMTU(1500)
	plane.Start()
	plane.AttachTUN(dev, endMTU)
	if err := serve(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stderr).Encode(plane.Stats())
}

// staticSA is AES-256-GCM with extended sequence numbers towards one side.
func staticSA(to int, from, dest netip.Prefix) esp.Config {
	key := make([]byte, 32+4)
	for i := range key {
		key[i] = byte(to*64 + i)
	}
	return esp.Config{
		SPI: 0x1000 + uint32(to), Cipher: esp.AESGCM16, Key: key, ESN: true,
		Source: []esp.Selector{anyPort(from)}, Destination: []esp.Selector{anyPort(dest)},
	}
}

func anyPort(p netip.Prefix) esp.Selector {
	return esp.Selector{Start: p.Addr(), End: p.Addr(), EndPort: 65535}
}

// bringUp gives a device its address; package tun does it for Homeward's own.
func bringUp(name string, address netip.Prefix) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(address.String())
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

func wireguardEnd(s side) error {
	dev, err := wgtun.CreateTUN("bench0", endMTU)
	if err != nil {
		return err
	}
	if err := bringUp("bench0", s.inside); err != nil {
		return errors.Join(err, dev.Close())
	}
	wg := device.NewDevice(dev, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, ""))
	defer wg.Close()
	var keys [2][32]byte
	for i := range keys {
		keys[i][0], keys[i][1], keys[i][31] = 8, byte(i+1), 64
	}
	public, err := curve25519.X25519(keys[1-s.index][:], curve25519.Basepoint)
	if err != nil {
		return err
	}
	config := fmt.Sprintf("private_key=%s\nlisten_port=%d\npublic_key=%s\nendpoint=%s\nallowed_ip=%s/32\n",
		hex.EncodeToString(keys[s.index][:]), endPort, hex.EncodeToString(public),
		netip.AddrPortFrom(s.peer, endPort), s.other.Addr())
	if err := wg.IpcSet(config); err != nil {
		return err
	}
	if err := wg.Up(); err != nil {
		return err
	}
	return serve()
}
