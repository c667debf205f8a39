package mobileconfig

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"howett.net/plist"

	"github.com/homeward-vpn/homeward/client/profile"
)

// TestBinaryTypes reads every type of object against the XML form of the same.
func TestBinaryTypes(t *testing.T) {
	t.Parallel()
	v := dict{
		"text": "plain", "wide": "größer ☂ 𝄞", "long": string(bytes.Repeat([]byte("x"), 300)), "yes": true, "no": false,
		"small": 7, "byte": 200, "short": 60000, "int": 1 << 30, "long int": int64(1) << 60, "minus": -5,
		"real": 2.5, "single": float32(0.5), "when": now, "data": []byte{0, 1, 2, 0xFF}, "empty": "",
		"list": list{1, "two", list{}, dict{"k": "v"}}, "dict": dict{"inner": dict{"deeper": list{true}}},
	}
	fromXML, err := parsePlist(marshal(t, v, plist.XMLFormat))
	if err != nil {
		t.Fatal(err)
	}
	fromBinary, err := parsePlist(marshal(t, v, plist.BinaryFormat))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromXML, fromBinary) {
		t.Errorf("the two encodings differ:\n%+v\n%+v", fromXML, fromBinary)
	}
}

func TestBinaryPrefixes(t *testing.T) {
	t.Parallel()
	data := marshal(t, configuration(vpnPayload(ikeEAP(nil), nil)), plist.BinaryFormat)
	for n := range data {
		if _, err := Parse(data[:n]); err == nil {
			t.Fatalf("%d of %d bytes passed for a profile", n, len(data))
		}
	}
	refused(t, data[:len(data)-1], profile.ImportDamaged, "damaged or cut off")
}

// bplist builds a binary property list from raw objects, with one byte for
// each offset and reference.
func bplist(root byte, objects ...[]byte) []byte {
	out := []byte("bplist00")
	var offsets []byte
	for _, o := range objects {
		offsets = append(offsets, byte(len(out)))
		out = append(out, o...)
	}
	table := len(out)
	out = append(out, offsets...)
	trailer := make([]byte, 32)
	trailer[6], trailer[7] = 1, 1
	binary.BigEndian.PutUint64(trailer[8:], uint64(len(objects)))
	trailer[23] = root
	binary.BigEndian.PutUint64(trailer[24:], uint64(table))
	return append(out, trailer...)
}

func TestBinaryHostile(t *testing.T) {
	t.Parallel()
	wide := bplist(0, []byte{0x08})
	wide[len(wide)-32+6] = 3 // no such width
	far := bplist(0, []byte{0x08})
	binary.BigEndian.PutUint64(far[len(far)-8:], 1<<63)
	many := bplist(0, []byte{0x08})
	binary.BigEndian.PutUint64(many[len(many)-24:], 1<<40)
	outside := bplist(0, []byte{0x08})
	outside[len("bplist00")+1] = 0xFF // the only offset

	// Each array names the next one twice: 2^30 values from 90 bytes.
	var doubling [][]byte
	for i := range 30 {
		doubling = append(doubling, []byte{0xA2, byte(i + 1), byte(i + 1)})
	}
	doubling = append(doubling, []byte{0x08})

	for name, data := range map[string][]byte{
		"no objects":          bplist(0),
		"root outside":        bplist(9, []byte{0x08}),
		"cycle":               bplist(0, []byte{0xA1, 0x00}),
		"cycle of two":        bplist(0, []byte{0xA1, 0x01}, []byte{0xA1, 0x00}),
		"doubling":            bplist(0, doubling...),
		"reference outside":   bplist(0, []byte{0xA1, 0x07}),
		"width":               wide,
		"table outside":       far,
		"more than the table": many,
		"offset outside":      outside,
		"long string":         bplist(0, []byte{0x5F, 0x13, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
		"long wide string":    bplist(0, []byte{0x6F, 0x13, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
		"long array":          bplist(0, []byte{0xAF, 0x13, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
		"long dictionary":     bplist(0, []byte{0xDF, 0x12, 0xFF, 0xFF, 0xFF, 0xFF}),
		"length of no kind":   bplist(0, []byte{0x5F, 0x51}),
		"length of 16 bytes":  bplist(0, []byte{0x5F, 0x14}, make([]byte, 16)),
		"short integer":       bplist(0, []byte{0x13, 0x00}),
		"integer of 32 bytes": bplist(0, append([]byte{0x15}, make([]byte, 32)...)),
		"null":                bplist(0, []byte{0x00}),
		"unique ID":           bplist(0, []byte{0x80, 0x01}),
		"real of one byte":    bplist(0, []byte{0x20, 0x01}),
		"date not a number":   bplist(0, []byte{0x33, 0x7F, 0xF8, 0, 0, 0, 0, 0, 1}),
		"key not a string":    bplist(0, []byte{0xD1, 0x01, 0x01}, []byte{0x08}),
		"not ASCII":           bplist(0, []byte{0x52, 0xFF, 0xFE}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := parsePlist(data)
			var e *profile.ImportError
			if !errors.As(err, &e) || e.Problem != profile.ImportDamaged {
				t.Errorf("value %+v, error %v; want damaged", v, err)
			}
		})
	}
}

// TestBinaryOverlap bounds the memory for objects that lie inside each other:
// a file of 200 kB whose objects add up to gigabytes.
func TestBinaryOverlap(t *testing.T) {
	t.Parallel()
	const size, count = 200_000, 15_000
	out := append([]byte("bplist00"), bytes.Repeat([]byte{0x5F}, size)...)
	// At every odd offset stands "string, length in the next object", and that
	// object is a two-byte integer.
	for i := 8; i+4 < len(out); i += 4 {
		copy(out[i:], []byte{0x5F, 0x11, 0x75, 0x30}) // 30,000 bytes
	}
	array := len(out)
	out = append(out, 0xAF, 0x11)
	out = binary.BigEndian.AppendUint16(out, count)
	for i := range count {
		out = binary.BigEndian.AppendUint16(out, uint16(i+1))
	}
	table := len(out)
	out = binary.BigEndian.AppendUint32(out, uint32(array))
	for i := range count {
		out = binary.BigEndian.AppendUint32(out, uint32(8+4*i))
	}
	trailer := make([]byte, 32)
	trailer[6], trailer[7] = 4, 2
	binary.BigEndian.PutUint64(trailer[8:], count+1)
	binary.BigEndian.PutUint64(trailer[24:], uint64(table))
	refused(t, append(out, trailer...), profile.ImportDamaged, "unfolds to more than")
}
