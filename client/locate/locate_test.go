package locate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// in runs a test with a rig in virtual time.
func in(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newRig(t)) })
}

// pass lets the bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

// TestFind: both families are asked for, the hole is open only meanwhile, what there
// is a way to goes first, and a second search within the TTL asks nobody.
func TestFind(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.answers(r.zone(true, "gw.example 60 A 203.0.113.1", "gw.example 60 AAAA 2001:db8::1"))
		r.find(gw6, gw4)
		asked := r.take()
		if len(asked) != 2 || r.opened != 1 {
			t.Errorf("asked %v, %d holes", asked, r.opened)
		}
		for _, q := range asked {
			if q.network != "udp" || q.server != one || q.name != "gw.example." {
				t.Errorf("asked %v", q)
			}
		}
		r.noRoute[gw6] = true
		r.find(gw4, gw6)
		if asked := r.take(); len(asked) != 0 {
			t.Errorf("within the TTL: %v", asked)
		}
		pass(61 * time.Second)
		r.find(gw4, gw6)
		if asked := r.take(); len(asked) != 2 {
			t.Errorf("after the TTL: %v", asked)
		}
		r.servers = []netip.AddrPort{two}
		r.find(gw4, gw6)
		if asked := r.take(); len(asked) != 2 || asked[0].server != two {
			t.Errorf("in another network: %v", asked)
		}
	})
}

// TestAddressAndNonsense: what is an address is not asked for, and neither is what is
// no name.
func TestAddressAndNonsense(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		for host, want := range map[string]string{"203.0.113.9": "203.0.113.9", "2001:db8::9": "2001:db8::9", "::ffff:203.0.113.9": "203.0.113.9"} {
			if got, err := r.Find(t.Context(), host); err != nil || len(got) != 1 || got[0].String() != want {
				t.Errorf("%s: %v, %v", host, got, err)
			}
		}
		for _, host := range []string{"", ".", "a..b", "a b", "gätway.example", strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130) + "b", "a\x00b"} {
			if got, err := r.Find(t.Context(), host); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v, %v", host, got, err)
			}
		}
		if r.opened != 0 {
			t.Error("a hole for nothing")
		}
	})
}

// TestAliases (RFC 1034 3.6.2): they are followed within an answer and across
// answers, and not for ever.
func TestAliases(t *testing.T) {
	t.Parallel()
	chain := func(n int) (lines []string) {
		name := "gw.example"
		for i := range n {
			next := fmt.Sprintf("n%d.example", i)
			lines = append(lines, name+" 60 CNAME "+next)
			name = next
		}
		return append(lines, name+" 60 A 203.0.113.1")
	}
	loop := []string{"gw.example 60 CNAME b.example", "b.example 60 CNAME gw.example"}
	for name, row := range map[string]struct {
		lines []string
		found bool
	}{
		"one": {chain(1), true}, "most": {chain(maxAliases), true}, "too many": {chain(maxAliases + 1), false},
		"loop": {loop, false}, "itself": {[]string{"gw.example 60 CNAME gw.example"}, false}, "nowhere": {[]string{"gw.example 60 CNAME b.example"}, false},
	} {
		for _, chase := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", chase), func(t *testing.T) {
				t.Parallel()
				in(t, func(t *testing.T, r *rig) {
					r.answers(r.zone(chase, row.lines...))
					if row.found {
						r.find(gw4)
					} else {
						r.find()
					}
					if n := len(r.take()); n > 4*(maxAliases+1) {
						t.Errorf("%d questions", n)
					}
				})
			})
		}
	}
}

