package suite

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// hybrid is a proposal with additional key exchanges.
func hybrid(t *testing.T, words string) Proposal {
	t.Helper()
	p, err := ParseIKE("aes256gcm16", "", "sha256", words)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// RFC 9370 2.2.1: what is offered, what can be chosen from it, and that no
// method is chosen twice.
func TestAdditionalKeyExchangesNegotiated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, policy, offer, want string
	}{
		{"both have it", "x25519-ke1_mlkem768", "x25519-ke1_mlkem768", "x25519-ke1_mlkem768"},
		{"ours decides", "x25519-ke1_mlkem1024-ke1_mlkem768", "x25519-ke1_mlkem768-ke1_mlkem1024", "x25519-ke1_mlkem1024"},
		{"left out", "x25519", "x25519-ke1_mlkem768-ke1_none", "x25519"},
		{"cannot be left out by us", "x25519", "x25519-ke1_mlkem768", ""},
		{"cannot be left out by them", "x25519-ke1_mlkem768", "x25519", ""},
		{"several, one of them none", "x25519-ke1_mlkem768-ke3_ecp256-ke3_none", "x25519-ke1_mlkem768", "x25519-ke1_mlkem768"},
		{"in their order", "x25519-ke7_ecp384-ke2_mlkem768", "x25519-ke2_mlkem768-ke7_ecp384", "x25519-ke2_mlkem768-ke7_ecp384"},
		{"not twice", "x25519-ke1_x25519", "x25519-ke1_x25519", ""},
		{"not twice, so none", "x25519-ke1_x25519-ke1_none", "x25519-ke1_x25519-ke1_none", "x25519"},
		{"another alternative for the first", "x25519-ke1_ecp256-ke1_ecp384-ke2_ecp256", "x25519-ke1_ecp256-ke1_ecp384-ke2_ecp256", "x25519-ke1_ecp384-ke2_ecp256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			policy, offer := hybrid(t, c.policy), hybrid(t, c.offer)
			got, _, _, err := Select([]Proposal{policy}, ToWire([]Proposal{offer}, wire.ProtocolIKE, nil), wire.ProtocolIKE)
			if c.want == "" {
				if !errors.Is(err, ErrNoProposal) {
					t.Fatalf("%v, %v", got, err)
				}
				return
			}
			if err != nil || got.Keyword() != hybrid(t, c.want).Keyword() {
				t.Fatalf("%v, want %s (%v)", got, c.want, err)
			}
			// The initiator takes that answer, and not one with a method twice.
			if back, _, err := Choose([]Proposal{offer}, ToWire([]Proposal{got}, wire.ProtocolIKE, nil), wire.ProtocolIKE); err != nil || back.Keyword() != got.Keyword() {
				t.Errorf("%v, %v", back, err)
			}
		})
	}
}

// RFC 9370 2.2.1: an answer with one method twice, with an additional method
// that was not offered, or with two of one type, is none.
func TestAdditionalKeyExchangesRefused(t *testing.T) {
	t.Parallel()
	offer := []Proposal{hybrid(t, "x25519-ke1_x25519-ke1_mlkem768-ke2_mlkem768-ke2_none")}
	for _, answer := range []string{
		"x25519-ke1_x25519", "x25519-ke1_mlkem768-ke2_mlkem768", "x25519", "x25519-ke1_mlkem1024",
		"x25519-ke1_mlkem768-ke3_ecp256", "x25519-ke1_mlkem768-ke1_x25519",
	} {
		if p, _, err := Choose(offer, ToWire([]Proposal{hybrid(t, answer)}, wire.ProtocolIKE, nil), wire.ProtocolIKE); !errors.Is(err, ErrNoProposal) {
			t.Errorf("%s was taken as %v: %v", answer, p, err)
		}
	}
}

