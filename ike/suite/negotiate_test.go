package suite

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

var (
	tGCM256  = wire.Transform{Type: wire.TransformENCR, ID: ENCR_AES_GCM_16, KeyLen: 256}
	tGCM128  = wire.Transform{Type: wire.TransformENCR, ID: ENCR_AES_GCM_16, KeyLen: 128}
	tChaCha  = wire.Transform{Type: wire.TransformENCR, ID: ENCR_CHACHA20_POLY1305}
	tCBC256  = wire.Transform{Type: wire.TransformENCR, ID: ENCR_AES_CBC, KeyLen: 256}
	tSHA256  = wire.Transform{Type: wire.TransformINTEG, ID: AUTH_HMAC_SHA2_256_128}
	tNoInteg = wire.Transform{Type: wire.TransformINTEG, ID: AUTH_NONE}
	tPRF256  = wire.Transform{Type: wire.TransformPRF, ID: PRF_HMAC_SHA2_256}
	tPRF384  = wire.Transform{Type: wire.TransformPRF, ID: PRF_HMAC_SHA2_384}
	tP256    = wire.Transform{Type: wire.TransformKE, ID: GroupP256}
	tX25519  = wire.Transform{Type: wire.TransformKE, ID: GroupX25519}
	tNoGroup = wire.Transform{Type: wire.TransformKE, ID: GroupNone}
	tESN     = wire.Transform{Type: wire.TransformESN, ID: ESNYes}
	tNoESN   = wire.Transform{Type: wire.TransformESN, ID: ESNNo}
)

func ikeAnswer(number uint8, ts ...wire.Transform) []wire.Proposal {
	return []wire.Proposal{{Number: number, Protocol: wire.ProtocolIKE, Transforms: ts}}
}

func espAnswer(number uint8, ts ...wire.Transform) []wire.Proposal {
	return []wire.Proposal{{Number: number, Protocol: wire.ProtocolESP, SPI: []byte{1, 2, 3, 4}, Transforms: ts}}
}

