package ike_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// quirky makes a pair whose client has quirks chosen, and keeps its log.
func quirky(c iketest.PairConfig, quirks ...ike.Quirk) (iketest.PairConfig, *bytes.Buffer) {
	var log bytes.Buffer
	return both(c, iketest.PairConfig{Client: func(cfg *ike.Config) {
		cfg.Quirks = quirks
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	}}), &log
}

// mustName wants the log to name a quirk exactly once.
func mustName(t *testing.T, log *bytes.Buffer, q ike.Quirk) {
	t.Helper()
	if n := strings.Count(log.String(), "quirk="+string(q)+"\n"); n != 1 {
		t.Errorf("the log names %s %d times:\n%s", q, n, log)
	}
}

// RFC 7296 2.23, RFC 3948: a gateway that sends ESP to the port of IKE_SA_INIT.
// With both on one port there is no other.
func TestQuirkESPToOldPort(t *testing.T) {
	t.Parallel()
	c, log := quirky(iketest.PairConfig{ClientNAT: true}, ike.QuirkESPToOldPort)
	p := connected(t, c)
	for _, s := range p.Sent {
		if s.To.Port() != 4500 || !s.Encap {
			t.Errorf("a message went to %v, encapsulated %v", s.To, s.Encap)
		}
	}
	mustName(t, log, ike.QuirkESPToOldPort)
}

// RFC 7296 3.5: a gateway that does not answer when it is sent an IDr, and calls
// itself something else. Its certificate still has to bear the name.
func TestQuirkNoIDr(t *testing.T) {
	t.Parallel()
	moody := iketest.PairConfig{
		Client: func(c *ike.Config) { id := fqdn(iketest.GatewayName); c.GatewayIdentity = &id },
		Gateway: func(r *iketest.ResponderConfig) {
			r.Identity = fqdn("asa-1.internal")
			r.OnRequest = func(x *iketest.Exchange) bool {
				_, named := wire.FindType[*wire.IDPayload](x.Request, wire.PayloadIDr)
				return !named
			}
		},
	}
	c, log := quirky(moody)
	p := newPair(t, c)
	connect(t, p)
	mustFail(t, p, ike.CauseNoAnswer)
	if strings.Contains(log.String(), "quirk") {
		t.Errorf("a quirk that nobody chose: %s", log)
	}

	c, log = quirky(moody, ike.QuirkNoIDr)
	judged := false
	p = newPair(t, c)
	p.Answer = func(e ike.Event) (ike.Command, bool) {
		if v, ok := e.(ike.NeedVerdict); ok {
			judged = len(v.Chain) > 0
		}
		return nil, false
	}
	connect(t, p)
	mustUp(t, p)
	if !judged {
		t.Error("nobody was asked about the gateway's certificate")
	}
	if got := p.Established.GatewayIdentity; !got.Equal(fqdn("asa-1.internal")) {
		t.Errorf("the gateway is said to be %v", got)
	}
	mustName(t, log, ike.QuirkNoIDr)
}

// RFC 7296 1.3.3: a gateway that refuses a key exchange at a rekey is asked without
// one, and from then on at once; one that is known for it is not asked otherwise.
//
//	--> CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KEi, TSi, TSr }   <-- { N(NO_PROPOSAL_CHOSEN) }
//	--> CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, TSi, TSr }        <-- { SA, Nr, TSi, TSr }
func TestQuirkRekeyWithoutPFS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		quirks []ike.Quirk
		first  int // requests of the first rekey; one for each after that
	}{
		"recognised": {nil, 2},
		"chosen":     {[]ike.Quirk{ike.QuirkRekeyWithoutPFS}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exchanges := 0 // with a key exchange of their own
			c, log := quirky(iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeCreateChildSA: wire.NotifyNoProposalChosen}
				r.RefuseTimes = tt.first - 1
				if tt.first == 1 {
					r.Refuse = nil
				}
				r.OnRequest = func(x *iketest.Exchange) bool {
					if _, pfs := wire.Find[*wire.KEPayload](x.Request); pfs {
						exchanges++
					}
					return true
				}
			}}, tt.quirks...)
			p := connected(t, c)
			want := 0
			for i := range 3 {
				rekeyed(t, p, false)
				if want++; i == 0 {
					want = tt.first
				}
				if n := p.Gateway.Received[wire.ExchangeCreateChildSA]; n != want {
					t.Fatalf("after rekey %d the gateway saw %d requests, want %d", i+1, n, want)
				}
			}
			if exchanges != tt.first-1 {
				t.Errorf("%d key exchanges were asked for, want %d", exchanges, tt.first-1)
			}
			if !strings.Contains(log.String(), "quirk="+string(ike.QuirkRekeyWithoutPFS)) {
				t.Errorf("the log does not name it:\n%s", log)
			}
		})
	}
}

