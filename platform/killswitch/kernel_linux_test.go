package killswitch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

func newSwitch(t *testing.T) *Switch {
	t.Helper()
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func setPolicy(t *testing.T, s *Switch, p Policy) {
	t.Helper()
	if err := s.Set(p); err != nil {
		t.Fatal(err)
	}
}

// note is the one thing that Set adds to the text.
var note = regexp.MustCompile(` comment "homeward [0-9a-f]+"`)

// chapters are the sets and chains of a listing, in no order.
func chapters(listing string) map[string]bool {
	out := map[string]bool{}
	for _, c := range strings.Split(note.ReplaceAllString(listing, ""), "\n\n") {
		c = strings.TrimPrefix(strings.TrimSpace(c), "table inet homeward {\n")
		out[strings.TrimSpace(strings.TrimSuffix(c, "\n}"))] = true
	}
	return out
}

// TestSecondOpinion: nft(8), which shares no code with this package, reads the
// text of each policy, and lists what comes of it just as it lists what Set made.
func TestSecondOpinion(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft (package nftables) is not installed")
	}
	for name, p := range states() {
		if p.Portal != nil {
			continue // control groups are another test's
		}
		s := newSwitch(t)
		setPolicy(t, s, p)
		byUs := chapters(namespace.Run(t, "nft", "list", "table", "inet", tableName))
		if err := s.Clear(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "policy")
		if err := os.WriteFile(file, []byte(p.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
		namespace.Run(t, "nft", "-f", file)
		byNft := chapters(namespace.Run(t, "nft", "list", "table", "inet", tableName))
		for c := range byUs {
			if !byNft[c] {
				t.Errorf("%s: nft does not read from the text:\n%s", name, c)
			}
		}
		for c := range byNft {
			if !byUs[c] {
				t.Errorf("%s: Set does not make:\n%s", name, c)
			}
		}
		if err := Remove(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStandsForTheNextProcess: what one switch set, another finds, checks and
// takes away; what was altered meanwhile does not count as standing.
func TestStandsForTheNextProcess(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	wantStands := func(want bool) {
		t.Helper()
		got, err := newSwitch(t).Stands()
		if err != nil || got != want {
			t.Errorf("stands: %v (%v), want %v", got, err, want)
		}
	}
	wantStands(false)
	setPolicy(t, newSwitch(t), states()["connected"])
	wantStands(true)
	if err := newSwitch(t).Check(); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("nft", "insert", "rule", "inet", tableName, "output", "accept").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantStands(false)
	if err := Remove(); err != nil {
		t.Fatal(err)
	}
	wantStands(false)
	if err := Remove(); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}
