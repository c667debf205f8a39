package lab

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Resolver is a DNS server of the lab that counts what it is asked. Safe for
// concurrent use.
type Resolver struct {
	zone map[string][]netip.Addr // lower case, with the final dot

	mu      sync.Mutex
	queries map[string]int
	servers []*dns.Server
}

// companyZone is what the company's server answers: the company's names, and
// the public ones as a resolver that recurses would.
func companyZone() map[string][]netip.Addr {
	z := publicZone()
	z[IntranetName+"."] = []netip.Addr{IntranetAddress, IntranetAddress6}
	z["wiki."+CompanyDomain+"."] = []netip.Addr{IntranetAddress, IntranetAddress6}
	return z
}

// publicZone is what everybody may know.
func publicZone() map[string][]netip.Addr {
	return map[string][]netip.Addr{
		GatewayName + ".":     {GatewayAddress},
		GatewayName6 + ".":    {GatewayAddress6},
		GatewayNameBoth + ".": {GatewayAddress, GatewayAddress6},
		SecondName + ".":      {SecondGatewayAddress, SecondGatewayAddress6},
		PublicName + ".":      {PublicAddress, PublicAddress6},
	}
}

func newResolver(zone map[string][]netip.Addr) *Resolver {
	return &Resolver{zone: zone, queries: map[string]int{}}
}

// listen serves on each address, port 53, UDP and TCP, from the given machine.
func (r *Resolver) listen(n *Namespace, addrs ...netip.Addr) error {
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a, 53)
		var pc net.PacketConn
		var l net.Listener
		err := n.Do(func() (err error) {
			if pc, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(ap)); err != nil {
				return err
			}
			l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(ap))
			return err
		})
		if err != nil {
			return fmt.Errorf("lab: starting a DNS server at %s: %w", ap, err)
		}
		r.serve(&dns.Server{PacketConn: pc, Handler: r})
		r.serve(&dns.Server{Listener: l, Handler: r})
	}
	return nil
}

// serve returns when the server runs, so that a later Shutdown finds it.
func (r *Resolver) serve(s *dns.Server) {
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// The error is that of Shutdown's closing the socket, or the tests'
		// queries go unanswered and say so.
		if err := s.ActivateAndServe(); err != nil {
			return
		}
	}()
	select {
	case <-started:
	case <-ended:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers = append(r.servers, s)
}

// ServeDNS implements dns.Handler: it knows A and AAAA of its zone, and says
// NXDOMAIN to names that it does not have.
func (r *Resolver) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
	} else {
		r.answer(m, q.Question[0])
	}
	// A client that has gone away is no fault of the server.
	if err := w.WriteMsg(m); err != nil {
		return
	}
}

func (r *Resolver) answer(m *dns.Msg, q dns.Question) {
	name := strings.ToLower(q.Name)
	r.mu.Lock()
	r.queries[strings.TrimSuffix(name, ".")]++
	addrs, ok := r.zone[name]
	r.mu.Unlock()
	if !ok {
		m.Rcode = dns.RcodeNameError
		return
	}
	for _, a := range addrs {
		head := dns.RR_Header{Name: q.Name, Class: dns.ClassINET, Ttl: 1}
		switch {
		case a.Is4() && q.Qtype == dns.TypeA:
			head.Rrtype = dns.TypeA
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: a.AsSlice()})
		case a.Is6() && q.Qtype == dns.TypeAAAA:
			head.Rrtype = dns.TypeAAAA
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: a.AsSlice()})
		}
	}
}

// Set has the server answer a name, without the final dot, with these addresses.
func (r *Resolver) Set(name string, addrs ...netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zone[strings.ToLower(name)+"."] = addrs
}

// Queries is how often this name, without the final dot, was asked for, of
// whatever type.
func (r *Resolver) Queries(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queries[strings.ToLower(name)]
}

// Asked returns all names asked for, with counts. The caller owns the map.
func (r *Resolver) Asked() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.queries)
}

func (r *Resolver) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, s := range r.servers {
		errs = append(errs, s.Shutdown())
	}
	r.servers = nil
	return errors.Join(errs...)
}