// RFC 9370 2.2.4: a Child SA without a key exchange has no additional one, and
// one that must have them has no way around the first.
func TestAdditionalKeyExchangesOfChild(t *testing.T) {
	t.Parallel()
	must, err := ParseESP("aes256gcm16", "", "x25519-ke1_mlkem768")
	if err != nil {
		t.Fatal(err)
	}
	may := must
	may.Group = []uint16{GroupX25519, GroupNone}
	may.AddKE[0] = []uint16{GroupMLKEM768, GroupNone}
	if must.GroupOptional() || !may.GroupOptional() {
		t.Error("which key exchange can be left out?")
	}
	without := ToWire([]Proposal{must.WithoutGroup()}, wire.ProtocolESP, make([]byte, 4))
	if p, _, _, err := Select([]Proposal{must}, without, wire.ProtocolESP); !errors.Is(err, ErrNoProposal) {
		t.Errorf("%v, %v", p, err)
	}
	if p, _, _, err := Select([]Proposal{may}, without, wire.ProtocolESP); err != nil || len(p.Group)+len(p.Additional()) != 0 {
		t.Errorf("%v, %v", p, err)
	}
	half := must
	half.Group = []uint16{GroupNone}
	offer := ToWire([]Proposal{half}, wire.ProtocolESP, make([]byte, 4))
	if p, _, _, err := Select([]Proposal{half}, offer, wire.ProtocolESP); !errors.Is(err, ErrNoProposal) {
		t.Errorf("%v, %v", p, err)
	}
}

// The keywords of additional key exchanges, both ways.
func TestAdditionalKeywords(t *testing.T) {
	t.Parallel()
	p := hybrid(t, "x25519-ke1_mlkem768-ke1_none-ke7_ecp384")
	if got := p.Keyword(); got != "aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke1_none-ke7_ecp384" {
		t.Errorf("%s", got)
	}
	if !OffersAdditional([]Proposal{{}, p}) || OffersAdditional(DefaultIKE()) || OffersAdditional(DefaultESP()) {
		t.Error("who offers additional key exchanges?")
	}
	if got := p.WithoutGroup(); OffersAdditional([]Proposal{got}) {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{
		"x25519-", "x25519-mlkem768", "x25519-ke0_mlkem768", "x25519-ke8_mlkem768", "x25519-ke1_", "x25519-ke1_mlkem512",
		"x25519-1_mlkem768", "ke1_mlkem768", "none-ke1_mlkem768", "x25519-ke1_mlkem768-ke1_mlkem768",
	} {
		var e *KeywordError
		if p, err := ParseIKE("aes256gcm16", "", "sha256", bad); !errors.As(err, &e) || e.Kind != "group" {
			t.Errorf("%q gave %v, %v", bad, p, err)
		}
	}
}

// RFC 9370 2.2.4: the additional secrets follow the nonces, in their order.
//
//	KEYMAT   = prf+(SK_d, SK(0) | Ni | Nr | SK(1) | ... | SK(n))
//	SKEYSEED = prf(SK_d, SK(0) | Ni | Nr | SK(1) | ... | SK(n))
func TestAdditionalSecretsInKeys(t *testing.T) {
	t.Parallel()
	p := hybrid(t, "x25519")
	esp := Proposal{Encryption: []Transform{{ENCR_AES_GCM_16, 256}}}
	skd, shared := Secret(bytes.Repeat([]byte{1}, 32)), Secret(bytes.Repeat([]byte{2}, 32))
	ni, nr := bytes.Repeat([]byte{3}, 16), bytes.Repeat([]byte{4}, 16)
	one, two := Secret(bytes.Repeat([]byte{5}, 32)), Secret(bytes.Repeat([]byte{6}, 66))
	all := slices.Concat(shared, ni, nr, one, two)

	keymat, err := PRFPlus(PRF_HMAC_SHA2_256, skd, 2*36, all)
	if err != nil {
		t.Fatal(err)
	}
	child, err := DeriveChild(p, skd, shared, ni, nr, esp, one, two)
	if err != nil || !bytes.Equal(slices.Concat(child.InitiatorEncryption, child.ResponderEncryption), keymat) {
		t.Errorf("another KEYMAT, %v", err)
	}
	stream, err := PRFPlus(PRF_HMAC_SHA2_256, PRF(PRF_HMAC_SHA2_256, skd, all), 32, ni, nr, make([]byte, 7), []byte{7}, make([]byte, 7), []byte{8})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := DeriveRekeyed(p, PRF_HMAC_SHA2_256, skd, shared, ni, nr, 7, 8, one, two)
	if err != nil || !bytes.Equal(keys.SK_d, stream) {
		t.Errorf("another SK_d, %v", err)
	}
}
