package suite

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

type kdfVector struct {
	Name, Alg     string
	NInit, NResp  vectors.Hex
	SPIInit       vectors.Hex `json:"spiInit"`
	SPIResp       vectors.Hex `json:"spiResp"`
	Gir, GirNew   vectors.Hex
	SKeySeed      vectors.Hex
	Material      vectors.Hex `json:"derivedKeyingMaterial"`
	MaterialChild vectors.Hex `json:"derivedKeyingMaterialChild"`
	MaterialDh    vectors.Hex `json:"derivedKeyingMaterialDh"`
	SKeySeedReKey vectors.Hex
}

var prfOfHash = map[string]uint16{"SHA2-256": PRF_HMAC_SHA2_256, "SHA2-384": PRF_HMAC_SHA2_384, "SHA2-512": PRF_HMAC_SHA2_512}

// RFC 7296 2.14, 2.17, 2.18 against NIST's numbers.
func TestKeyScheduleVectors(t *testing.T) {
	t.Parallel()
	var file struct{ Vectors []kdfVector }
	vectors.Load(t, "acvp/ikev2-kdf.json", &file)
	seen := 0
	for _, v := range file.Vectors {
		prf, ok := prfOfHash[v.Alg]
		if !ok {
			continue // SHA-1, which is not negotiated here
		}
		seen++
		nonces := slices.Concat(v.NInit, v.NResp)
		seed := PRF(prf, nonces, v.Gir)
		if !bytes.Equal(seed, v.SKeySeed) {
			t.Errorf("%s: SKEYSEED", v.Name)
		}
		skd := Secret(v.Material[:PRFSize(prf)])
		if got := PRF(prf, skd, v.GirNew, nonces); !bytes.Equal(got, v.SKeySeedReKey) {
			t.Errorf("%s: SKEYSEED of a rekey", v.Name)
		}
		for what, row := range map[string]struct {
			key  []byte
			seed [][]byte
			want []byte
		}{
			"SK":           {seed, [][]byte{v.NInit, v.NResp, v.SPIInit, v.SPIResp}, v.Material},
			"KEYMAT":       {skd, [][]byte{v.NInit, v.NResp}, v.MaterialChild},
			"KEYMAT, g^ir": {skd, [][]byte{v.GirNew, v.NInit, v.NResp}, v.MaterialDh},
		} {
			got, err := PRFPlus(prf, row.key, len(row.want), row.seed...)
			if err != nil || !bytes.Equal(got, row.want) {
				t.Errorf("%s: %s: %v", v.Name, what, err)
			}
		}
		checkDerived(t, v, prf)
	}
	if seen != 2 {
		t.Errorf("%d vectors used, want 2", seen)
	}
}

// checkDerived compares the exported functions with as much of the stream as
// the vector holds.
func checkDerived(t *testing.T, v kdfVector, prf uint16) {
	t.Helper()
	p := Proposal{Encryption: []Transform{{ENCR_AES_GCM_16, 128}}, PRF: []uint16{prf}}
	spiI, spiR := wire.SPI(be64(v.SPIInit)), wire.SPI(be64(v.SPIResp))
	k, err := DeriveKeys(p, Secret(v.Gir), v.NInit, v.NResp, spiI, spiR)
	if err != nil {
		t.Fatal(err)
	}
	stream := slices.Concat(k.SK_d, k.SK_ai, k.SK_ar, k.SK_ei, k.SK_er, k.SK_pi, k.SK_pr)
	n := min(len(stream), len(v.Material))
	if n < PRFSize(prf) || !bytes.Equal(stream[:n], v.Material[:n]) {
		t.Errorf("%s: DeriveKeys", v.Name)
	}
	for what, row := range map[string]struct {
		shared Secret
		want   []byte
	}{"without g^ir": {nil, v.MaterialChild}, "with g^ir": {Secret(v.GirNew), v.MaterialDh}} {
		c, err := DeriveChild(p, k.SK_d, row.shared, v.NInit, v.NResp, Proposal{Encryption: []Transform{{ENCR_AES_GCM_16, 256}}})
		if err != nil {
			t.Fatal(err)
		}
		stream := slices.Concat(c.InitiatorEncryption, c.ResponderEncryption)
		if n := min(len(stream), len(row.want)); !bytes.Equal(stream[:n], row.want[:n]) {
			t.Errorf("%s: DeriveChild %s", v.Name, what)
		}
	}
	r, err := DeriveRekeyed(p, prf, k.SK_d, Secret(v.GirNew), v.NInit, v.NResp, spiI, spiR)
	if err != nil {
		t.Fatal(err)
	}
	want, err := PRFPlus(prf, v.SKeySeedReKey, PRFSize(prf), v.NInit, v.NResp, v.SPIInit, v.SPIResp)
	if err != nil || !bytes.Equal(r.SK_d, want) {
		t.Errorf("%s: DeriveRekeyed: %v", v.Name, err)
	}
}

