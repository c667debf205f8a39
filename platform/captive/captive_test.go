package captive

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// RFC 8910 2: what a network may name, and what it may not.
func TestReadURI(t *testing.T) {
	t.Parallel()
	const api = "https://portal.example/api"
	for _, tc := range []struct {
		name, raw string
		want      Word
		bad       string // a part of the error
	}{
		{name: "an API", raw: api, want: Word{API: api}},
		{name: "padded (RFC 8910 2.3)", raw: api + "\x00\x00\x00", want: Word{API: api}},
		{name: "no portal (RFC 8910 2)", raw: "urn:ietf:params:capport:unrestricted", want: Word{Unrestricted: true}},
		{name: "no portal, in capitals", raw: "URN:IETF:params:capport:unrestricted\x00", want: Word{Unrestricted: true}},
		{name: "plain http", raw: "http://portal.example/api", bad: `scheme "http"`},
		{name: "a program", raw: "javascript:alert(1)", bad: "scheme"},
		{name: "a file", raw: "file:///etc/passwd", bad: "scheme"},
		{name: "with a password", raw: "https://a:b@portal.example/", bad: "scheme"},
		{name: "no host", raw: "https:///api", bad: "scheme"},
		{name: "a relative one", raw: "/api", bad: "scheme"},
		{name: "line breaks", raw: "https://portal.example/\r\nx", bad: "characters that no URI has"},
		{name: "a zero inside", raw: "https://portal.example/\x00x", bad: "characters that no URI has"},
		{name: "no UTF-8", raw: "https://portal.example/?\xff\xfe", bad: "characters that no URI has"},
		{name: "written backwards", raw: "https://portal.example/?\u202emoc.elpmaxe", bad: "characters that no URI has"},
		{name: "nothing but padding", raw: "\x00\x00", bad: "scheme"},
		{name: "too long", raw: "https://portal.example/" + strings.Repeat("a", longest), bad: "octets"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := read(tc.raw)
			if tc.bad == "" && (err != nil || got != tc.want) {
				t.Errorf("read as %+v, %v; want %+v", got, err, tc.want)
			}
			if tc.bad != "" && (err == nil || !strings.Contains(err.Error(), tc.bad)) {
				t.Errorf("read as %+v, %v; want an error with %q", got, err, tc.bad)
			}
		})
	}
}

// RFC 4861 4.2, 6.1.2 and RFC 8910 2.3.
func TestPortalOf(t *testing.T) {
	t.Parallel()
	head := append([]byte{typeAdvertisement}, make([]byte, advertisementSize-1)...)
	with := func(options ...string) []byte { return append(append([]byte{}, head...), strings.Join(options, "")...) }
	const mtu = "\x05\x01\x00\x00\x00\x00\x05\xdc"
	const portal = "\x25\x03https://p.example/a\x00\x00\x00"
	for _, tc := range []struct {
		name string
		m    []byte
		want string
		bad  bool
	}{
		{"no options", with(), "", false},
		{"another option", with(mtu), "", false},
		{"the portal's", with(portal), "https://p.example/a\x00\x00\x00", false},
		{"behind another", with(mtu, portal), "https://p.example/a\x00\x00\x00", false},
		{"twice: the first counts", with(portal, "\x25\x01b:c\x00\x00\x00"), "https://p.example/a\x00\x00\x00", false},
		{"an option of length 0", with("\x25\x00aaaaaa"), "", true},
		{"an option that is cut off", with(portal[:16]), "", true},
		{"less than an option behind the last", with(mtu, "\x25\x01"), "", true},
		{"a damaged option behind the portal's", with(portal, "\x05\x09aaaaaa"), "", true},
		{"a header that is cut off", head[:15], "", true},
		{"another message", append([]byte{136}, head[1:]...), "", true},
		{"another code", append([]byte{typeAdvertisement, 1}, head[2:]...), "", true},
		{"nothing", nil, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := portalOf(tc.m)
			if (err != nil) != tc.bad || !tc.bad && got != tc.want {
				t.Errorf("found %q, %v; want %q, an error: %v", got, err, tc.want, tc.bad)
			}
		})
	}
}

func FuzzAdvertisement(f *testing.F) {
	head := append([]byte{typeAdvertisement}, make([]byte, advertisementSize-1)...)
	f.Add(head)
	f.Add(append(head, "\x25\x03https://p.example/a\x00\x00\x00"...))
	f.Add(append(head, "\x25\x00"...))
	f.Fuzz(func(t *testing.T, m []byte) {
		uri, err := portalOf(m)
		if err != nil {
			return
		}
		if !strings.Contains(string(m), uri) {
			t.Errorf("%q is not in the message", uri)
		}
		if w, err := read(uri); err == nil && w.API != "" && !strings.HasPrefix(w.API, "https://") {
			t.Errorf("%q would be asked", w.API)
		}
	})
}

// What is said by several ways, and by none.
func TestAskByEveryWay(t *testing.T) {
	t.Parallel()
	says := func(s Source, uri string, err error) asker {
		return asker{s, func(context.Context, string) (string, error) { return uri, err }}
	}
	refused := errors.New("no socket")
	const one, other = "https://one.example/", "https://other.example/"
	for _, tc := range []struct {
		name string
		ways []asker
		want Word
		err  error
	}{
		{"nobody can be asked", nil, Word{}, errors.ErrUnsupported},
		{"silence", []asker{says(DHCPv4, "", context.DeadlineExceeded), says(DHCPv6, "", context.DeadlineExceeded)}, Word{}, ErrSilent},
		{"an answer without a word", []asker{says(DHCPv4, "", nil), says(DHCPv6, "", refused)}, Word{}, ErrSilent},
		{"none can be asked", []asker{says(DHCPv4, "", refused), says(DHCPv6, "", refused)}, Word{}, refused},
		{"two words: the better source", []asker{says(DHCPv4, one, nil), says(RouterAdvertisement, other, nil)}, Word{Device: "eth0", Source: DHCPv4, API: one}, nil},
		{"the better source says what cannot be", []asker{says(DHCPv4, "http://one.example/", nil), says(RouterAdvertisement, other, nil)}, Word{Device: "eth0", Source: RouterAdvertisement, API: other}, nil},
		{"no portal", []asker{says(DHCPv4, "", context.DeadlineExceeded), says(DHCPv6, unrestricted, nil)}, Word{Device: "eth0", Source: DHCPv6, Unrestricted: true}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := ask(t.Context(), "eth0", nil, tc.ways)
			if !errors.Is(err, tc.err) || got != tc.want {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, tc.want, tc.err)
			}
		})
	}
}