// RFC 7296 3.3.6 for the initiator.
func TestChoose(t *testing.T) {
	t.Parallel()
	odd := tGCM256
	odd.Unknown = true
	withLength := tPRF256
	withLength.KeyLen = 128
	strict := []Proposal{{
		Encryption: []Transform{{ENCR_AES_GCM_16, 256}}, PRF: []uint16{PRF_HMAC_SHA2_384}, Group: []uint16{GroupP384},
	}}
	mixed := []Proposal{
		{Encryption: []Transform{{ENCR_AES_GCM_16, 256}}, PRF: []uint16{PRF_HMAC_SHA2_256}, Group: []uint16{GroupP256}},
		{Encryption: []Transform{{ENCR_AES_GCM_16, 256}}, PRF: []uint16{PRF_HMAC_SHA2_384}, Group: []uint16{GroupX25519}},
	}
	for name, row := range map[string]struct {
		offered []Proposal
		answer  []wire.Proposal
		proto   wire.ProtocolID
		want    string // keyword; "": refused
	}{
		"AEAD":                       {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256, tP256), wire.ProtocolIKE, "aes256gcm16-prfsha256-ecp256"},
		"AEAD, integrity none":       {DefaultIKE(), ikeAnswer(1, tGCM128, tPRF384, tNoInteg, tX25519), wire.ProtocolIKE, "aes128gcm16-prfsha384-x25519"},
		"any order":                  {DefaultIKE(), ikeAnswer(1, tX25519, tPRF256, tChaCha), wire.ProtocolIKE, "chacha20poly1305-prfsha256-x25519"},
		"second proposal":            {DefaultIKE(), ikeAnswer(2, tCBC256, tPRF256, tSHA256, tP256), wire.ProtocolIKE, "aes256-sha256-prfsha256-ecp256"},
		"wrong number":               {DefaultIKE(), ikeAnswer(1, tCBC256, tPRF256, tSHA256, tP256), wire.ProtocolIKE, "aes256-sha256-prfsha256-ecp256"},
		"number out of range":        {DefaultIKE(), ikeAnswer(9, tGCM256, tPRF256, tP256), wire.ProtocolIKE, "aes256gcm16-prfsha256-ecp256"},
		"outside the offer":          {strict, ikeAnswer(1, tGCM256, tPRF256, tP256), wire.ProtocolIKE, ""},
		"parts of two offers":        {mixed, ikeAnswer(1, tGCM256, tPRF256, tX25519), wire.ProtocolIKE, ""},
		"no proposal":                {DefaultIKE(), nil, wire.ProtocolIKE, ""},
		"two proposals":              {DefaultIKE(), append(ikeAnswer(1, tGCM256, tPRF256, tP256), ikeAnswer(2, tGCM256, tPRF256, tP256)...), wire.ProtocolIKE, ""},
		"two ciphers":                {DefaultIKE(), ikeAnswer(1, tGCM256, tGCM128, tPRF256, tP256), wire.ProtocolIKE, ""},
		"one cipher twice":           {DefaultIKE(), ikeAnswer(1, tGCM256, tGCM256, tPRF256, tP256), wire.ProtocolIKE, ""},
		"two groups":                 {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256, tP256, tX25519), wire.ProtocolIKE, ""},
		"no cipher":                  {DefaultIKE(), ikeAnswer(1, tPRF256, tP256), wire.ProtocolIKE, ""},
		"no PRF":                     {DefaultIKE(), ikeAnswer(1, tGCM256, tP256), wire.ProtocolIKE, ""},
		"no group":                   {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256), wire.ProtocolIKE, ""},
		"group none":                 {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256, tNoGroup), wire.ProtocolIKE, ""},
		"AEAD with integrity":        {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256, tSHA256, tP256), wire.ProtocolIKE, ""},
		"CBC without integrity":      {DefaultIKE(), ikeAnswer(2, tCBC256, tPRF256, tP256), wire.ProtocolIKE, ""},
		"CBC with integrity none":    {DefaultIKE(), ikeAnswer(2, tCBC256, tPRF256, tNoInteg, tP256), wire.ProtocolIKE, ""},
		"key length left out":        {DefaultIKE(), ikeAnswer(1, wire.Transform{Type: wire.TransformENCR, ID: ENCR_AES_GCM_16}, tPRF256, tP256), wire.ProtocolIKE, ""},
		"key length for a PRF":       {DefaultIKE(), ikeAnswer(1, tGCM256, withLength, tP256), wire.ProtocolIKE, ""},
		"unknown attribute":          {DefaultIKE(), ikeAnswer(1, odd, tPRF256, tP256), wire.ProtocolIKE, ""},
		"unknown type":               {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256, tP256, wire.Transform{Type: 77}), wire.ProtocolIKE, ""},
		"ESN for IKE":                {DefaultIKE(), ikeAnswer(1, tGCM256, tPRF256, tP256, tESN), wire.ProtocolIKE, ""},
		"another protocol":           {DefaultIKE(), espAnswer(1, tGCM256, tPRF256, tP256), wire.ProtocolIKE, ""},
		"ESP, no group":              {DefaultESP(), espAnswer(1, tGCM256, tESN), wire.ProtocolESP, "aes256gcm16"},
		"ESP, group none":            {DefaultESP(), espAnswer(1, tGCM256, tNoGroup, tNoESN), wire.ProtocolESP, "aes256gcm16"},
		"ESP with a group":           {DefaultESP(), espAnswer(1, tGCM256, tP256, tNoESN), wire.ProtocolESP, "aes256gcm16-ecp256"},
		"ESP, nothing about ESN":     {DefaultESP(), espAnswer(1, tGCM256), wire.ProtocolESP, "aes256gcm16"},
		"ESP, CBC":                   {DefaultESP(), espAnswer(2, tCBC256, tSHA256, tNoESN), wire.ProtocolESP, "aes256-sha256"},
		"ESP, group not offered":     {[]Proposal{DefaultESP()[0].WithoutGroup()}, espAnswer(1, tGCM256, tP256, tNoESN), wire.ProtocolESP, ""},
		"ESP with a PRF":             {DefaultESP(), espAnswer(1, tGCM256, tPRF256, tESN), wire.ProtocolESP, ""},
		"ESP, both modes":            {DefaultESP(), espAnswer(1, tGCM256, tESN, tNoESN), wire.ProtocolESP, ""},
		"ESP, SPI of another length": {DefaultESP(), []wire.Proposal{{Number: 1, Protocol: wire.ProtocolESP, SPI: []byte{1, 2}, Transforms: []wire.Transform{tGCM256, tESN}}}, wire.ProtocolESP, ""},
	} {
		got, spi, err := Choose(row.offered, row.answer, row.proto)
		if row.want == "" {
			if !errors.Is(err, ErrNoProposal) || !reflect.DeepEqual(got, Proposal{}) {
				t.Errorf("%s: chose %v, %v", name, got, err)
			}
			continue
		}
		if err != nil || got.Keyword() != row.want {
			t.Errorf("%s: chose %q, %v; want %q", name, got.Keyword(), err, row.want)
			continue
		}
		if !bytes.Equal(spi, row.answer[0].SPI) {
			t.Errorf("%s: SPI %x", name, spi)
		}
		if !got.single() || (row.proto == wire.ProtocolESP) != (len(got.ESN) == 1) || (row.proto == wire.ProtocolIKE) != (len(got.PRF) == 1) {
			t.Errorf("%s: not one of each kind: %+v", name, got)
		}
	}
}

