package eap

import (
	"bytes"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// peapRun is a run of hostapd's, with all its keys (MS-PEAP 3.1.5.5).
type peapRun struct {
	PEAP struct {
		Material   vectors.Hex `json:"tls_key_material_first64"`
		TK         vectors.Hex
		ISK        vectors.Hex
		IPMK, CMK  vectors.Hex
		Request    vectors.Hex `json:"request_tlv_value"`
		RequestIn  vectors.Hex `json:"request_mac_input"`
		ResponseIn vectors.Hex `json:"response_mac_input"`
		Response   vectors.Hex `json:"response_compound_mac"`
		CSK, MSK   vectors.Hex
	}
	MSCHAPv2 struct {
		Username, Password string
		AuthChallenge      vectors.Hex `json:"auth_challenge"`
		PeerChallenge      vectors.Hex `json:"peer_challenge"`
		MSK                vectors.Hex `json:"msk64"`
	}
}

func loadPEAPRun(t *testing.T) *peapRun {
	t.Helper()
	run := new(peapRun)
	vectors.Load(t, "eap/peapv0-mschapv2-hostap-run.json", run)
	return run
}

func TestPEAPBindingVectors(t *testing.T) {
	t.Parallel()
	run := loadPEAPRun(t)
	v := &run.PEAP

	// The method's own run is another one, in the same file.
	hash, err := passwordHash(suite.Secret(run.MSCHAPv2.Password))
	if err != nil {
		t.Fatal(err)
	}
	nt, err := challengeResponse(challengeHash(run.MSCHAPv2.PeerChallenge, run.MSCHAPv2.AuthChallenge, run.MSCHAPv2.Username), hash)
	if err != nil {
		t.Fatal(err)
	}
	if inner := sessionKey(hash, nt); !bytes.Equal(inner, run.MSCHAPv2.MSK) {
		t.Errorf("inner key %x, want %x", []byte(inner), run.MSCHAPv2.MSK)
	}

	// The key of the method inside is cut to 32 octets.
	b := newBinding(suite.Secret(v.Material), append(suite.Secret(v.ISK), 1, 2, 3))
	tlv := append(unhex(t, "000c0038"), v.Request...)
	if err := b.verify(tlv); err != nil {
		t.Errorf("the server's binding: %v", err)
	}
	answer := b.respond(tlv)
	for what, row := range map[string][2][]byte{
		"IPMK":           {b.ipmk, v.IPMK},
		"CMK":            {b.cmk, v.CMK},
		"MAC input":      {append(append(bytes.Clone(tlv[:macOffset]), make([]byte, 20)...), TypePEAP), v.RequestIn},
		"response":       {answer[:macOffset], v.ResponseIn[:macOffset]},
		"response's MAC": {answer[macOffset:], v.Response},
		"CSK":            {prfPlus(b.ipmk, suite.Secret("Session Key Generating Function\x00"), cskSize), v.CSK},
		"MSK":            {b.sessionKey(), v.MSK},
	} {
		if !bytes.Equal(row[0], row[1]) {
			t.Errorf("%s: %x, want %x", what, row[0], row[1])
		}
	}

	// Any other octet is another binding.
	for i := range tlv {
		other := bytes.Clone(tlv)
		other[i] ^= 0x40
		if err := b.verify(other); kindOf(err) != Binding {
			t.Errorf("octet %d changed: %v", i, err)
		}
	}
	if err := b.verify(answer); kindOf(err) != Binding {
		t.Errorf("our own answer, reflected: %v", err)
	}

	again := resumedBinding(suite.Secret(v.Material))
	if !bytes.Equal(again.ipmk, v.TK[:40]) || !bytes.Equal(again.cmk, v.TK[40:]) {
		t.Errorf("fast reconnect: %x %x", []byte(again.ipmk), []byte(again.cmk))
	}
	b.clear()
	if !bytes.Equal(b.ipmk, make([]byte, ipmkSize)) || !bytes.Equal(b.cmk, make([]byte, 20)) {
		t.Error("keys are left")
	}
}

// A method without a key binds with zeros (MS-PEAP 3.1.5.5.2.1), a short one is
// filled up.
func TestPEAPBindingWithoutInnerKey(t *testing.T) {
	t.Parallel()
	material := suite.Secret(bytes.Repeat([]byte{7}, 64))
	none, zeros := newBinding(material, nil), newBinding(material, make(suite.Secret, 64))
	if !bytes.Equal(none.ipmk, zeros.ipmk) || !bytes.Equal(none.cmk, zeros.cmk) {
		t.Error("no key is not the same as zeros")
	}
	short, filled := newBinding(material, suite.Secret("key")), newBinding(material, append(suite.Secret("key"), make(suite.Secret, 40)...))
	if !bytes.Equal(short.cmk, filled.cmk) || bytes.Equal(short.cmk, none.cmk) {
		t.Error("a short key is not filled up with zeros")
	}
	if !bytes.Equal(material, bytes.Repeat([]byte{7}, 64)) {
		t.Error("the key material was written to")
	}
}
