package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// unhex reads hex with spaces.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// Bodies written by hand after the figures of RFC 7296 section 3 (and RFC 7383
// 2.5), each with the payload that they must be.
var bodies = []struct {
	name string
	body string
	want Payload
}{
	{
		"SA: one IKE proposal, AES-GCM-16 with 256 bits, PRF, X25519 (3.3)",
		"0000 0024 01 01 00 03" + "0300 000c 0100 0014 800e 0100" + "0300 0008 0200 0005" + "0000 0008 0400 001f",
		&SAPayload{Proposals: []Proposal{{Number: 1, Protocol: ProtocolIKE, SPI: []byte{}, Transforms: []Transform{
			{Type: TransformENCR, ID: 20, KeyLen: 256}, {Type: TransformPRF, ID: 5}, {Type: TransformKE, ID: 31},
		}}}},
	},
	{
		"SA: two ESP proposals with SPIs (3.3.1)",
		"0200 0014 01 03 04 01 01020304" + "0000 0008 0500 0001" + "0000 0014 02 03 04 01 05060708" + "0000 0008 0500 0000",
		&SAPayload{Proposals: []Proposal{
			{Number: 1, Protocol: ProtocolESP, SPI: []byte{1, 2, 3, 4}, Transforms: []Transform{{Type: TransformESN, ID: 1}}},
			{Number: 2, Protocol: ProtocolESP, SPI: []byte{5, 6, 7, 8}, Transforms: []Transform{{Type: TransformESN, ID: 0}}},
		}},
	},
	{"KE (3.4)", "001f 0000 a1a2a3", &KEPayload{Group: 31, Data: []byte{0xa1, 0xa2, 0xa3}}},
	{"IDi (3.5)", "02 000000 6f6b", &IDPayload{IDType: 2, Data: []byte("ok")}},
	{"IDr (3.5)", "01 000000 c0000201", &IDPayload{Responder: true, IDType: 1, Data: []byte{192, 0, 2, 1}}},
	{"CERT (3.6)", "04 3000", &CertPayload{Encoding: CertX509Signature, Data: []byte{0x30, 0}}},
	{"CERTREQ, empty list (3.7)", "04", &CertReqPayload{Encoding: CertX509Signature, Data: []byte{}}},
	{"AUTH (3.8)", "0e 000000 0102", &AuthPayload{Method: 14, Data: []byte{1, 2}}},
	{"Nonce (3.9)", strings.Repeat("5a", 16), &NoncePayload{Data: bytes.Repeat([]byte{0x5a}, 16)}},
	{
		"N: REKEY_SA names an ESP SPI (3.10)", "03 04 4009 0a0b0c0d",
		&NotifyPayload{Protocol: ProtocolESP, NotifyType: NotifyRekeySA, SPI: []byte{10, 11, 12, 13}, Data: []byte{}},
	},
	{
		"N: INVALID_KE_PAYLOAD wants group 19 (3.10)", "00 00 0011 0013",
		&NotifyPayload{NotifyType: NotifyInvalidKEPayload, SPI: []byte{}, Data: []byte{0, 19}},
	},
	{"D: the IKE SA (3.11)", "01 00 0000", &DeletePayload{Protocol: ProtocolIKE}},
	{
		"D: two ESP SAs (3.11)", "03 04 0002 01020304 05060708",
		&DeletePayload{Protocol: ProtocolESP, SPIs: [][]byte{{1, 2, 3, 4}, {5, 6, 7, 8}}},
	},
	{"V (3.12)", "616263", &VendorIDPayload{Data: []byte("abc")}},
	{
		"TSi: both families (3.13)",
		"02 000000" + "07 11 0010 0035 0035 0a000000 0a0000ff" +
			"08 00 0028 0000 ffff 20010db8000000000000000000000000 20010db8ffffffffffffffffffffffff",
		&TSPayload{Selectors: []TrafficSelector{
			{Protocol: 17, StartPort: 53, EndPort: 53, Start: netip.MustParseAddr("10.0.0.0"), End: netip.MustParseAddr("10.0.0.255")},
			{EndPort: 65535, Start: netip.MustParseAddr("2001:db8::"), End: netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")},
		}},
	},
	{
		"TSr: a type that is not known (3.13.1)", "01 000000 09 00 0006 abcd",
		&TSPayload{Responder: true, Selectors: []TrafficSelector{{Raw: "\x09\x00\x00\x06\xab\xcd"}}},
	},
	{
		"CP: a reply with a reserved bit set on its second attribute (3.15)",
		"02 000000" + "0001 0004 0a000001" + "8003 0004 0a000035" + "0019 0000",
		&CPPayload{CFGType: CFGReply, Attributes: []ConfigAttribute{
			{Type: InternalIP4Address, Value: []byte{10, 0, 0, 1}},
			{Type: InternalIP4DNS, Value: []byte{10, 0, 0, 53}},
			{Type: InternalDNSDomain, Value: []byte{}},
		}},
	},
	{"EAP: request, identity (3.16)", "01 07 0005 01", &EAPPayload{Data: []byte{1, 7, 0, 5, 1}}},
	{"SKF: fragment 2 of 3 (RFC 7383 2.5)", "0002 0003 aabb", &EncryptedFragment{Number: 2, Total: 3, Body: []byte{0xaa, 0xbb}}},
	{"SK (3.14)", "aabb", &Encrypted{Body: []byte{0xaa, 0xbb}}},
}

func parseOne(t PayloadType, body []byte) (Payload, error) {
	chain := append([]byte{0, 0, byte((4 + len(body)) >> 8), byte(4 + len(body))}, body...)
	ps, err := parseChain(t, chain, true)
	if err != nil {
		return nil, err
	}
	return ps[0], nil
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for _, c := range bodies {
		got, err := parseOne(c.want.Type(), unhex(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %#v\nwant %#v", c.name, got, c.want)
		}
		again := c.want.AppendBody(nil)
		if strings.HasPrefix(c.name, "CP") {
			continue // its reserved bit is not sent back
		}
		if !bytes.Equal(again, unhex(c.body)) {
			t.Errorf("%s: sent as %x", c.name, again)
		}
	}
}

// Lengths and counts that lie, as an unauthenticated stranger may send them.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		t    PayloadType
		body string
	}{
		{"no proposal", PayloadSA, ""},
		{"proposal cut short", PayloadSA, "0000 0008 01 01 00"},
		{"proposal length below its header", PayloadSA, "0000 0007 01 01 00 00"},
		{"proposal length of zero", PayloadSA, "0000 0000 01 01 00 00"},
		{"proposal length beyond the payload", PayloadSA, "0000 0009 01 01 00 00"},
		{"proposal SPI of 255 octets that are not there", PayloadSA, "0000 0008 01 03 ff 00"},
		{"proposal SPI of 5 octets in 4", PayloadSA, "0000 000c 01 03 05 00 01020304"},
		{"proposal claims more, and none follows", PayloadSA, "0200 0008 01 01 00 00"},
		{"proposal claims to be last, and one follows", PayloadSA, "0000 0008 01 01 00 00 0000 0008 02 01 00 00"},
		{"proposal neither last nor more", PayloadSA, "0100 0008 01 01 00 00"},
		{"255 transforms announced, none there", PayloadSA, "0000 0008 01 01 00 ff"},
		{"two transforms announced, one there", PayloadSA, "0000 0010 01 01 00 02 0300 0008 0100 0014"},
		{"one transform announced, two there", PayloadSA, "0000 0018 01 01 00 01 0300 0008 0100 0014 0000 0008 0200 0005"},
		{"the only transform claims more", PayloadSA, "0000 0010 01 01 00 01 0300 0008 0100 0014"},
		{"the first of two transforms claims to be last", PayloadSA, "0000 0018 01 01 00 02 0000 0008 0100 0014 0000 0008 0200 0005"},
		{"transform length beyond the proposal", PayloadSA, "0000 0010 01 01 00 01 0000 0009 0100 0014"},
		{"transform length below its header", PayloadSA, "0000 0010 01 01 00 01 0000 0004 0100 0014"},
		{"attribute cut short", PayloadSA, "0000 0013 01 01 00 01 0000 000b 0100 0014 800e01"},
		{"attribute of 65535 octets", PayloadSA, "0000 0014 01 01 00 01 0000 000c 0100 0014 000e ffff"},
		{"KE without its header", PayloadKE, "001f 00"},
		{"ID without its header", PayloadIDi, "02 0000"},
		{"IDr without its header", PayloadIDr, ""},
		{"CERT without an encoding", PayloadCERT, ""},
		{"CERTREQ without an encoding", PayloadCERTREQ, ""},
		{"AUTH without its header", PayloadAUTH, "0e 0000"},
		{"nonce of 15 octets", PayloadNonce, strings.Repeat("00", 15)},
		{"nonce of 257 octets", PayloadNonce, strings.Repeat("00", 257)},
		{"notify without its header", PayloadNotify, "00 00 00"},
		{"notify SPI of 252 octets, whose length wraps in 8 bits", PayloadNotify, "01 fc 0001"},
		{"notify SPI of 255 octets", PayloadNotify, "01 ff 0001" + strings.Repeat("00", 254)},
		{"delete without its header", PayloadDelete, "03 04 00"},
		{"delete of 65535 SPIs of 255 octets", PayloadDelete, "03 ff ffff"},
		{"delete of 65535 SPIs of no length", PayloadDelete, "03 00 ffff"},
		{"delete with half an SPI", PayloadDelete, "03 04 0001 0102"},
		{"delete with an SPI too many", PayloadDelete, "03 04 0001 01020304 05060708"},
		{"TS without its header", PayloadTSi, "01 0000"},
		{"255 selectors announced, none there", PayloadTSi, "ff 000000"},
		{"no selector announced, one there", PayloadTSi, "00 000000 07 00 0010 0000 ffff 00000000 ffffffff"},
		{"one selector announced, two there", PayloadTSr, "01 000000 09 00 0004 09 00 0004"},
		{"selector of length zero", PayloadTSr, "01 000000 09 00 0000"},
		{"IPv4 selector with IPv6's length", PayloadTSi, "01 000000 07 00 0028 0000 ffff" + strings.Repeat("00", 32)},
		{"IPv6 selector with IPv4's length", PayloadTSi, "01 000000 08 00 0010 0000 ffff 00000000 00000000"},
		{"selector beyond the payload", PayloadTSi, "01 000000 07 00 0011 0000 ffff 00000000 00000000"},
		{"CP without its header", PayloadCP, "01 0000"},
		{"configuration attribute cut short", PayloadCP, "01 000000 0001 00"},
		{"configuration attribute of 65535 octets", PayloadCP, "01 000000 0001 ffff"},
		{"EAP packet of 3 octets", PayloadEAP, "03 01 00"},
		{"SK without a body", PayloadSK, ""},
		{"SKF without a body", PayloadSKF, "0001 0001"},
		{"fragment 0 of 1", PayloadSKF, "0000 0001 aa"},
		{"fragment 2 of 1", PayloadSKF, "0002 0001 aa"},
		{"fragment 1 of 0", PayloadSKF, "0001 0000 aa"},
	} {
		p, err := parseOne(c.t, unhex(c.body))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %#v, %v", c.name, p, err)
			continue
		}
		if syntax.Payload != c.t {
			t.Errorf("%s: blamed on %v", c.name, syntax.Payload)
		}
	}
}

