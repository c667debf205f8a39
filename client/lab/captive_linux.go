package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
)

// The captive portal's names and pages.
const (
	PortalName = "portal.hotel.example"
	PortalPage = "https://" + PortalName + "/sign-in"
	portalAPI  = "https://" + PortalName + "/api"
	// PortalGreeting is on the page, and PortalWelcome on what follows the sign-in.
	PortalGreeting = "Please pay for your room's network."
	PortalWelcome  = "You are our guest."
)

// CaptivePortal is the home router as a hotel's: it answers names, leads every plain
// web page to its own, and lets nobody further who has not signed in. What it is is
// told by DHCP (RFC 8910) and at its API (RFC 8908), unless Silent.
type CaptivePortal struct {
	Roots string // a file with the authority that its server's certificate is from, PEM

	router *Namespace
	tls    *http.Server
	plain  *http.Server
	dhcp   *server4.Server

	mu      sync.Mutex
	signIns int
	silent  bool
}

// portalRules: who is not a guest gets no further than the router, and his plain web
// pages are the router's.
const portalRules = `
table inet hotel {
	set guests { type ipv4_addr; }
	set guests6 { type ipv6_addr; }
	chain prerouting {
		type nat hook prerouting priority dstnat;
		iifname "lan" ip saddr != @guests tcp dport 80 redirect to :8081
	}
	chain forward {
		type filter hook forward priority filter - 5; policy accept;
		iifname "lan" ip saddr != @guests drop
		iifname "lan" ip6 saddr != @guests6 drop
	}
}
`

// StartCaptivePortal turns the home router into a hotel's.
func (l *Lab) StartCaptivePortal() (*CaptivePortal, error) {
	p := &CaptivePortal{router: l.Router, Roots: filepath.Join(l.Dir, "hotel-roots.pem")}
	trust, err := NewAuthority("Public Trust", ECDSA256)
	if err != nil {
		return nil, err
	}
	own, err := trust.Issue(CertificateSpec{CommonName: PortalName, DNSNames: []string{PortalName}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.Roots, trust.CertificatePEM(), 0o644); err != nil {
		return nil, fmt.Errorf("lab: a captive portal: %w", err)
	}
	l.PublicDNS.Set(PortalName, RouterInside)
	l.onClose(p.close)
	return p, errors.Join(nft(l.Router, portalRules), p.serve(own), p.offer())
}

// serve starts the web servers.
func (p *CaptivePortal) serve(own *Credential) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api", p.api)
	mux.HandleFunc("GET /sign-in", p.page)
	mux.HandleFunc("POST /sign-in", p.signIn)
	quiet := log.New(io.Discard, "", 0) // who does not trust it turns away, and that is seen there
	p.tls = &http.Server{Handler: mux, ErrorLog: quiet, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{own.DER()}, PrivateKey: own.Key}}}}
	p.plain = &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, PortalPage, http.StatusFound)
	})}
	for _, s := range []struct {
		at    netip.AddrPort
		serve func(net.Listener) error
	}{
		{netip.AddrPortFrom(RouterInside, 443), func(l net.Listener) error { return p.tls.ServeTLS(l, "", "") }},
		{netip.AddrPortFrom(RouterInside, 8081), p.plain.Serve},
	} {
		var l net.Listener
		err := p.router.Do(func() (err error) {
			l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(s.at))
			return err
		})
		if err != nil {
			return fmt.Errorf("lab: a captive portal at %s: %w", s.at, err)
		}
		go func() {
			if err := s.serve(l); !errors.Is(err, http.ErrServerClosed) {
				return // it shows as a page that does not load
			}
		}()
	}
	return nil
}

// offer answers those who ask by DHCP for information alone (RFC 2131 4.3.5).
func (p *CaptivePortal) offer() error {
	var conn net.PacketConn
	err := p.router.Do(func() (err error) {
		conn, err = server4.NewIPv4UDPConn("lan", &net.UDPAddr{Port: dhcpv4.ServerPort})
		return err
	})
	if err != nil {
		return fmt.Errorf("lab: a captive portal's DHCP: %w", err)
	}
	p.dhcp, err = server4.NewServer("", nil, p.inform, server4.WithConn(conn))
	if err != nil {
		return errors.Join(fmt.Errorf("lab: a captive portal's DHCP: %w", err), conn.Close())
	}
	go func() {
		if err := p.dhcp.Serve(); err != nil {
			return // closed
		}
	}()
	return nil
}

func (p *CaptivePortal) inform(conn net.PacketConn, _ net.Addr, m *dhcpv4.DHCPv4) {
	p.mu.Lock()
	silent := p.silent
	p.mu.Unlock()
	if silent || m.MessageType() != dhcpv4.MessageTypeInform {
		return
	}
	reply, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(114), []byte(portalAPI))))
	if err != nil {
		return
	}
	if _, err := conn.WriteTo(reply.ToBytes(), &net.UDPAddr{IP: m.ClientIPAddr, Port: dhcpv4.ClientPort}); err != nil {
		return // it asks again
	}
}

// Silence has the network say nothing of its portal any more, by DHCP.
func (p *CaptivePortal) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// SignIns is how many have signed in.
func (p *CaptivePortal) SignIns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signIns
}

// Forget ends the stay of all guests.
func (p *CaptivePortal) Forget(ctx context.Context) error {
	for _, set := range []string{"guests", "guests6"} {
		if _, err := p.router.Run(ctx, "nft", "flush", "set", "inet", "hotel", set); err != nil {
			return err
		}
	}
	return nil
}

func (p *CaptivePortal) api(w http.ResponseWriter, r *http.Request) {
	guest, err := p.isGuest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/captive+json")
	word := `{"captive":true,"user-portal-url":"` + PortalPage + `"}`
	if guest {
		word = `{"captive":false,"seconds-remaining":7200,"can-extend-session":true}`
	}
	if _, err := io.WriteString(w, word); err != nil {
		return // who asked has left
	}
}

func (p *CaptivePortal) page(w http.ResponseWriter, _ *http.Request) {
	writeText(w, PortalGreeting+"\n")
}

func (p *CaptivePortal) signIn(w http.ResponseWriter, r *http.Request) {
	elements := "add element inet hotel guests { " + remoteAddress(r) + " }\n" +
		"add element inet hotel guests6 { " + ClientAddress6.String() + " }\n"
	if err := nft(p.router, elements); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.mu.Lock()
	p.signIns++
	p.mu.Unlock()
	writeText(w, PortalWelcome+"\n")
}

func (p *CaptivePortal) isGuest(r *http.Request) (bool, error) {
	out, err := p.router.Run(r.Context(), "nft", "list", "set", "inet", "hotel", "guests")
	return strings.Contains(out, remoteAddress(r)), err
}

func (p *CaptivePortal) close() error {
	var errs []error
	for _, s := range []*http.Server{p.tls, p.plain} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if p.dhcp != nil {
		errs = append(errs, p.dhcp.Close())
	}
	return errors.Join(errs...)
}
