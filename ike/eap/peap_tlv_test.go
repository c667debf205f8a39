package eap

import (
	"bytes"
	"testing"
)

// MS-PEAP 2.2.4, 2.2.8.1.
func TestPEAPExtensions(t *testing.T) {
	t.Parallel()
	binding := append(unhex(t, "000c0038"), make([]byte, 56)...)
	success, failure := unhex(t, "800300020001"), unhex(t, "800300020002")
	for name, row := range map[string]struct {
		b       []byte
		result  uint16
		binding []byte
		refused uint16
	}{
		"success":              {success, resultSuccess, nil, 0},
		"failure":              {failure, resultFailure, nil, 0},
		"success and binding":  {append(bytes.Clone(success), binding...), resultSuccess, binding, 0},
		"binding and success":  {append(bytes.Clone(binding), success...), resultSuccess, binding, 0},
		"an optional one":      {append(unhex(t, "0007000400000137"), success...), resultSuccess, nil, 0},
		"a mandatory one":      {append(unhex(t, "80090000"), success...), resultSuccess, nil, 9},
		"two mandatory ones":   {append(unhex(t, "800900008008000100"), success...), resultSuccess, nil, 9},
		"result, not M, R set": {unhex(t, "400300020001"), resultSuccess, nil, 0},
		"nothing":              {nil, 0, nil, 0},
	} {
		e, err := parseExtensions(row.b)
		if err != nil || e.result != row.result || !bytes.Equal(e.binding, row.binding) || e.refused != row.refused {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	for name, b := range map[string][]byte{
		"header cut short":     unhex(t, "800300"),
		"longer than there is": unhex(t, "8003000300010"+"0")[:6],
		"result of one octet":  unhex(t, "8003000101"),
		"result of four":       unhex(t, "8003000400000001"),
		"result of no meaning": unhex(t, "800300020003"),
		"result of zero":       unhex(t, "800300020000"),
		"two results":          append(bytes.Clone(success), failure...),
		"two bindings":         append(bytes.Clone(binding), binding...),
		"a short binding":      append(unhex(t, "000c0037"), make([]byte, 55)...),
		"a long binding":       append(unhex(t, "000c0039"), make([]byte, 57)...),
		"too many":             bytes.Repeat(unhex(t, "00070000"), maxTLVs+1),
	} {
		if e, err := parseExtensions(b); kindOf(err) != Malformed {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	for what, row := range map[string][2][]byte{
		"success": {appendResult(nil, resultSuccess), success},
		"failure": {appendResult(nil, resultFailure), failure},
		"nak":     {appendTLVNak(nil, 9), unhex(t, "80040006"+"00000000"+"0009")},
	} {
		if !bytes.Equal(row[0], row[1]) {
			t.Errorf("%s: %x, want %x", what, row[0], row[1])
		}
	}
}

func FuzzPEAPExtensions(f *testing.F) {
	f.Add(appendResult(nil, resultSuccess))
	f.Add(append(append([]byte{0, 12, 0, 56}, make([]byte, 56)...), appendResult(nil, resultFailure)...))
	f.Add(appendTLVNak(nil, 9))
	f.Add(bytes.Repeat([]byte{0, 7, 0, 0}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseExtensions(b)
		switch {
		case err != nil && kindOf(err) != Malformed:
			t.Fatal(err)
		case err == nil && e.result > resultFailure:
			t.Fatalf("a result of %d", e.result)
		case e.binding != nil && (len(e.binding) != bindingSize || !bytes.Contains(b, e.binding)):
			t.Fatalf("a binding of %d octets", len(e.binding))
		}
	})
}

// MS-PEAP 3.1.5.6: which packets have a header inside the tunnel.
func TestPEAPCompression(t *testing.T) {
	t.Parallel()
	extensions := request(9, typeExtensions, appendResult(nil, resultSuccess)...)
	expanded := request(9, typeExpanded, 0, 1, 55, 0, 0, 0, 34, 0, 0, 0, 1)
	for name, row := range map[string]struct{ inside, want []byte }{
		"identity":                 {[]byte{TypeIdentity}, request(7, TypeIdentity)},
		"identity with its header": {request(9, TypeIdentity), request(9, TypeIdentity)},
		"identity with a prompt":   {[]byte("\x01Who?"), request(7, TypeIdentity, []byte("Who?")...)},
		"a method":                 {[]byte{TypeMSCHAPv2, 1, 2, 3}, request(7, TypeMSCHAPv2, 1, 2, 3)},
		"extensions":               {extensions, extensions},
		"expanded":                 {expanded, expanded},
		"success":                  {marshalEnd(codeSuccess, 9), marshalEnd(codeSuccess, 9)},
		"failure":                  {marshalEnd(codeFailure, 9), marshalEnd(codeFailure, 9)},
		"extensions of a false length": {append(bytes.Clone(extensions), 0),
			request(7, TypeIdentity, append(bytes.Clone(extensions[1:]), 0)...)},
		"a method that looks like a header": {[]byte{TypeMSCHAPv2, 1, 0, 4}, request(7, TypeMSCHAPv2, 1, 0, 4)},
		"nothing":                           {nil, nil},
	} {
		if got := expandInner(7, row.inside); !bytes.Equal(got, row.want) {
			t.Errorf("%s: %x, want %x", name, got, row.want)
		}
	}
	if got := compressInner(marshal(codeResponse, 7, TypeMSCHAPv2, []byte{2, 3})); !bytes.Equal(got, []byte{TypeMSCHAPv2, 2, 3}) {
		t.Errorf("%x", got)
	}
	if got, want := capabilities(7), unhex(t, "02"+"07"+"0010"+"fe"+"000137"+"00000022"+"00000001"); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
