package wire

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// What is marshalled is parsed back, field by field.
func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		m := newGenerator(seed).message()
		raw := m.Marshal()
		got, err := ParseMessage(raw)
		if err != nil {
			t.Fatalf("seed %d: %v\n%x", seed, err, raw)
		}
		if int(got.Length) != len(raw) {
			t.Fatalf("seed %d: length %d of %d octets", seed, got.Length, len(raw))
		}
		if err := sameChain(m.Payloads, got.Payloads); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := *m
		want.NextPayload, want.Length = got.NextPayload, got.Length
		if want.Header != got.Header {
			t.Fatalf("seed %d: header %+v, want %+v", seed, got.Header, want.Header)
		}
		if again := got.Marshal(); !bytes.Equal(again, raw) {
			t.Fatalf("seed %d: marshalled again it differs\n%x\n%x", seed, again, raw)
		}
	}
}

// Every payload comes back equal as a Go value, not only as octets.
func TestPayloadRoundTrip(t *testing.T) {
	t.Parallel()
	for kind := range kinds {
		for seed := range uint64(50) {
			p := newGenerator(seed*kinds + uint64(kind)).payload(kind)
			first, raw := AppendChain(nil, []Payload{p})
			got, err := ParseChain(first, raw)
			if err != nil {
				t.Fatalf("%v, seed %d: %v", p.Type(), seed, err)
			}
			if len(got) != 1 || !reflect.DeepEqual(got[0], p) {
				t.Fatalf("%v, seed %d:\ngot  %#v\nwant %#v", p.Type(), seed, got, p)
			}
		}
	}
}

// A message that was cut short is refused wherever the cut is, even where its
// length field was mended, and so is one with octets behind it.
func TestEveryStrictPrefixFails(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		m := newGenerator(seed).message()
		raw := m.Marshal()
		for n := range raw {
			if _, err := ParseMessage(raw[:n]); err == nil {
				t.Fatalf("seed %d: prefix of %d of %d octets parsed", seed, n, len(raw))
			}
		}
		if _, err := ParseMessage(append(bytes.Clone(raw), 0)); err == nil {
			t.Fatalf("seed %d: a trailing octet was accepted", seed)
		}
		first, chain := AppendChain(nil, m.Payloads)
		for n := range chain {
			if _, err := parseChain(first, chain[:n], true); err == nil {
				t.Fatalf("seed %d: chain prefix of %d of %d octets parsed", seed, n, len(chain))
			}
		}
	}
}

