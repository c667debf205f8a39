package eap

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// RFC 5281 10.1, as octets: code, flags, length without padding, vendor, data, zeros.
func TestAVPFormat(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		code avpCode
		data string
		want string
	}{
		"no vendor, padded":    {avpUserName, "anna1", "00000001" + "4000000d" + "616e6e6131" + "000000"},
		"no vendor, whole":     {avpUserName, "anna", "00000001" + "4000000c" + "616e6e61"},
		"vendor, padded":       {avpMSCHAPChallenge, "\x01\x02\x03", "0000000b" + "c000000f" + "00000137" + "010203" + "00"},
		"no data":              {avpEAPMessage, "", "0000004f" + "40000008"},
		"vendor without data":  {avpMSCHAP2CPW, "", "0000001b" + "c000000c" + "00000137"},
		"more than one octet":  {avpReplyMessage, string(make([]byte, 0x102)), "00000012" + "4000010a" + hex.EncodeToString(make([]byte, 0x104))},
		"more than two octets": {avpReplyMessage, string(make([]byte, 0x10000)), "00000012" + "40010008" + hex.EncodeToString(make([]byte, 0x10000))},
	} {
		got := appendAVP(nil, row.code, []byte(row.data))
		if hex.EncodeToString(got) != row.want {
			t.Errorf("%s: %x", name, got)
		}
		list, err := parseAVPs(got)
		if err != nil || len(list) != 1 || list[0].avpCode != row.code || !list[0].mandatory || string(list[0].data) != row.data {
			t.Errorf("%s: read back as %v, %v", name, list, err)
		}
	}
}

func TestAVPsInARow(t *testing.T) {
	t.Parallel()
	b := appendAVP(nil, avpUserName, []byte("anna1"))
	b = appendAVP(b, avpMSCHAP2Success, []byte("x"))
	b = appendAVP(b, avpEAPMessage, []byte("one "))
	b = appendAVP(b, avpEAPMessage, []byte("two"))
	b = b[:len(b)-1] // the last padding may be missing
	list, err := parseAVPs(b)
	if err != nil || len(list) != 4 {
		t.Fatalf("%v, %v", list, err)
	}
	if joined, found := joinAVPs(list, avpEAPMessage); !found || string(joined) != "one two" {
		t.Errorf("joined: %q", joined)
	}
	if _, found := joinAVPs(list, avpReplyMessage); found {
		t.Error("found what is not there")
	}
	if list, err := parseAVPs(nil); err != nil || len(list) != 0 {
		t.Errorf("nothing: %v, %v", list, err)
	}
}

func TestAVPBounds(t *testing.T) {
	t.Parallel()
	many := bytes.Repeat(appendAVP(nil, avpReplyMessage, nil), maxAVPs)
	if list, err := parseAVPs(many); err != nil || len(list) != maxAVPs {
		t.Errorf("%d attributes: %v", len(list), err)
	}
	for name, b := range map[string][]byte{
		"header cut short":          unhex(t, "0000000140"),
		"length below the header":   unhex(t, "0000000140000007"),
		"length zero":               unhex(t, "0000000140000000"),
		"length behind the message": unhex(t, "000000014000000900"[:16]),
		"length of 16 MB":           unhex(t, "0000000140ffffff"+"00000000"),
		"vendor cut short":          unhex(t, "00000001c000000b"+"000001"),
		"vendor without a place":    unhex(t, "00000001c0000008"+"00000137"),
		"something behind":          append(appendAVP(nil, avpUserName, []byte("anna")), 0),
		"too many":                  append(many, appendAVP(nil, avpReplyMessage, nil)...),
	} {
		if list, err := parseAVPs(b); kindOf(err) != Malformed {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// RFC 5281 10.1: an unknown attribute with the M bit ends it, one without is
// passed over.
func TestMandatoryAVP(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		a    avp
		want ErrorKind
	}{
		"known":              {avp{avpCode: avpEAPMessage, mandatory: true}, ""},
		"known of a vendor":  {avp{avpCode: avpMSCHAP2Success, mandatory: true}, ""},
		"unknown, optional":  {avp{avpCode: avpCode{code: 4711}}, ""},
		"unknown, mandatory": {avp{avpCode: avpCode{code: 4711}, mandatory: true}, Malformed},
		"another vendor's":   {avp{avpCode: avpCode{vendor: 9, code: avpMSCHAP2Success.code}, mandatory: true}, Malformed},
		"the client's":       {avp{avpCode: avpUserPassword, mandatory: true}, Malformed},
	} {
		err := understood([]avp{{avpCode: avpReplyMessage}, row.a})
		if kindOf(err) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAVP(f *testing.F) {
	f.Add(appendAVP(appendAVP(nil, avpUserName, []byte("anna1")), avpMSCHAP2Success, []byte("x")))
	f.Add(bytes.Repeat(appendAVP(nil, avpEAPMessage, []byte{1, 2, 3}), 70))
	f.Add([]byte{0, 0, 0, 1, 0xc0, 0xff, 0xff, 0xff, 0, 0, 1, 55})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseAVPs(b)
		if err != nil {
			if kindOf(err) != Malformed || list != nil {
				t.Fatalf("%v with %v", err, list)
			}
			return
		}
		var again []byte
		for _, a := range list {
			again = appendAVP(again, a.avpCode, a.data)
			if a.vendor == 0 && len(a.data) > len(b)-avpHeader {
				t.Fatal("more data than there was")
			}
		}
		second, err := parseAVPs(again)
		if err != nil || len(second) != len(list) {
			t.Fatalf("%x became %x: %v", b, again, err)
		}
		for i := range list {
			if second[i].avpCode != list[i].avpCode || !bytes.Equal(second[i].data, list[i].data) {
				t.Fatalf("%v became %v", list[i], second[i])
			}
		}
	})
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rawAVP is an attribute with flags of the test's choice.
func rawAVP(code, vendor uint32, flags byte, data []byte) []byte {
	header := 8
	if flags&0x80 != 0 {
		header = 12
	}
	n := header + len(data)
	b := binary.BigEndian.AppendUint32(nil, code)
	b = append(b, flags, byte(n>>16), byte(n>>8), byte(n))
	if flags&0x80 != 0 {
		b = binary.BigEndian.AppendUint32(b, vendor)
	}
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
