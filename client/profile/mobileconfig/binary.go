package mobileconfig

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// A binary property list: the magic, objects, a table of their offsets, and a
// trailer of 32 bytes that says how wide offsets and references are, how many
// objects there are, which one is the root, and where the table stands. Every
// number is big endian.

const (
	binaryMagic   = "bplist0"
	binaryTrailer = 32
)

// appleEpoch is what dates count from, in seconds.
var appleEpoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

var errBinary = damaged("the file is damaged or cut off: its binary property list does not hold together")

// binaryReader reads one binary property list. Containers are read as often as
// they are referred to, within the budget; what stands alone is read once, so
// that many references to one long string cost nothing.
type binaryReader struct {
	objects  []byte // magic and objects: offsets count from its start
	offsets  []byte // the table
	offWidth int
	refWidth int
	count    uint64
	budget   *budget
	leaves   map[uint64]*value
}

func parseBinary(data []byte) (*value, error) {
	if len(data) < len(binaryMagic)+1+binaryTrailer {
		return nil, errBinary
	}
	trailer := data[len(data)-binaryTrailer:]
	body := data[:len(data)-binaryTrailer]
	r := &binaryReader{
		offWidth: int(trailer[6]),
		refWidth: int(trailer[7]),
		count:    binary.BigEndian.Uint64(trailer[8:]),
		budget:   newBudget(),
		leaves:   map[uint64]*value{},
	}
	root := binary.BigEndian.Uint64(trailer[16:])
	table := binary.BigEndian.Uint64(trailer[24:])
	if !validWidth(r.offWidth) || !validWidth(r.refWidth) ||
		table < uint64(len(binaryMagic)+1) || table > uint64(len(body)) {
		return nil, errBinary
	}
	r.objects, r.offsets = body[:table], body[table:]
	if r.count == 0 || r.count > uint64(len(r.offsets)/r.offWidth) {
		return nil, errBinary
	}
	return r.object(root, 1)
}

func validWidth(w int) bool { return w == 1 || w == 2 || w == 4 || w == 8 }