func TestChosenESN(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		answer []wire.Proposal
		want   uint16
	}{
		{espAnswer(1, tGCM256, tESN), ESNYes}, {espAnswer(1, tGCM256, tNoESN), ESNNo}, {espAnswer(1, tGCM256), ESNNo},
	} {
		got, _, err := Choose(DefaultESP(), row.answer, wire.ProtocolESP)
		if err != nil || len(got.ESN) != 1 || got.ESN[0] != row.want {
			t.Errorf("%v: %v, %v", row.answer, got.ESN, err)
		}
	}
}

// RFC 7296 2.7 for the responder: our order, their limits.
func TestSelect(t *testing.T) {
	t.Parallel()
	odd := tGCM256
	odd.Unknown = true
	offer := func(ps ...wire.Proposal) []wire.Proposal { return ps }
	for name, row := range map[string]struct {
		policy []Proposal
		offer  []wire.Proposal
		want   string
		number uint8
	}{
		"all of our own": {DefaultESP(), ToWire(DefaultESP(), wire.ProtocolESP, []byte{0, 0, 1, 0}), "aes256gcm16-ecp256", 1},
		"our preference": {DefaultESP(), espAnswer(1, tGCM128, tGCM256, tNoESN, tESN), "aes256gcm16", 1},
		"second offer": {DefaultESP()[1:], offer(
			espAnswer(1, tGCM256, tESN)[0], espAnswer(2, tCBC256, tSHA256, tNoESN)[0]), "aes256-sha256", 2},
		"an unknown attribute is passed over": {DefaultESP(), espAnswer(1, odd, tGCM128, tNoESN), "aes128gcm16", 1},
		"an unknown type spoils its proposal": {DefaultESP(), offer(
			espAnswer(1, tGCM256, tESN, wire.Transform{Type: 6, ID: 36})[0], espAnswer(2, tGCM128, tESN)[0]), "aes128gcm16", 2},
		"an unknown ID is passed over": {DefaultESP(), espAnswer(1, wire.Transform{Type: wire.TransformENCR, ID: 3}, tChaCha, tESN), "chacha20poly1305", 1},
		"group demanded by us":         {[]Proposal{mustESP(t, "aes256gcm16", "", "ecp384")}, espAnswer(1, tGCM256, tP256, tESN), "", 0},
		"group demanded by them":       {[]Proposal{mustESP(t, "aes256gcm16", "", "")}, espAnswer(1, tGCM256, tP256, tESN), "", 0},
		"group or none":                {[]Proposal{mustESP(t, "aes256gcm16", "", "")}, espAnswer(1, tGCM256, tP256, tNoGroup, tESN), "aes256gcm16", 1},
		"another protocol":             {DefaultESP(), ikeAnswer(1, tGCM256, tESN), "", 0},
		"nothing":                      {DefaultESP(), nil, "", 0},
	} {
		got, number, _, err := Select(row.policy, row.offer, wire.ProtocolESP)
		if row.want == "" {
			if !errors.Is(err, ErrNoProposal) {
				t.Errorf("%s: selected %v, %v", name, got, err)
			}
			continue
		}
		if err != nil || got.Keyword() != row.want || number != row.number {
			t.Errorf("%s: selected %q of %d, %v; want %q of %d", name, got.Keyword(), number, err, row.want, row.number)
		}
	}
}

