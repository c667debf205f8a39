package attendant

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// sample is the profile that IT sent.
func sample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../client/profile/formats/testdata/office.mobileconfig")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFileToProfile: a file becomes a profile that the window is about; the same file
// once more replaces it, another gateway is told before, and a name that is taken gets a
// number.
func TestFileToProfile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	path := file(t, "office.mobileconfig", sample(t))
	plan, err := r.a.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Items) != 1 || plan.Items[0].Replaces != nil || plan.Items[0].Profile.Name != "Harbour Office" || plan.Lowers() {
		t.Fatalf("the plan is %+v", plan.Items)
	}
	done, err := r.a.TakeOver(t.Context(), plan)
	if err != nil || len(done) != 1 || done[0].Replaced {
		t.Fatalf("%+v, %v", done, err)
	}
	in := r.until("the window is about it", func(in viewmodel.Input) bool { return in.Chosen != nil && in.Chosen.ID == done[0].ID })
	if len(in.Profiles) != 2 {
		t.Errorf("%d profiles", len(in.Profiles))
	}

	again, err := r.a.Open(t.Context(), path)
	if err != nil || again.Items[0].Replaces == nil || again.Items[0].Elsewhere || again.Items[0].Profile.ID != done[0].ID {
		t.Errorf("the same file: %+v, %v", again, err)
	}
	again.Discard()
	other := strings.ReplaceAll(sample(t), "vpn.harbour.example", "vpn.elsewhere.example")
	if again, err = r.a.Open(t.Context(), file(t, "newer.mobileconfig", other)); err != nil || !again.Items[0].Elsewhere {
		t.Errorf("another gateway: %+v, %v", again, err)
	}
	stranger := strings.ReplaceAll(other, "example.harbour", "example.stranger")
	if again, err = r.a.Open(t.Context(), file(t, "stranger.mobileconfig", stranger)); err != nil || again.Items[0].Replaces != nil || again.Items[0].Profile.Name != "Harbour Office (2)" {
		t.Errorf("another one of that name: %+v, %v", again, err)
	}

	r.b.fail("add", control.Refuse(control.CodeForbidden, "not here"))
	if _, err := r.a.TakeOver(t.Context(), again); err == nil {
		t.Error("taken over against the service's word")
	}
	if len(r.a.Input().Profiles) != 2 {
		t.Error("something was left behind")
	}
}

// TestWhatIsNoProfile: files that are none are refused with a reason, at once.
func TestWhatIsNoProfile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve()
	r.ready()
	large := file(t, "large.mobileconfig", "")
	if err := os.Truncate(large, 100<<20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		problem    profile.ImportProblem // empty: not the file's content
		words      string
	}{
		{"nothing", file(t, "a.mobileconfig", ""), profile.ImportDamaged, "empty"},
		{"something else", file(t, "b.mobileconfig", "PK\x03\x04 and so on"), profile.ImportForeign, ""},
		{"100 MB", large, profile.ImportTooLarge, "larger"},
		{"not there", filepath.Join(t.TempDir(), "c"), "", "there is no file"},
		{"a folder", t.TempDir(), "", "is a folder"},
		{"no file", os.DevNull, "", "is no file"},
	} {
		plan, err := r.a.Open(t.Context(), c.path)
		var problem *profile.ImportError
		if plan != nil || err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, %v", c.name, plan, err)
			continue
		}
		if is := errors.As(err, &problem); is != (c.problem != "") || is && problem.Problem != c.problem {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