// A configuration that insists on a key exchange is not bent, chosen or not.
func TestQuirkRekeyWithoutPFSIsNoWayAroundTheProfile(t *testing.T) {
	t.Parallel()
	c, _ := quirky(iketest.PairConfig{
		Client: func(cfg *ike.Config) {
			for i, p := range cfg.ChildProposals {
				cfg.ChildProposals[i].Group = slices.DeleteFunc(slices.Clone(p.Group), func(g uint16) bool { return g == suite.GroupNone })
			}
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.OnRequest = func(x *iketest.Exchange) bool {
				_, pfs := wire.Find[*wire.KEPayload](x.Request)
				if x.Header.Exchange == wire.ExchangeCreateChildSA && !pfs {
					t.Error("the client rekeyed without a key exchange")
				}
				return true
			}
		},
	}, ike.QuirkRekeyWithoutPFS)
	p := connected(t, c)
	rekeyed(t, p, false)
}

// RFC 3748 4.2: FortiGate's EAP-Success of five octets is one.
func TestQuirkLongEAPSuccess(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]uint16{"counted": 5, "not counted": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, log := quirky(iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if p, ok := wire.Find[*wire.EAPPayload](x.Response); ok && p.Data[0] == 3 {
						p.Data = append(bytes.Clone(p.Data), 0)
						binary.BigEndian.PutUint16(p.Data[2:], length)
					}
				}
			}})
			connected(t, c)
			mustName(t, log, ike.QuirkLongEAPSuccess)
		})
	}
	c, log := quirky(iketest.PairConfig{})
	connected(t, c)
	if strings.Contains(log.String(), "quirk") {
		t.Errorf("a quirk of a gateway that has none: %s", log)
	}
}

// RFC 8598 3.1: lists of domains in one attribute are taken apart.
func TestQuirkDomainLists(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		"corp.example;lab.example":         {"corp.example", "lab.example"},
		"corp.example,lab.example, x.test": {"corp.example", "lab.example", "x.test"},
		"corp.example; lab.example;":       {"corp.example", "lab.example"},
	} {
		c, log := quirky(iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Domains = []string{list} }})
		p := connected(t, c)
		if got := p.Established.Configuration.Domains; !slices.Equal(got, want) {
			t.Errorf("%q gives %q", list, got)
		}
		mustName(t, log, ike.QuirkDomainLists)
	}
	c, log := quirky(iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Domains = []string{"corp.example", "lab.example"} }})
	if p := connected(t, c); len(p.Established.Configuration.Domains) != 2 || strings.Contains(log.String(), "quirk") {
		t.Errorf("%q, %s", p.Established.Configuration.Domains, log)
	}
}

// Every quirk of the table has a test of its name above; none that is unknown, or
// only recognised, can be chosen.
func TestQuirkTable(t *testing.T) {
	t.Parallel()
	seen := map[ike.Quirk]bool{}
	for _, row := range ike.Quirks() {
		if seen[row.Name] || row.Bends == "" || !row.Chosen && !row.Recognised {
			t.Errorf("%+v", row)
		}
		seen[row.Name] = true
		c, _ := quirky(iketest.PairConfig{Authority: authority()}, row.Name)
		if _, err := iketest.NewPair(c); (err == nil) != row.Chosen {
			t.Errorf("choosing %s: %v", row.Name, err)
		}
	}
	c, _ := quirky(iketest.PairConfig{Authority: authority()}, "sings")
	if _, err := iketest.NewPair(c); err == nil {
		t.Error("an unknown quirk can be chosen")
	}
}