// RFC 7296 3.14: an encrypted payload ends the message and does not nest.
func TestEncryptedEndsTheChain(t *testing.T) {
	t.Parallel()
	sk := []byte{byte(PayloadNonce), 0, 0, 6, 1, 2}
	ps, err := parseChain(PayloadSK, sk, true)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := Find[*Encrypted](ps); !ok || e.First != PayloadNonce || !bytes.Equal(e.Body, []byte{1, 2}) {
		t.Fatalf("%#v", ps)
	}
	if _, err := parseChain(PayloadSK, append(bytes.Clone(sk), sk...), true); err == nil {
		t.Error("a payload behind SK was accepted")
	}
	skf := []byte{0, 0, 0, 9, 0, 2, 0, 2, 5}
	if ps, err := parseChain(PayloadSKF, skf, true); err != nil || len(ps) != 1 {
		t.Fatalf("%#v, %v", ps, err)
	}
	if _, err := parseChain(PayloadSKF, append(bytes.Clone(skf), skf...), true); err == nil {
		t.Error("a payload behind SKF was accepted")
	}
	if _, err := ParseChain(PayloadSK, sk); err == nil {
		t.Error("SK inside SK was accepted")
	}
	if _, err := ParseChain(PayloadSKF, []byte{0, 0, 0, 9, 0, 1, 0, 1, 5}); err == nil {
		t.Error("SKF inside SK was accepted")
	}
}

