package desktop

import (
	"testing"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// sayIn gives the texts as on a desktop in that language.
func sayIn(t testing.TB, language string) viewmodel.Say {
	t.Helper()
	t.Setenv("LC_ALL", language+".UTF-8")
	t.Setenv("LANGUAGE", "")
	say, err := Speak("")
	if err != nil {
		t.Fatal(err)
	}
	return say
}

// TestSpeak: the texts are in the language of the desktop, or in the one that was
// chosen, with what goes into them and in the right number; a desktop in a language that
// there is not, or in none, has them in English.
func TestSpeak(t *testing.T) {
	for _, c := range []struct{ desktop, chosen, cancel, one, many string }{
		{"en_GB", "", "Cancel", "Harbour wants to set up a connection", "Harbour wants to set up 3 connections"},
		{"C", "", "Cancel", "Harbour wants to set up a connection", "Harbour wants to set up 3 connections"},
		{"sw_KE", "", "Cancel", "Harbour wants to set up a connection", "Harbour wants to set up 3 connections"},
	} {
		t.Run(c.desktop+"+"+c.chosen, func(t *testing.T) {
			t.Setenv("LC_ALL", c.desktop+".UTF-8")
			t.Setenv("LANGUAGE", "")
			say, err := Speak(c.chosen)
			if err != nil {
				t.Fatal(err)
			}
			if got := say("button.cancel", nil); got != c.cancel {
				t.Errorf("%q, want %q", got, c.cancel)
			}
			for n, want := range map[int]string{1: c.one, 3: c.many} {
				if got := say("import.title", map[string]any{"Who": "Harbour", "Count": n}); got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
	if _, err := Speak("tlh"); err == nil {
		t.Error("a language that there is not has texts")
	}
}
