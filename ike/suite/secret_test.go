package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretsPrintRedacted(t *testing.T) {
	t.Parallel()
	s := Secret("tiger tiger")
	holder := struct{ Key Secret }{s}
	keys := Keys{SK_d: s, SK_ei: s}
	var out bytes.Buffer
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%x", "%X", "%q", "%d", "%o", "%08b", "%c"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, holder)
		fmt.Fprintf(&out, verb, keys)
		fmt.Fprintf(&out, verb, &keys)
		fmt.Fprintf(&out, verb, []Secret{s})
	}
	fmt.Fprint(&out, s, s.String(), s.GoString())
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("keys", "secret", s, "holder", holder, "keys", keys, "child", ChildKeys{InitiatorEncryption: s})
	}
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, leak := range []string{"tiger", "7469676572", "116 105", "74 69 67", "dGlnZXI", "164 151"} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(leak)) {
			t.Errorf("output holds %q", leak)
		}
	}
	if n := strings.Count(text, redacted); n < 60 {
		t.Errorf("only %d times redacted", n)
	}
}

func TestSecretClear(t *testing.T) {
	t.Parallel()
	s := Secret{1, 2, 3}
	alias := s[1:]
	s.Clear()
	if !bytes.Equal(s, []byte{0, 0, 0}) || alias[0] != 0 {
		t.Error("not cleared")
	}
	Secret(nil).Clear()
}