// number reads a big-endian number of 1 to 8 bytes.
func number(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// object reads the object with that index.
func (r *binaryReader) object(index uint64, depth int) (*value, error) {
	if depth > maxDepth {
		return nil, damaged("the file is nested more than %d levels deep, which no profile is", maxDepth)
	}
	if err := r.budget.spend(); err != nil {
		return nil, err
	}
	if index >= r.count {
		return nil, errBinary
	}
	if v := r.leaves[index]; v != nil {
		return v, nil
	}
	at := int(index) * r.offWidth // count was checked against the table's length
	offset := number(r.offsets[at : at+r.offWidth])
	if offset < uint64(len(binaryMagic)+1) || offset >= uint64(len(r.objects)) {
		return nil, errBinary
	}
	marker, body := r.objects[offset], r.objects[offset+1:]
	var v *value
	var err error
	switch marker >> 4 {
	case 0xA, 0xC: // array, set
		return r.array(marker, body, depth)
	case 0xD:
		return r.dictionary(marker, body, depth)
	case 0x4, 0x5, 0x6, 0x7:
		v, err = r.bytes(marker, body)
	default:
		v, err = r.fixed(marker, body)
	}
	if err != nil {
		return nil, err
	}
	r.leaves[index] = v
	return v, nil
}

// fixed reads the objects whose length stands in the marker.
func (r *binaryReader) fixed(marker byte, body []byte) (*value, error) {
	if marker == 0x08 || marker == 0x09 {
		return &value{kind: kindBool, truth: marker == 0x09}, nil
	}
	size := 1 << (marker & 0x0F)
	if marker&0x0F > 4 || size > len(body) {
		return nil, errBinary
	}
	n := number(body[max(0, size-8):size]) // of 16 bytes the upper half is only a sign
	switch {
	case marker>>4 == 0x1:
		return &value{kind: kindInteger, integer: int64(n)}, nil
	case marker == 0x22:
		return &value{kind: kindReal, real: float64(math.Float32frombits(uint32(n)))}, nil
	case marker == 0x23:
		return &value{kind: kindReal, real: math.Float64frombits(n)}, nil
	case marker == 0x33:
		return binaryDate(math.Float64frombits(n))
	}
	return nil, errBinary
}

func binaryDate(seconds float64) (*value, error) {
	if !(math.Abs(seconds) < 1e11) { // also refuses NaN; some 3,000 years
		return nil, errBinary
	}
	t := appleEpoch.Add(time.Duration(seconds) * time.Second)
	if math.Abs(seconds) > 9e9 { // more than a Duration holds
		t = time.Unix(appleEpoch.Unix()+int64(seconds), 0).UTC()
	}
	return &value{kind: kindDate, text: t.Format(time.RFC3339)}, nil
}

// length reads the count of a marker: its lower half, or the integer object
// that follows when that is 15. It gives what stands behind.
func length(marker byte, body []byte) (uint64, []byte, error) {
	n := uint64(marker & 0x0F)
	if n != 0x0F {
		return n, body, nil
	}
	if len(body) == 0 || body[0]>>4 != 0x1 || body[0]&0x0F > 3 {
		return 0, nil, errBinary
	}
	size := 1 << (body[0] & 0x0F)
	if len(body) < 1+size {
		return 0, nil, errBinary
	}
	return number(body[1 : 1+size]), body[1+size:], nil
}

// bytes reads data (4) and strings: ASCII (5), UTF-16 (6), UTF-8 (7).
func (r *binaryReader) bytes(marker byte, body []byte) (*value, error) {
	n, body, err := length(marker, body)
	if err != nil {
		return nil, err
	}
	wide := uint64(1)
	if marker>>4 == 0x6 {
		wide = 2
	}
	if n > uint64(len(body))/wide {
		return nil, errBinary
	}
	body = body[:n*wide]
	if err := r.budget.spendBytes(len(body)); err != nil {
		return nil, err
	}
	switch marker >> 4 {
	case 0x4:
		return &value{kind: kindData, data: append([]byte(nil), body...)}, nil
	case 0x6:
		units := make([]uint16, n)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(body[2*i:])
		}
		return &value{kind: kindText, text: string(utf16.Decode(units))}, nil
	}
	if !utf8.Valid(body) {
		return nil, errBinary
	}
	return &value{kind: kindText, text: string(body)}, nil
}

// references gives the part of body that holds n references.
func (r *binaryReader) references(n uint64, body []byte) ([]byte, error) {
	if n > uint64(len(body)/r.refWidth) {
		return nil, errBinary
	}
	return body[:int(n)*r.refWidth], nil
}

func (r *binaryReader) array(marker byte, body []byte, depth int) (*value, error) {
	n, body, err := length(marker, body)
	if err != nil {
		return nil, err
	}
	refs, err := r.references(n, body)
	if err != nil {
		return nil, err
	}
	v := &value{kind: kindArray}
	for ; len(refs) > 0; refs = refs[r.refWidth:] {
		child, err := r.object(number(refs[:r.refWidth]), depth+1)
		if err != nil {
			return nil, err
		}
		v.list = append(v.list, child)
	}
	return v, nil
}

func (r *binaryReader) dictionary(marker byte, body []byte, depth int) (*value, error) {
	n, body, err := length(marker, body)
	if err != nil {
		return nil, err
	}
	keys, err := r.references(n, body)
	if err != nil {
		return nil, err
	}
	values, err := r.references(n, body[len(keys):])
	if err != nil {
		return nil, err
	}
	v := &value{kind: kindDict, dict: map[string]*value{}}
	for ; len(keys) > 0; keys, values = keys[r.refWidth:], values[r.refWidth:] {
		key, err := r.object(number(keys[:r.refWidth]), depth+1)
		if err != nil {
			return nil, err
		}
		if key.kind != kindText {
			return nil, errBinary
		}
		child, err := r.object(number(values[:r.refWidth]), depth+1)
		if err != nil {
			return nil, err
		}
		if err := v.addKey(key.text, child); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// isBinary says that data begins as a binary property list.
func isBinary(data []byte) bool {
	return len(data) >= len(binaryMagic) && string(data[:len(binaryMagic)]) == binaryMagic
}