// TestForeignRecords: what an answer says about other names, or that nobody asked for,
// is not believed, and neither are addresses that no gateway elsewhere has.
func TestForeignRecords(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"another name": {"www.example 60 A 198.51.100.66"}, "another kind": {"gw.example 60 AAAA 2001:db8::66"},
		"beside the alias": {"gw.example 60 CNAME a.example", "b.example 60 A 198.51.100.66", "gw.example 60 A 198.51.100.66"},
		"this machine":     {"gw.example 60 A 127.0.0.1"}, "nothing": {"gw.example 60 A 0.0.0.0"}, "all": {"gw.example 60 A 255.255.255.255"},
		"many": {"gw.example 60 A 224.0.0.1"}, "the wire": {"gw.example 60 A 169.254.1.1"}, "words": {"gw.example 60 TXT x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T, r *rig) {
				r.servers = []netip.AddrPort{one}
				r.answers(func(q question, m dnsmessage.Message) [][]byte {
					if q.kind != dnsmessage.TypeA {
						return [][]byte{r.pack(m, func(*dnsmessage.Message) {})}
					}
					return [][]byte{r.pack(m, func(m *dnsmessage.Message) {
						for _, l := range lines {
							m.Answers = append(m.Answers, record(t, l))
						}
					})}
				})
				r.find()
			})
		})
	}
}

// TestForged: datagrams that are no answers to the question, with another ID or about
// another name, are passed over, and the right one counts.
func TestForged(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		good := r.zone(true, "gw.example 60 A 203.0.113.1", "gw.example 60 AAAA 2001:db8::1")
		r.answers(func(q question, m dnsmessage.Message) [][]byte {
			forge := func(change func(*dnsmessage.Message)) []byte {
				return r.pack(m, func(m *dnsmessage.Message) {
					m.Answers = []dnsmessage.Resource{record(t, "gw.example 60 A 198.51.100.66"), record(t, "gw.example 60 AAAA 2001:db8::66")}
					m.Questions = slices.Clone(m.Questions)
					change(m)
				})
			}
			return append([][]byte{
				forge(func(m *dnsmessage.Message) { m.ID++ }),
				forge(func(m *dnsmessage.Message) { m.Response = false }),
				forge(func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("www.example.") }),
				forge(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeTXT }),
				forge(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }),
				forge(func(m *dnsmessage.Message) { m.Questions = nil }),
				{}, []byte("no message at all"),
			}, good(q, m)...)
		})
		r.find(gw6, gw4)
		if asked := r.take(); len(asked) != 2 {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestCut (RFC 1035 4.2): an answer that does not fit is asked for by TCP, and one
// that is cut there too, or longer than any is, is none.
func TestCut(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		whole := r.zone(true, "gw.example 60 A 203.0.113.1")
		cut := func(m *dnsmessage.Message) { m.Truncated = true }
		r.answers(func(q question, m dnsmessage.Message) [][]byte {
			if q.network == "udp" {
				return [][]byte{r.pack(m, cut)}
			}
			return whole(q, m)
		})
		r.find(gw4)
		if asked := r.take(); len(asked) != 4 {
			t.Errorf("asked %v", asked)
		}
		for _, text := range [][]byte{nil, make([]byte, 1<<15)} {
			pass(time.Hour)
			r.answers(func(q question, m dnsmessage.Message) [][]byte {
				if q.network == "tcp" && text != nil {
					return [][]byte{text}
				}
				return [][]byte{r.pack(m, cut)}
			})
			r.Config.CacheFile = ""
			r.restart()
			r.find()
			if n := len(r.take()); n != 2*2*rounds*2 {
				t.Errorf("%d questions", n)
			}
		}
	})
}

