package eap

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// RFC 2759 9.2 and RFC 3079 3.5.3.
func TestMSCHAPVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Username, Password string
			AuthChallenge      vectors.Hex `json:"auth_challenge"`
			PeerChallenge      vectors.Hex `json:"peer_challenge"`
			Challenge          vectors.Hex
			PasswordHash       vectors.Hex `json:"password_hash"`
			PasswordHashHash   vectors.Hex `json:"password_hash_hash"`
			NTResponse         vectors.Hex `json:"nt_response"`
			Authenticator      string      `json:"authenticator_response"`
			MasterKey          vectors.Hex `json:"master_key"`
			SendKey            vectors.Hex `json:"server_send_start_key128"`
			ReceiveKey         vectors.Hex `json:"computed_server_recv_start_key128"`
			MSK                vectors.Hex `json:"computed_msk64"`
		}
	}
	vectors.Load(t, "eap/mschapv2-rfc2759-rfc3079.json", &file)
	for _, v := range file.Vectors {
		hash, err := passwordHash(suite.Secret(v.Password))
		if err != nil {
			t.Fatal(err)
		}
		challenge := challengeHash(v.PeerChallenge, v.AuthChallenge, v.Username)
		nt, err := challengeResponse(challenge, hash)
		if err != nil {
			t.Fatal(err)
		}
		master := masterKey(hash, nt)
		for what, row := range map[string][2][]byte{
			"password hash":      {hash, v.PasswordHash},
			"hash of the hash":   {md4Sum(hash), v.PasswordHashHash},
			"challenge":          {challenge, v.Challenge},
			"challenge, domain":  {challengeHash(v.PeerChallenge, v.AuthChallenge, `EXAMPLE\`+v.Username), v.Challenge},
			"NT response":        {nt, v.NTResponse},
			"master key":         {master, v.MasterKey},
			"server send key":    {startKey(master, labelToPeer), v.SendKey},
			"server receive key": {startKey(master, labelToServer), v.ReceiveKey},
			"MSK":                {sessionKey(hash, nt), v.MSK},
		} {
			if !bytes.Equal(row[0], row[1]) {
				t.Errorf("%s: %x, want %x", what, row[0], row[1])
			}
		}
		proof := authenticatorResponse(hash, nt, challenge)
		if got := "S=" + strings.ToUpper(hex.EncodeToString(proof)); got != v.Authenticator {
			t.Errorf("authenticator response %s, want %s", got, v.Authenticator)
		}
	}
	if len(file.Vectors) == 0 {
		t.Error("no vector")
	}
}

// A second set, from a run of hostapd and eapol_test.
func TestMSCHAPAgainstHostap(t *testing.T) {
	t.Parallel()
	var file struct {
		V struct {
			Username, Password string
			AuthChallenge      vectors.Hex `json:"auth_challenge"`
			PeerChallenge      vectors.Hex `json:"peer_challenge"`
			NTResponse         vectors.Hex `json:"nt_response"`
			Authenticator      string      `json:"authenticator_response"`
			MSK                vectors.Hex `json:"msk64"`
		} `json:"mschapv2"`
	}
	vectors.Load(t, "eap/peapv0-mschapv2-hostap-run.json", &file)
	v := file.V
	// The same numbers through the peer itself: its challenge comes from Rand.
	p := New(Config{Identity: v.Username, Methods: []uint8{TypeMSCHAPv2}, Rand: bytes.NewReader(v.PeerChallenge)})
	value := append([]byte{opChallenge, 7, 0, 21, 16}, v.AuthChallenge...)
	if r, err := p.Handle(marshal(codeRequest, 3, TypeMSCHAPv2, value)); err != nil || r.Ask == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err := p.Provide(Answer{Secret: suite.Secret(v.Password)})
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{codeResponse, 3, 0, 63, TypeMSCHAPv2, opResponse, 7, 0, 58, 49}, v.PeerChallenge...)
	want = append(want, make([]byte, 8)...)
	want = append(append(want, v.NTResponse...), 0)
	want = append(want, v.Username...)
	if !bytes.Equal(r.Response, want) {
		t.Errorf("response\n%x, want\n%x", r.Response, want)
	}
	if r, err = p.Handle(successRequest(4, 7, v.Authenticator+" M=OK")); err != nil || r.Response == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = p.Handle(marshalEnd(codeSuccess, 4)); err != nil || !r.Done || !bytes.Equal(r.MSK, v.MSK) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPasswordHash(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ password, utf16 string }{
		{"", ""},
		{"clientPass", "63006c00690065006e0074005000610073007300"},
		{"Grün€", "47007200fc006e00ac20"},
		{"a\U0001F511b", "61003dd811dd6200"},
	} {
		got, err := passwordHash(suite.Secret(row.password))
		if err != nil || !bytes.Equal(got, md4Sum(vectors.Unhex(t, row.utf16))) {
			t.Errorf("%q: %x, %v", row.password, []byte(got), err)
		}
	}
	for name, password := range map[string]string{
		"not UTF-8": "a\xff", "half a character": "a\xe2\x82", "257 characters": strings.Repeat("a", 257), "129 pairs": strings.Repeat("\U0001F511", 129),
	} {
		if _, err := passwordHash(suite.Secret(password)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := passwordHash(suite.Secret(strings.Repeat("a", 256))); err != nil {
		t.Errorf("256 characters: %v", err)
	}
}
