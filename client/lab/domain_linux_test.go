package lab

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The domain judges the sample of RFC 2759 9.2 as it says.
func TestDomainJudgesTheSampleOfRFC2759(t *testing.T) {
	t.Parallel()
	d := domain{folder: t.TempDir()}
	hash := hex.EncodeToString(ntHash("clientPass"))
	for name, content := range map[string]string{"user": hash, "late" + expiredMark: hash} {
		if err := os.WriteFile(filepath.Join(d.folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const challenge, response = "D02E4386BCE91226", "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"
	if said, err := d.authenticate("user", challenge, response); err != nil || said != "NT_KEY: 41C00C584BD2D91C4017A2A12FA59F3F" {
		t.Errorf("%q, %v", said, err)
	}
	if said, err := d.authenticate("late", challenge, response); !errors.Is(err, errNo) || !strings.Contains(said, "expired") {
		t.Errorf("an expired password: %q, %v", said, err)
	}
	if said, err := d.authenticate("late", challenge, strings.Replace(response, "8", "9", 1)); !errors.Is(err, errNo) || strings.Contains(said, "expired") {
		t.Errorf("a wrong answer: %q, %v", said, err)
	}
	for _, name := range []string{"", "nobody", "../user", "late" + expiredMark} {
		if said, err := d.authenticate(name, challenge, response); err == nil {
			t.Errorf("%q: %q", name, said)
		}
	}
}