func mustESP(t *testing.T, enc, integ, group string) Proposal {
	t.Helper()
	p, err := ParseESP(enc, integ, group)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a responder selects of our offer, we accept, and both see the same.
func TestNegotiationAgrees(t *testing.T) {
	t.Parallel()
	for _, proto := range []wire.ProtocolID{wire.ProtocolIKE, wire.ProtocolESP} {
		all, spi := DefaultIKE(), []byte(nil)
		if proto == wire.ProtocolESP {
			all, spi = DefaultESP(), []byte{0, 0, 1, 1}
		}
		for _, policy := range [][]Proposal{all, all[:1], all[1:], PreferGroup(all, GroupX25519)} {
			offer := ToWire(all, proto, spi)
			theirs, number, gotSPI, err := Select(policy, offer, proto)
			if err != nil || !bytes.Equal(gotSPI, spi) {
				t.Fatalf("%v: %x, %v", proto, gotSPI, err)
			}
			answer := ToWire([]Proposal{theirs}, proto, spi)
			answer[0].Number = number
			ours, _, err := Choose(all, answer, proto)
			if err != nil || !reflect.DeepEqual(ours, theirs) {
				t.Errorf("%v: %+v and %+v, %v", proto, ours, theirs, err)
			}
		}
	}
}

// Offers survive the wire, and AEAD never shares a proposal with CBC (RFC 5282 8).
func TestOffers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		ps    []Proposal
		proto wire.ProtocolID
		spi   []byte
	}{
		{DefaultIKE(), wire.ProtocolIKE, nil},
		{DefaultIKE(), wire.ProtocolIKE, make([]byte, 8)},
		{DefaultESP(), wire.ProtocolESP, []byte{1, 2, 3, 4}},
	} {
		offer := ToWire(row.ps, row.proto, row.spi)
		msg := &wire.Message{Header: wire.Header{Exchange: wire.ExchangeIKESAInit}, Payloads: []wire.Payload{&wire.SAPayload{Proposals: offer}}}
		back, err := wire.ParseMessage(msg.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		sa, ok := wire.Find[*wire.SAPayload](back.Payloads)
		if !ok || len(sa.Proposals) != len(offer) {
			t.Fatalf("%d proposals came back", len(sa.Proposals))
		}
		for i, p := range sa.Proposals {
			if p.Number != uint8(i+1) || p.Protocol != row.proto || !bytes.Equal(p.SPI, row.spi) || !reflect.DeepEqual(p.Transforms, offer[i].Transforms) {
				t.Errorf("proposal %d came back as %+v", i+1, p)
			}
			aead, integrity := 0, 0
			for _, tr := range p.Transforms {
				switch {
				case tr.Type == wire.TransformENCR && findEncryption(tr.ID).aead():
					aead++
				case tr.Type == wire.TransformENCR, tr.Type == wire.TransformINTEG:
					integrity++
				case tr.Type == wire.TransformESN && row.proto == wire.ProtocolIKE, tr.Type == wire.TransformPRF && row.proto == wire.ProtocolESP:
					t.Errorf("proposal %d: %v does not belong", i+1, tr)
				}
			}
			if (aead == 0) == (integrity == 0) {
				t.Errorf("proposal %d mixes AEAD with others, or has no cipher", i+1)
			}
		}
	}
	if !DefaultIKE()[0].AEAD() || !DefaultESP()[0].AEAD() {
		t.Error("AEAD does not lead")
	}
}

