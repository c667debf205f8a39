package profile

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                       "",
		"  two\n\twords ":        "two words",
		"a\x00b\x1b[31mc":        "ab[31mc",
		"left\u202eright":        "leftright",
		"zero\u200bwidth":        "zerowidth",
		"bad\xffbyte":            "badbyte",
		"Büro ☂":                 "Büro ☂",
		"\u2028line":             "line",
		strings.Repeat("ü", 100): strings.Repeat("ü", 10),
	} {
		got := CleanText(in, 20)
		if got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
		if !printable(got) || len(got) > 20 || CleanText(got, 20) != got {
			t.Errorf("%q is not clean", got)
		}
	}
	if got := CleanName(" --\u202e- a"); got != "a" {
		t.Errorf("name %q", got)
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("a\u202e b\n c", 5)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		got := CleanText(s, limit)
		if !printable(got) || (limit >= 0 && len(got) > limit) || CleanText(got, len(got)) != got {
			t.Errorf("%q became %q", s, got)
		}
		if name := CleanName(s); name != "" && CleanName(name) != name {
			t.Errorf("the name %q is not clean", name)
		}
	})
}

func TestHostname(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for name, want := range map[string]bool{
		"a": true, "vpn.example.com": true, "a-b_c.example": true, "xn--bro-hoa.example": true, "1.example": true, label + ".b": true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "-a": false, "a-": false, "a b": false, "ü.example": false,
		"a/b": false, "1.2.3.4": false, "a.1": false, label + "a.b": false, strings.Repeat("a.", 126) + "aa": false,
	} {
		if got := ValidHostname(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestPublicSuffix(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"": true, "com": true, "COM": true, "co.uk": true, "com.": true, "example.com": false, "corp": false, "internal": false, "example.co.uk": false,
	} {
		if got := PublicSuffix(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestSecretsPrintRedacted tries every way a value gets into a text.
func TestSecretsPrintRedacted(t *testing.T) {
	t.Parallel()
	s := Secrets{Password: []byte("abc"), PSK: []byte("abc"), PrivateKey: []byte("abc")}
	for _, v := range []any{s, &s, []Secrets{s}, struct{ S Secrets }{s}, Imported{Secrets: s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
			text := fmt.Sprintf(verb, v)
			for _, leak := range []string{"abc", "616263", "97 98 99", "141 142 143"} {
				if strings.Contains(text, leak) {
					t.Errorf("%s of %T shows %s", verb, v, text)
				}
			}
		}
		out, err := json.Marshal(v)
		if err != nil || strings.Contains(string(out), "YWJj") {
			t.Errorf("JSON of %T: %s, %v", v, out, err)
		}
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("secrets", "secrets", s)
	if strings.Contains(b.String(), "abc") || !strings.Contains(b.String(), "redacted") {
		t.Errorf("log line %s", b.String())
	}
	password := s.Password
	s.Clear()
	if !s.Empty() || string(password) != "\x00\x00\x00" {
		t.Errorf("not cleared: %x", password)
	}
}