func be64(b []byte) (n uint64) {
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

func TestCAVPVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name, Kind, PRF string
			Key, Salt, Out  vectors.Hex
		}
	}
	vectors.Load(t, "strongswan/ikev2_kdf_cavp.json", &file)
	ids := map[string]uint16{"PRF_HMAC_SHA2_256": PRF_HMAC_SHA2_256, "PRF_HMAC_SHA2_384": PRF_HMAC_SHA2_384, "PRF_HMAC_SHA2_512": PRF_HMAC_SHA2_512}
	kinds := map[string]int{}
	for _, v := range file.Vectors {
		id, ok := ids[v.PRF]
		if !ok {
			continue
		}
		kinds[v.Kind]++
		var got []byte
		var err error
		if v.Kind == "SKEYSEED" {
			got = PRF(id, v.Salt, v.Key)
		} else {
			got, err = PRFPlus(id, v.Key, len(v.Out), v.Salt)
		}
		if err != nil || !bytes.Equal(got, v.Out) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	if kinds["SKEYSEED"] < 3 || kinds["prf+"] < 3 {
		t.Errorf("vectors used: %v", kinds)
	}
}

// RFC 4868 2.7 and strongSwan's collection: PRFs whole, integrity cut to half.
func TestMACVectors(t *testing.T) {
	t.Parallel()
	type vector struct {
		Alg            string
		Key, Data, Out vectors.Hex
	}
	prfIDs := map[string]uint16{"PRF_HMAC_SHA2_256": PRF_HMAC_SHA2_256, "PRF_HMAC_SHA2_384": PRF_HMAC_SHA2_384, "PRF_HMAC_SHA2_512": PRF_HMAC_SHA2_512}
	authIDs := []struct {
		word string
		id   uint16
	}{{"SHA2_256", AUTH_HMAC_SHA2_256_128}, {"SHA2_384", AUTH_HMAC_SHA2_384_192}, {"SHA2_512", AUTH_HMAC_SHA2_512_256}}
	for _, name := range []string{"rfc/rfc4868-hmac-sha2.json", "strongswan/mac_prf.json"} {
		var file struct{ Vectors []vector }
		vectors.Load(t, name, &file)
		prfCount, authCount := 0, 0
		for _, v := range file.Vectors {
			if id, ok := prfIDs[v.Alg]; ok {
				prfCount++
				if !bytes.Equal(PRF(id, v.Key, v.Data), v.Out) {
					t.Errorf("%s: %s of %x", name, v.Alg, []byte(v.Data))
				}
				continue
			}
			for _, a := range authIDs {
				m := findMAC(a.id)
				if strings.HasPrefix(v.Alg, "AUTH_HMAC_") && strings.Contains(v.Alg, a.word) && len(v.Out) == m.icv {
					authCount++
					if !bytes.Equal(m.sum(v.Key, v.Data), v.Out) {
						t.Errorf("%s: %s of %x", name, v.Alg, []byte(v.Data))
					}
				}
			}
		}
		if prfCount < 6 || authCount < 3 {
			t.Errorf("%s: %d PRF and %d AUTH vectors", name, prfCount, authCount)
		}
	}
}

func TestPRFPlusBounds(t *testing.T) {
	t.Parallel()
	whole, err := PRFPlus(PRF_HMAC_SHA2_256, []byte("key"), 255*32, []byte("seed"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 31, 32, 33, 64, 1000, 255 * 32} {
		part, err := PRFPlus(PRF_HMAC_SHA2_256, []byte("key"), n, []byte("se"), []byte("ed"))
		if err != nil || len(part) != n || !bytes.Equal(part, whole[:n]) {
			t.Errorf("%d octets: %d, %v", n, len(part), err)
		}
	}
	for _, n := range []int{-1, 255*32 + 1} {
		if _, err := PRFPlus(PRF_HMAC_SHA2_256, nil, n); err == nil {
			t.Errorf("%d octets were given", n)
		}
	}
	if _, err := PRFPlus(99, nil, 1); !errors.Is(err, ErrPRF) {
		t.Errorf("unknown function: %v", err)
	}
}

func TestUnknownPRFPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	PRF(99, nil)
}