// For the first Child SA there is no key exchange (RFC 7296 1.2).
func TestWithoutGroup(t *testing.T) {
	t.Parallel()
	p := DefaultESP()[0]
	q := p.WithoutGroup()
	if len(q.Group) != 0 || len(p.Group) == 0 {
		t.Error("group lists")
	}
	for _, tr := range ToWire([]Proposal{q}, wire.ProtocolESP, make([]byte, 4))[0].Transforms {
		if tr.Type == wire.TransformKE {
			t.Error("a KE transform is left")
		}
	}
}

func TestPreferGroup(t *testing.T) {
	t.Parallel()
	before := DefaultIKE()
	after := PreferGroup(before, GroupP521)
	for i := range after {
		if after[i].Group[0] != GroupP521 || len(after[i].Group) != len(before[i].Group) {
			t.Errorf("%v", after[i].Group)
		}
		seen := map[uint16]bool{}
		for _, g := range after[i].Group {
			seen[g] = true
		}
		if len(seen) != len(before[i].Group) {
			t.Errorf("groups lost: %v", after[i].Group)
		}
	}
	if !reflect.DeepEqual(before, DefaultIKE()) {
		t.Error("the proposals given were changed")
	}
	if !reflect.DeepEqual(PreferGroup(before, 2), before) {
		t.Error("a group that is not there changed the order")
	}
}

func FuzzChoose(f *testing.F) {
	seed := func(proto wire.ProtocolID, ps []wire.Proposal) {
		f.Add(uint8(proto), (&wire.SAPayload{Proposals: ps}).AppendBody(nil))
	}
	seed(wire.ProtocolIKE, ikeAnswer(1, tGCM256, tPRF256, tP256))
	seed(wire.ProtocolESP, espAnswer(1, tGCM256, tESN))
	seed(wire.ProtocolESP, ToWire(DefaultESP(), wire.ProtocolESP, make([]byte, 4)))
	f.Fuzz(func(t *testing.T, proto uint8, body []byte) {
		raw := append([]byte{0, 0, byte((len(body) + 4) >> 8), byte(len(body) + 4)}, body...)
		ps, err := wire.ParseChain(wire.PayloadSA, raw)
		if err != nil {
			return
		}
		sa, ok := wire.Find[*wire.SAPayload](ps)
		if !ok {
			return
		}
		p := wire.ProtocolID(proto)
		policy := DefaultIKE()
		if p == wire.ProtocolESP {
			policy = DefaultESP()
		}
		chosen, _, err := Choose(policy, sa.Proposals, p)
		if err == nil {
			if _, _, err := chosen.keySizes(); err != nil {
				t.Errorf("chose what has no keys: %v", err)
			}
		}
		selected, number, spi, err := Select(policy, sa.Proposals, p)
		if err != nil {
			return
		}
		answer := ToWire([]Proposal{selected}, p, spi)
		answer[0].Number = number
		if _, _, err := Choose(policy, answer, p); err != nil {
			t.Errorf("our own selection is not acceptable: %v", err)
		}
	})
}
