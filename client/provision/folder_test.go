package provision

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// reads reads the folder once more and wants these profiles, and so many problems, the
// first of which says what.
func (r *rig) reads(f *Folder, what string, names []string, problems int, says string) {
	r.t.Helper()
	f.read()
	got := f.Problems()
	if !slices.Equal(f.names(), names) || len(got) != problems || problems > 0 && !strings.Contains(got[0], says) {
		r.t.Errorf("%s: %q with problems %q", what, f.names(), got)
	}
	for _, p := range got {
		if strings.Contains(p, "\n") || !strings.HasSuffix(p, ".") {
			r.t.Errorf("%s: no sentence: %q", what, p)
		}
	}
}

// TestFolder: what comes, goes, is damaged and is mended again, also while no service
// runs.
func TestFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := r.open()
	r.reads(f, "no folder", nil, 0, "")
	r.write("profiles.d/b.json", office("Beta"))
	r.write("profiles.d/a.json", office("Alpha"))
	r.reads(f, "two files", []string{"Alpha", "Beta"}, 0, "")
	r.write("profiles.d/a.json", office("Alpha")[:50])
	r.reads(f, "one of them damaged", []string{"Alpha", "Beta"}, 1, "what it said before counts")
	r.reads(r.open(), "the same after a restart", []string{"Alpha", "Beta"}, 1, "what it said before counts")
	r.write("profiles.d/a.json", office("Alpha the second"))
	r.reads(f, "mended", []string{"Alpha the second", "Beta"}, 0, "")
	r.remove("profiles.d/b.json")
	r.reads(f, "one gone", []string{"Alpha the second"}, 0, "")
	r.write("profiles.d/b.json", "{")
	r.reads(f, "back, and never good since", []string{"Alpha the second"}, 1, "b.json is not used:")
	r.remove("profiles.d")
	r.reads(f, "all gone", nil, 0, "")
	if left, err := os.ReadDir(r.cfg.Copies); err != nil || len(left) != 0 {
		t.Errorf("copies of what is gone: %v, %v", left, err)
	}
}

// TestFolderLeavesOut: what is no profile is not read, and what somebody may have meant
// as one is told.
func TestFolderLeavesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", office("Office"))
	for _, name := range []string{".hidden.json", "office.json~", "office.json.dpkg-old", "README", "notes.txt"} {
		r.write("profiles.d/"+name, "x")
	}
	if err := os.Mkdir(r.path("profiles.d/old.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := r.open()
	r.reads(f, "nothing to be told", []string{"Office"}, 0, "")
	for name, says := range map[string]string{"x.mobileconfig": "only Homeward's own files", "twin.json": "same origin.identifier"} {
		r.write("profiles.d/"+name, office("Office"))
		r.reads(f, name, []string{"Office"}, 1, says)
		r.remove("profiles.d/" + name)
	}
	r.write("profiles.d/twin.json", strings.Replace(office("OFFICE"), "vpn.example.com", "other.example.com", 1))
	r.reads(f, "another of the same name", []string{"Office"}, 1, "same name")
	r.remove("profiles.d/twin.json")
	if err := os.Symlink(r.path("profiles.d/office.json"), r.path("profiles.d/link.json")); err != nil {
		t.Fatal(err)
	}
	r.reads(f, "a link", []string{"Office"}, 1, "no regular file")
	r.remove("profiles.d/link.json")
	r.write("profiles.d/large.json", strings.Repeat(" ", maxFile+1))
	r.reads(f, "a large file", []string{"Office"}, 1, "larger")
}

func TestFolderIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range mostFiles + 5 {
		r.write(fmt.Sprintf("profiles.d/%03d.json", i), office(fmt.Sprintf("Office %03d", i)))
	}
	f := r.open()
	if n, p := len(f.names()), f.Problems(); n != mostFiles || len(p) != 1 || !strings.Contains(p[0], "more than 128") {
		t.Errorf("%d profiles, %q", n, p)
	}
	for i := range mostProblems + 3 {
		r.write(fmt.Sprintf("profiles.d/%03d.json", i), "{")
	}
	f.read()
	if p := f.Problems(); len(p) != mostProblems+1 || !strings.Contains(p[mostProblems], "more files") {
		t.Errorf("%q", p)
	}
}

