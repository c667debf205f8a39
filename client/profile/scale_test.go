package profile

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// crowded is a valid profile with ten thousand entries in each list that may be
// long.
func crowded(t testing.TB) *Profile {
	p := full(t)
	p.Traffic.Include, p.Traffic.Exclude, p.DNS.Domains = nil, nil, nil
	for i := range 10000 {
		p.Traffic.Include = append(p.Traffic.Include, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
		p.Traffic.Exclude = append(p.Traffic.Exclude, netip.PrefixFrom(netip.AddrFrom4([4]byte{11, byte(i >> 8), byte(i), 0}), 24))
		p.DNS.Domains = append(p.DNS.Domains, fmt.Sprintf("d%d.corp%d.example", i, i%100))
	}
	return p
}

// TestTenThousandEntries: such a profile is checked, stored and read again in a
// moment, and has room in a file; many more are refused.
func TestTenThousandEntries(t *testing.T) {
	t.Parallel()
	p := crowded(t)
	start := time.Now()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	checked := time.Since(start)
	start = time.Now()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil || len(again.DNS.Domains) != 10000 || len(again.Traffic.Exclude) != 10000 {
		t.Fatalf("%v, read %v", err, again)
	}
	t.Logf("checked in %v, written and read in %v, %d KB", checked, time.Since(start), len(data)>>10)
	if checked > time.Second {
		t.Errorf("checking takes %v", checked)
	}
	for name, change := range map[string]func(*Profile){
		"networks": func(p *Profile) {
			for range maxPrefixes {
				p.Traffic.Include = append(p.Traffic.Include, netip.MustParsePrefix("10.0.0.0/8"))
			}
		},
		"domains": func(p *Profile) {
			for range maxDomains {
				p.DNS.Domains = append(p.DNS.Domains, "corp.example")
			}
		},
		"search names": func(p *Profile) {
			for range maxSearched {
				p.DNS.Search = append(p.DNS.Search, "corp.example")
			}
		},
	} {
		q := full(t)
		if change(q); q.Validate() == nil {
			t.Errorf("any number of %s is valid", name)
		}
	}
}

// BenchmarkValidate checks a profile of ten thousand entries in each list.
func BenchmarkValidate(b *testing.B) {
	p := crowded(b)
	for b.Loop() {
		if err := p.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
