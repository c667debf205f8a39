package native

import (
	"errors"
	"reflect"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// FuzzParse feeds whole files. Whatever comes in, the answer is an ImportError
// that can be shown, or a valid profile that Encode writes and Parse reads again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(office))
	f.Add([]byte(byteOrderMark + office))
	f.Add([]byte(`{"version":2,"gateway":{}}`))
	f.Add([]byte(`{"version":1,"gateway":{"anchors":["-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"],"port":1e9}}`))
	for _, p := range complete(f) {
		text, err := Encode(&p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := Parse(data)
		if err != nil {
			var e *profile.ImportError
			if !errors.As(err, &e) || e.Sentence == "" || profile.CleanText(e.Sentence, 1<<20) != e.Sentence {
				t.Fatalf("error %q of type %T", err, err)
			}
			return
		}
		if !Sniff(data) {
			t.Fatal("read, but not known by sight")
		}
		p := found[0].Profile
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		text, err := Encode(&p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		got := again[0].Profile
		got.ID, got.Origin.SHA256 = p.ID, p.Origin.SHA256
		if !reflect.DeepEqual(got, p) {
			t.Fatalf("wrote %+v, read %+v", p, got)
		}
	})
}