// TestFolderTrusts: what others than root, or who runs the service, could have written
// is not used; what it said before is.
func TestFolderTrusts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", office("Office"))
	r.write("policy.json", `{"version": 1, "kill_switch": "lockdown"}`)
	f := r.open()
	chmod := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(r.path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	locked := func(what string) {
		t.Helper()
		if p, is := f.Policy(); !is || p.KillSwitch != "lockdown" {
			t.Errorf("%s: the policy is %+v, %v", what, p, is)
		}
	}
	chmod("profiles.d/office.json", 0o666)
	r.reads(f, "a file that all may write", []string{"Office"}, 1, "may be written to by others")
	chmod("profiles.d/office.json", 0o644)
	chmod("profiles.d", 0o777)
	r.write("profiles.d/evil.json", office("Evil"))
	r.reads(f, "a folder that all may write to", []string{"Office"}, 1, "may be written to by others")
	chmod("profiles.d", 0o755)
	r.remove("profiles.d/evil.json")
	chmod("policy.json", 0o606)
	r.reads(f, "a policy that all may write", []string{"Office"}, 1, "policy.json is not used, and what it said before counts")
	locked("a policy that all may write")
	chmod(".", 0o777)
	r.remove("policy.json")
	r.reads(f, "the folder of it all", []string{"Office"}, 2, "may be written to by others")
	locked("a policy that somebody has removed from such a folder")
	chmod(".", 0o755)
	r.reads(f, "a policy that is gone", []string{"Office"}, 0, "")
	if p, is := f.Policy(); is {
		t.Errorf("the policy is gone, and is %+v", p)
	}
}

// TestForeignOwner: a file of another user's is not used. It takes root to make one.
func TestForeignOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	r := newRig(t)
	r.write("profiles.d/office.json", office("Office"))
	if err := os.Chown(r.path("profiles.d/office.json"), 1000, 0); err != nil {
		t.Fatal(err)
	}
	f := r.open()
	r.reads(f, "a file of user 1000", nil, 1, "belongs to user 1000")
	if err := os.Chown(r.path("profiles.d/office.json"), 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(r.path("profiles.d"), 1000, 0); err != nil {
		t.Fatal(err)
	}
	r.reads(f, "a folder of user 1000", nil, 1, "belongs to user 1000")
}

// TestPolicyThatCannotBeRead: what it said when it was good counts; without that it is
// not known, and holds what there is.
func TestPolicyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("policy.json", "{")
	f := r.open()
	if p, is := f.Policy(); !is || !p.Unknown {
		t.Errorf("never good: %+v, %v", p, is)
	}
	r.write("policy.json", `{"version": 1, "kill_switch": "on", "organization": "Harbour"}`)
	r.reads(f, "good", nil, 0, "")
	want := Policy{KillSwitch: "on", Organization: "Harbour"}
	for _, content := range []string{"", "{", `{"version": 1, "kill_switch": "of`, `{"version": 9}`, `{"version": 1, "kill_switch": "none"}`} {
		r.write("policy.json", content)
		for _, f := range []*Folder{f, r.open()} {
			f.read()
			if p, is := f.Policy(); !is || !reflect.DeepEqual(p, want) || len(f.Problems()) != 1 {
				t.Errorf("%q: %+v, %v, %q", content, p, is, f.Problems())
			}
		}
	}
	if err := os.WriteFile(filepath.Join(r.cfg.Copies, policyName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.read()
	if p, is := f.Policy(); !is || !p.Unknown {
		t.Errorf("with a damaged copy: %+v, %v", p, is)
	}
}

// TestAlwaysOnByPolicy: the profile that the policy names is always on, whatever its
// file says, and people may not change that.
func TestAlwaysOnByPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write("profiles.d/office.json", `{"version": 1, "user_may_set": ["client.username", "on_demand.when"], "profile": `+office("Office")+`}`)
	r.write("profiles.d/lab.json", office("Lab"))
	f := r.open()
	for _, want := range []string{"office", "office@vpn.example.com"} {
		r.write("policy.json", fmt.Sprintf(`{"version": 1, "always_on": %q}`, want))
		r.reads(f, want, []string{"Lab", "Office"}, 0, "")
		p, _ := f.Policy()
		for _, l := range f.profiles() {
			chosen := l.profile.Name == "Office"
			if (p.AlwaysOnID == l.profile.ID) != chosen || (l.profile.OnDemand.When == profile.WhenAlways) != chosen || chosen && slices.Contains(l.userMaySet, "on_demand.when") {
				t.Errorf("%s: %+v", want, l)
			}
		}
	}
	r.write("policy.json", `{"version": 1, "always_on": "elsewhere"}`)
	r.reads(f, "a profile that there is not", []string{"Lab", "Office"}, 1, `it keeps "elsewhere" always on`)
	if p, _ := f.Policy(); p.AlwaysOnID != "" {
		t.Errorf("%+v", p)
	}
}

// TestYoungFiles: a file that somebody may be writing in this moment is no problem yet.
func TestYoungFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Patience = time.Hour
	r.write("profiles.d/office.json", office("Office"))
	f := r.open()
	r.write("profiles.d/office.json", office("Office")[:30])
	r.write("profiles.d/lab.json", "")
	if changed, young := f.read(); changed || !young || len(f.Problems()) != 0 {
		t.Errorf("half written: changed %v, young %v, %q", changed, young, f.Problems())
	}
	long := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"office", "lab"} {
		if err := os.Chtimes(r.path("profiles.d/"+name+".json"), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if changed, young := f.read(); !changed || young || len(f.Problems()) != 2 {
		t.Errorf("long ago: changed %v, young %v, %q", changed, young, f.Problems())
	}
}