// TestServers: one that is silent or cannot say is passed over; one that says that
// there is no such name is believed; all of them silent end in time.
func TestServers(t *testing.T) {
	t.Parallel()
	good := []string{"gw.example 60 A 203.0.113.1", "gw.example 60 AAAA 2001:db8::1"}
	for name, first := range map[string]func(r *rig) func(question, dnsmessage.Message) [][]byte{
		"silent": func(*rig) func(question, dnsmessage.Message) [][]byte {
			return func(question, dnsmessage.Message) [][]byte { return nil }
		},
		"fails": func(r *rig) func(question, dnsmessage.Message) [][]byte {
			return func(_ question, m dnsmessage.Message) [][]byte {
				return [][]byte{r.pack(m, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeServerFailure })}
			}
		},
		"nonsense": func(r *rig) func(question, dnsmessage.Message) [][]byte {
			return func(_ question, m dnsmessage.Message) [][]byte {
				b := r.pack(m, func(m *dnsmessage.Message) { m.Answers = []dnsmessage.Resource{record(r.t, good[0])} })
				return [][]byte{b[:len(b)-3]}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T, r *rig) {
				bad, zone := first(r), r.zone(true, good...)
				r.answers(func(q question, m dnsmessage.Message) [][]byte {
					if q.server == one {
						return bad(q, m)
					}
					return zone(q, m)
				})
				r.find(gw6, gw4)
				r.answers(bad)
				r.Config.CacheFile = ""
				r.restart()
				r.find()
			})
		})
	}
	in(t, func(t *testing.T, r *rig) {
		r.answers(r.zone(true, "www.example 60 A 203.0.113.1"))
		if err := r.find(); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if asked := r.take(); len(asked) != 2 {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestOneFamilyIsLost: a network that loses the question for one kind of address does
// not hold up the other for long.
func TestOneFamilyIsLost(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		zone := r.zone(true, "gw.example 60 A 203.0.113.1")
		r.answers(func(q question, m dnsmessage.Message) [][]byte {
			if q.kind == dnsmessage.TypeAAAA {
				return nil
			}
			return zone(q, m)
		})
		begun := time.Now()
		r.find(gw4)
		if took := time.Since(begun); took != other {
			t.Errorf("took %v", took)
		}
	})
}

// TestLastResort: with no answer the addresses of before are used, however old, from
// the disk too; and they are found sooner than a name that nobody knows.
func TestLastResort(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.answers(r.zone(true, "gw.example 60 A 203.0.113.1"))
		r.find(gw4)
		info, err := os.Stat(r.CacheFile)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
		silent := func(question, dnsmessage.Message) [][]byte { return nil }
		r.answers(silent)
		open := r.Config.Open
		for name, broken := range map[string]func(){
			"silent":         func() {},
			"no servers":     func() { r.servers = []netip.AddrPort{} },
			"servers failed": func() { r.servers = nil },
			"no hole": func() {
				r.Config.Open = func(context.Context, []netip.AddrPort) (func(), error) { return nil, errors.New("the kernel refuses") }
			},
			"no such name": func() { r.answers(r.zone(true)) },
		} {
			pass(24 * time.Hour)
			r.servers, r.Config.Open = []netip.AddrPort{one}, open
			r.answers(silent)
			broken()
			r.restart()
			begun := time.Now()
			r.find(gw4)
			if took := time.Since(begun); took > shortTime {
				t.Errorf("%s: took %v", name, took)
			}
		}
		pass(oldest)
		r.restart()
		r.find()
	})
}

// TestCalledOff: nobody waits for a search that was called off, and the next is not
// kept waiting.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.answers(func(question, dnsmessage.Message) [][]byte { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		begun := time.Now()
		if got, err := r.Find(ctx, "gw.example"); err == nil {
			t.Errorf("found %v", got)
		}
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		r.take()
	})
}

// TestOften: a name is asked for once a second and no more, whoever wants it.
func TestOften(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.answers(r.zone(true))
		begun := time.Now()
		for range 5 {
			r.find()
		}
		if took := time.Since(begun); took != 4*pause {
			t.Errorf("5 searches took %v", took)
		}
		r.answers(r.zone(true, "gw.example 0 A 203.0.113.1")) // TTL 0
		pass(pause)
		r.take()
		for range 5 {
			r.find(gw4)
		}
		if asked := r.take(); len(asked) != 2 {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestHosts: the system's own list goes before the network.
func TestHosts(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.HostsFile = filepath.Join(t.TempDir(), "hosts")
		text := "127.0.0.1 localhost\n# 198.51.100.1 gw.example\n203.0.113.2\twww Gw.Example. # ours\nnonsense gw.example\n2001:db8::1 gw.example\n"
		if err := os.WriteFile(r.HostsFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.Locator.cfg.HostsFile = r.HostsFile
		r.find(gw6, gw4b)
		if r.opened != 0 {
			t.Error("the network was asked")
		}
	})
}

// TestUnwritable: a disk that takes nothing costs a question, and no more.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T, r *rig) {
		r.CacheFile = filepath.Join(t.TempDir(), "gone", "gateways.json")
		r.restart()
		r.answers(r.zone(true, "gw.example 60 A 203.0.113.1"))
		r.find(gw4)
		if _, err := os.Stat(r.CacheFile); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}
