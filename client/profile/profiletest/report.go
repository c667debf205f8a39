package profiletest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Check holds what an importer gives to its promises: profiles that are valid,
// reports that tell each key once, in printable text, with a verdict, and no
// secret in anything that is shown or stored.
func Check(t testing.TB, found []profile.Imported, secrets ...string) {
	t.Helper()
	for _, im := range found {
		if err := im.Profile.Validate(); err != nil {
			t.Errorf("%s: %v", im.Profile.Name, err)
		}
		seen := map[string]bool{}
		for _, l := range im.Report {
			if seen[l.Path] {
				t.Errorf("%s is told twice", l.Path)
			}
			seen[l.Path] = true
			switch l.Verdict {
			case profile.Honoured, profile.Approximated, profile.Ignored, profile.Refused:
			default:
				t.Errorf("%s has the verdict %q", l.Path, l.Verdict)
			}
			for _, text := range []string{l.Path, l.Value, l.Note} {
				if profile.CleanText(text, 1<<20) != text {
					t.Errorf("%q cannot be shown", text)
				}
			}
		}
		checkSecrets(t, im, secrets)
	}
}

func checkSecrets(t testing.TB, im profile.Imported, secrets []string) {
	t.Helper()
	shown, err := json.Marshal(im)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(string(shown), s) {
			t.Errorf("%s: %q is shown or stored", im.Profile.Name, s)
		}
	}
}

// Line finds a key's line in a report.
func Line(t testing.TB, im profile.Imported, path string) profile.Line {
	t.Helper()
	for _, l := range im.Report {
		if l.Path == path {
			return l
		}
	}
	t.Errorf("the report has no line for %s", path)
	return profile.Line{}
}

// Lowers gives the paths of what wants a yes.
func Lowers(im profile.Imported) (paths []string) {
	for _, l := range im.Report {
		if l.Lowers {
			paths = append(paths, l.Path)
		}
	}
	return paths
}

// Refused checks that an import ended with a sentence that can be shown, for that
// problem, and that says all of the words.
func Refused(t testing.TB, found []profile.Imported, err error, problem profile.ImportProblem, words ...string) {
	t.Helper()
	e, ok := err.(*profile.ImportError)
	if !ok {
		t.Fatalf("error %v of type %T, and %d connections; want an ImportError", err, err, len(found))
	}
	if len(found) != 0 || e.Problem != problem {
		t.Errorf("%d connections, problem %q (%s), want %q", len(found), e.Problem, e.Sentence, problem)
	}
	if profile.CleanText(e.Sentence, 1<<20) != e.Sentence || strings.HasSuffix(e.Sentence, ".") {
		t.Errorf("the sentence %q cannot be shown", e.Sentence)
	}
	for _, w := range words {
		if !strings.Contains(e.Sentence, w) {
			t.Errorf("the sentence %q does not say %q", e.Sentence, w)
		}
	}
}

// Fuzzed is what every importer promises for every file.
func Fuzzed(t testing.TB, data []byte, parse func([]byte) ([]profile.Imported, error)) {
	t.Helper()
	found, err := parse(data)
	if err == nil {
		if len(found) == 0 {
			t.Fatal("neither a connection nor an error")
		}
		Check(t, found)
		return
	}
	e, ok := err.(*profile.ImportError)
	if !ok || e.Sentence == "" || len(found) > 0 {
		t.Fatalf("error %v of type %T", err, err)
	}
	if profile.CleanText(e.Sentence, 1<<20) != e.Sentence {
		t.Fatalf("the sentence %q cannot be shown", e.Sentence)
	}
}
