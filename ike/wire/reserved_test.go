package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// RFC 7296 2.5, 3.1: what stands in a reserved field or bit is not looked at.
func TestReservedIsIgnored(t *testing.T) {
	t.Parallel()
	type fields = []int // octets of a body that are reserved
	reserved := map[PayloadType]fields{
		PayloadKE: {2, 3}, PayloadIDi: {1, 2, 3}, PayloadIDr: {1, 2, 3}, PayloadAUTH: {1, 2, 3},
		PayloadTSi: {1, 2, 3}, PayloadTSr: {1, 2, 3}, PayloadCP: {1, 2, 3},
	}
	for _, c := range bodies {
		at := reserved[c.want.Type()]
		if strings.HasPrefix(c.name, "SA: one IKE proposal") {
			// Of the proposal, and twice of each of its three transforms.
			at = fields{1, 9, 13, 21, 25, 29, 33}
		}
		if at == nil {
			continue
		}
		body := unhex(c.body)
		for _, i := range at {
			if body[i] != 0 {
				t.Fatalf("%s: octet %d is not reserved", c.name, i)
			}
			body[i] = 0xff
		}
		got, err := parseOne(c.want.Type(), body)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, %v", c.name, got, err)
		}
	}
	// The lower bits beside the critical bit, and the flags that nobody uses, the
	// version flag among them.
	got, err := ParseChain(PayloadVendorID, []byte{0, 0x7f, 0, 5, 7})
	if v, ok := Find[*VendorIDPayload](got); err != nil || !ok || !bytes.Equal(v.Data, []byte{7}) {
		t.Errorf("%#v, %v", got, err)
	}
	m := &Message{Header: Header{InitiatorSPI: 1, Exchange: ExchangeInformational, Flags: 0xff &^ FlagResponse}}
	if back, err := ParseMessage(m.Marshal()); err != nil || back.Response() || !back.Flags.Has(FlagInitiator) {
		t.Errorf("%+v, %v", back, err)
	}
}