// RFC 7296 3.3.6: a transform with an attribute that is not understood can be
// told from one that may be chosen.
func TestUnknownAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, attributes string
		want             Transform
	}{
		{"key length", "800e 0080", Transform{Type: 1, ID: 20, KeyLen: 128}},
		{"none", "", Transform{Type: 1, ID: 20}},
		{"another short one", "800f 0080", Transform{Type: 1, ID: 20, Unknown: true}},
		{"another long one", "0011 0003 010203", Transform{Type: 1, ID: 20, Unknown: true}},
		{"key length of zero", "800e 0000", Transform{Type: 1, ID: 20, Unknown: true}},
		{"key length in the long form", "000e 0002 0080", Transform{Type: 1, ID: 20, Unknown: true}},
		{"two key lengths", "800e 0080 800e 0100", Transform{Type: 1, ID: 20, KeyLen: 128, Unknown: true}},
	} {
		a := unhex(c.attributes)
		raw := append([]byte{0, 0, 0, byte(16 + len(a)), 1, 1, 0, 1, 0, 0, 0, byte(8 + len(a)), 1, 0, 0, 20}, a...)
		p, err := parseSA(raw)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := p.Proposals[0].Transforms[0]; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Parsed slices cannot grow into their neighbours.
func TestBorrowedSlicesAreClipped(t *testing.T) {
	t.Parallel()
	first, chain := AppendChain(nil, []Payload{
		&NotifyPayload{NotifyType: NotifyCookie, SPI: []byte{1}, Data: []byte{2}}, &VendorIDPayload{Data: []byte{3}},
		&DeletePayload{Protocol: ProtocolESP, SPIs: [][]byte{{4}, {5}}},
	})
	before := bytes.Clone(chain)
	ps, err := ParseChain(first, chain)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := Find[*NotifyPayload](ps)
	d, _ := Find[*DeletePayload](ps)
	for _, b := range [][]byte{n.SPI, n.Data, d.SPIs[0]} {
		_ = append(b, 0xff)
	}
	if !bytes.Equal(chain, before) {
		t.Fatal("an append to a parsed slice wrote into the message")
	}
}