// The header of RFC 7296 3.1, field by field.
func TestParseHeader(t *testing.T) {
	t.Parallel()
	raw := []byte{
		1, 2, 3, 4, 5, 6, 7, 8, // initiator's SPI
		9, 10, 11, 12, 13, 14, 15, 16, // responder's SPI
		0, 0x20, 37, 0x28, // no payload, version 2.0, INFORMATIONAL, initiator and response
		0, 0, 1, 0, // message ID
		0, 0, 0, 28, // length
	}
	want := Header{
		InitiatorSPI: 0x0102030405060708, ResponderSPI: 0x090a0b0c0d0e0f10, Version: Version2,
		Exchange: ExchangeInformational, Flags: FlagInitiator | FlagResponse, MessageID: 256, Length: 28,
	}
	got, err := ParseHeader(raw)
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	if !got.Response() || !bytes.Equal(got.AppendTo(nil), raw) {
		t.Fatal("header does not come back as it was")
	}
	if s := got.InitiatorSPI.String(); s != "0102030405060708" {
		t.Fatal(s)
	}

	edit := func(at int, v byte) []byte { b := bytes.Clone(raw); b[at] = v; return b }
	for _, c := range []struct {
		name    string
		raw     []byte
		version bool // *VersionError rather than *SyntaxError
	}{
		{"empty", nil, false},
		{"27 octets", raw[:27], false},
		{"length field too small", edit(27, 27), false},
		{"length field too large", edit(27, 29), false},
		{"length field of 4 GiB", edit(24, 0xff), false},
		{"IKEv1", edit(17, 0x10), true},
		{"version 3", edit(17, 0x30), true},
	} {
		_, err := ParseHeader(c.raw)
		var version *VersionError
		var syntax *SyntaxError
		if c.version && !errors.As(err, &version) || !c.version && !errors.As(err, &syntax) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A higher minor version is no reason to refuse (RFC 7296 2.5).
	if _, err := ParseHeader(edit(17, 0x2f)); err != nil {
		t.Error(err)
	}
}

func TestParseMessageLongerThanUDP(t *testing.T) {
	t.Parallel()
	var ps []Payload
	for range 40 {
		ps = append(ps, &VendorIDPayload{Data: make([]byte, 1800)})
	}
	m := &Message{Payloads: ps}
	if _, err := ParseMessage(m.Marshal()); err == nil {
		t.Fatal("a message of 72 kB was accepted")
	}
}

// A body that cannot be encoded leads to a refusal, never to another message.
func TestOversizedBodyIsRefusedByItsReader(t *testing.T) {
	t.Parallel()
	for _, n := range []int{65532, 65536, 65540, 131072} {
		first, chain := AppendChain(nil, []Payload{&VendorIDPayload{Data: make([]byte, n)}})
		if _, err := ParseChain(first, chain); err == nil {
			t.Errorf("a body of %d octets came back", n)
		}
	}
	first, chain := AppendChain(nil, []Payload{&VendorIDPayload{Data: make([]byte, 65531)}})
	if _, err := ParseChain(first, chain); err != nil {
		t.Errorf("the longest body: %v", err)
	}
}

// RFC 7296 2.5: the critical bit counts only where the type is not known.
func TestCriticalBit(t *testing.T) {
	t.Parallel()
	_, err := ParseChain(200, []byte{0, 0x80, 0, 5, 1})
	var critical *UnsupportedCriticalError
	if !errors.As(err, &critical) || critical.Type != 200 {
		t.Fatalf("unknown and critical: %v", err)
	}
	got, err := ParseChain(200, []byte{0, 0x7f, 0, 5, 1})
	if err != nil {
		t.Fatalf("unknown, not critical, reserved bits set: %v", err)
	}
	if u, ok := Find[*Unknown](got); !ok || u.PayloadType != 200 || u.Critical || !bytes.Equal(u.Body, []byte{1}) {
		t.Fatalf("%#v", got)
	}
	if _, err := ParseChain(PayloadVendorID, []byte{0, 0x80, 0, 5, 1}); err != nil {
		t.Fatalf("known and critical: %v", err)
	}
	first, chain := AppendChain(nil, []Payload{&Unknown{PayloadType: 99, Critical: true}})
	if _, err := ParseChain(first, chain); !errors.As(err, &critical) {
		t.Fatalf("sent as critical: %v", err)
	}
}

func TestChainBounds(t *testing.T) {
	t.Parallel()
	chain := func(n int) (PayloadType, []byte) {
		ps := make([]Payload, n)
		for i := range ps {
			ps[i] = &VendorIDPayload{}
		}
		return AppendChain(nil, ps)
	}
	if ps, err := ParseChain(chain(MaxPayloads)); err != nil || len(ps) != MaxPayloads {
		t.Errorf("%d payloads: %d, %v", MaxPayloads, len(ps), err)
	}
	if _, err := ParseChain(chain(MaxPayloads + 1)); err == nil {
		t.Errorf("%d payloads were accepted", MaxPayloads+1)
	}
	for _, c := range []struct {
		name  string
		first PayloadType
		raw   []byte
	}{
		{"length below the generic header", PayloadVendorID, []byte{0, 0, 0, 3}},
		{"length of zero", PayloadVendorID, []byte{0, 0, 0, 0}},
		{"length beyond the end", PayloadVendorID, []byte{0, 0, 0, 5}},
		{"a next payload that is not there", PayloadVendorID, []byte{43, 0, 0, 4}},
		{"octets without a payload", PayloadNone, []byte{0}},
		{"octets behind the last payload", PayloadVendorID, []byte{0, 0, 0, 4, 0}},
	} {
		if _, err := ParseChain(c.first, c.raw); err == nil {
			t.Errorf("%s was accepted", c.name)
		}
	}
	if ps, err := ParseChain(PayloadNone, nil); err != nil || len(ps) != 0 {
		t.Errorf("an empty chain (liveness, RFC 7296 1.4): %v, %v", ps, err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	ps := []Payload{
		&IDPayload{IDType: 2}, &IDPayload{Responder: true, IDType: 3},
		&NotifyPayload{NotifyType: NotifyCookie}, &NotifyPayload{NotifyType: NotifyNoProposalChosen},
	}
	if p, ok := Find[*IDPayload](ps); !ok || p.Responder {
		t.Error("Find did not give the first")
	}
	if p, ok := FindType[*IDPayload](ps, PayloadIDr); !ok || p.IDType != 3 {
		t.Error("FindType did not give IDr")
	}
	if p, ok := Find[*KEPayload](ps); ok || p != nil {
		t.Error("Find gave what is not there")
	}
	if n, ok := Notify(ps, NotifyCookie); !ok || n.NotifyType != NotifyCookie {
		t.Error("Notify did not find COOKIE")
	}
	if _, ok := Notify(ps, NotifyRedirect); ok {
		t.Error("Notify found what is not there")
	}
	if n, ok := FirstError(ps); !ok || n.NotifyType != NotifyNoProposalChosen {
		t.Error("FirstError did not skip the status")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{ExchangeIKESAInit, "IKE_SA_INIT"}, {ExchangeInformational, "INFORMATIONAL"}, {ExchangeType(99), "exchange 99"},
		{PayloadSKF, "SKF"}, {PayloadType(99), "payload 99"}, {PayloadNotify, "N"},
		{NotifyTSUnacceptable, "TS_UNACCEPTABLE"}, {NotifyType(8191), "error notify 8191"}, {NotifyType(40960), "status notify 40960"},
		{ProtocolESP, "ESP"}, {ProtocolID(9), "protocol 9"}, {TransformESN, "ESN"}, {TransformType(13), "transform type 13"},
		{TransformADDKE1, "ADDKE1"}, {TransformADDKE7, "ADDKE7"}, {ExchangeIntermediate, "IKE_INTERMEDIATE"}, {ExchangeFollowupKE, "IKE_FOLLOWUP_KE"},
		{NotifyMessageIDSync, "IKEV2_MESSAGE_ID_SYNC"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if !NotifyType(16383).IsError() || NotifyInitialContact.IsError() {
		t.Error("the border between errors and status is 16384 (RFC 7296 3.10.1)")
	}
}

// Nothing of a payload's content reaches a log.
func TestLogValueHasNoContent(t *testing.T) {
	t.Parallel()
	m := &Message{
		Header: Header{InitiatorSPI: 0xabc, Exchange: ExchangeIKEAuth, Flags: FlagResponse, MessageID: 7},
		Payloads: []Payload{
			&EAPPayload{Data: []byte("swordfish")}, &AuthPayload{Method: 2, Data: []byte("swordfish")},
			&NotifyPayload{NotifyType: NotifyCookie, Data: []byte("swordfish")}, &IDPayload{Data: []byte("swordfish")},
		},
	}
	var sb strings.Builder
	slog.New(slog.NewTextHandler(&sb, nil)).Info("received", "message", m)
	line := sb.String()
	for _, want := range []string{
		"message.exchange=IKE_AUTH", "message.message_id=7", "message.response=true",
		"message.initiator_spi=0000000000000abc", `"EAP(9) AUTH(13) N(COOKIE)(13) IDi(13)"`,
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing in %s", want, line)
		}
	}
	if strings.Contains(line, "swordfish") || strings.Contains(line, fmt.Sprintf("%x", "swordfish")) {
		t.Errorf("content was logged: %s", line)
	}
}