// RFC 7296 2.14: which keys there are, and how long.
func TestKeyLengths(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		enc, integ, prf string
		e, a, d         int
	}{
		{"aes128gcm16", "", "sha256", 20, 0, 32},
		{"aes256gcm16", "", "sha384", 36, 0, 48},
		{"aes128gcm8", "", "aesxcbc", 20, 0, 16},
		{"aes128ccm8", "", "aescmac", 19, 0, 16},
		{"aes256ccm16", "", "sha1", 35, 0, 20},
		{"aes192ctr", "aesxcbc", "sha256", 28, 16, 32},
		{"3des", "sha1", "sha1", 24, 20, 20},
		{"chacha20poly1305", "", "sha512", 36, 0, 64},
		{"aes128", "sha256", "sha256", 16, 32, 32},
		{"aes192", "sha384", "sha256", 24, 48, 32},
		{"aes256", "sha512", "sha384", 32, 64, 48},
	} {
		p, err := ParseIKE(row.enc, row.integ, row.prf, "ecp256")
		if err != nil {
			t.Fatal(err)
		}
		k, err := DeriveKeys(p, Secret("shared"), []byte("ni"), []byte("nr"), 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		got := []int{len(k.SK_d), len(k.SK_pi), len(k.SK_pr), len(k.SK_ai), len(k.SK_ar), len(k.SK_ei), len(k.SK_er)}
		if want := []int{row.d, row.d, row.d, row.a, row.a, row.e, row.e}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p.Keyword(), got, want)
		}
		c, err := DeriveChild(p, k.SK_d, nil, []byte("ni"), []byte("nr"), p)
		if err != nil {
			t.Fatal(err)
		}
		got = []int{len(c.InitiatorEncryption), len(c.ResponderEncryption), len(c.InitiatorIntegrity), len(c.ResponderIntegrity)}
		if want := []int{row.e, row.e, row.a, row.a}; !slices.Equal(got, want) {
			t.Errorf("child %s: %v, want %v", p.Keyword(), got, want)
		}
		if bytes.Equal(c.InitiatorEncryption, c.ResponderEncryption) || bytes.Equal(k.SK_pi, k.SK_pr) {
			t.Errorf("%s: both directions have one key", p.Keyword())
		}
		k.Clear()
		c.Clear()
		for _, s := range []Secret{k.SK_d, k.SK_er, k.SK_pr, c.InitiatorEncryption, c.ResponderIntegrity} {
			if !bytes.Equal(s, make([]byte, len(s))) {
				t.Errorf("%s: not cleared", p.Keyword())
			}
		}
	}
}

func TestDeriveRefusesWhatWasNotChosen(t *testing.T) {
	t.Parallel()
	good := Proposal{Encryption: []Transform{{ENCR_AES_GCM_16, 256}}, PRF: []uint16{PRF_HMAC_SHA2_256}}
	for name, p := range map[string]Proposal{
		"a choice of ciphers":   DefaultIKE()[0],
		"no PRF":                {Encryption: good.Encryption},
		"unknown PRF":           {Encryption: good.Encryption, PRF: []uint16{1}},
		"unknown cipher":        {Encryption: []Transform{{2, 0}}, PRF: good.PRF},
		"unknown key length":    {Encryption: []Transform{{ENCR_AES_GCM_16, 512}}, PRF: good.PRF},
		"length for ChaCha20":   {Encryption: []Transform{{ENCR_CHACHA20_POLY1305, 256}}, PRF: good.PRF},
		"CBC without integrity": {Encryption: []Transform{{ENCR_AES_CBC, 256}}, PRF: good.PRF},
		"CTR without integrity": {Encryption: []Transform{{ENCR_AES_CTR, 256}}, PRF: good.PRF},
		"AES without a length":  {Encryption: []Transform{{ENCR_AES_CCM_16, 0}}, PRF: good.PRF},
		"unknown integrity":     {Encryption: []Transform{{ENCR_AES_CBC, 256}}, PRF: good.PRF, Integrity: []uint16{1}},
		"integrity beside AEAD": {Encryption: good.Encryption, PRF: good.PRF, Integrity: []uint16{AUTH_HMAC_SHA2_256_128}},
	} {
		if _, err := DeriveKeys(p, nil, nil, nil, 0, 0); err == nil {
			t.Errorf("%s: DeriveKeys took it", name)
		}
		if _, err := DeriveChild(p, nil, nil, nil, nil, p); err == nil {
			t.Errorf("%s: DeriveChild took it", name)
		}
	}
	if _, err := DeriveRekeyed(good, 1, nil, nil, nil, nil, 0, 0); !errors.Is(err, ErrPRF) {
		t.Errorf("unknown old PRF: %v", err)
	}
	if _, err := DeriveChild(good, nil, nil, nil, nil, Proposal{}); err == nil {
		t.Error("DeriveChild took an empty ESP proposal")
	}
}

// RFC 7296 2.18: SKEYSEED by the old function, the keys by the new one.
func TestRekeyAcrossFunctions(t *testing.T) {
	t.Parallel()
	p, err := ParseIKE("aes256gcm16", "", "sha512", "x25519")
	if err != nil {
		t.Fatal(err)
	}
	skd, shared, ni, nr := Secret("old SK_d"), Secret("new secret"), []byte("new ni"), []byte("new nr")
	k, err := DeriveRekeyed(p, PRF_HMAC_SHA2_256, skd, shared, ni, nr, 0x0102, 0x0304)
	if err != nil {
		t.Fatal(err)
	}
	seed := PRF(PRF_HMAC_SHA2_256, skd, shared, ni, nr)
	want, err := PRFPlus(PRF_HMAC_SHA2_512, seed, 64, ni, nr, []byte{0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4})
	if err != nil || !bytes.Equal(k.SK_d, want) {
		t.Errorf("SK_d is another, %v", err)
	}
}
