package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func named(t testing.TB, name string) *Profile {
	p := full(t)
	p.Name = name
	p.Origin.Identifier = "com.example." + name
	return p
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *Store, p *Profile, owner uint32) {
	t.Helper()
	if err := s.Add(p, owner); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "profiles")
	s := openStore(t, dir)
	alice, bob := named(t, "Office"), named(t, "office")
	add(t, s, alice, 1000)
	add(t, s, bob, 1001)
	add(t, s, named(t, "Lab"), 1000)

	for round, s := range []*Store{s, openStore(t, dir)} {
		got, err := s.ByName("OFFICE", 1000)
		if err != nil || got.Owner != 1000 || !reflect.DeepEqual(got.Profile, *alice) {
			t.Errorf("round %d: %+v, %v", round, got, err)
		}
		if got, err = s.Get(bob.ID); err != nil || got.Owner != 1001 {
			t.Errorf("round %d: %+v, %v", round, got, err)
		}
		if _, err := s.ByName("lab", 1001); !errors.Is(err, ErrNotFound) {
			t.Errorf("round %d: another user's profile: %v", round, err)
		}
		if got, err = s.ByOrigin("manual", "com.example.Lab", 1000); err != nil || got.Profile.Name != "Lab" {
			t.Errorf("round %d: %+v, %v", round, got, err)
		}
		if _, err := s.ByOrigin("manual", "com.example.Lab", 1001); !errors.Is(err, ErrNotFound) {
			t.Errorf("round %d: another user's profile: %v", round, err)
		}
		if list := s.List(1000, false); len(list) != 2 || list[0].Profile.Name != "Lab" || list[1].Profile.Name != "Office" {
			t.Errorf("round %d: list %+v", round, list)
		}
		if n := len(s.List(1002, true)); n != 3 {
			t.Errorf("round %d: an administrator sees %d", round, n)
		}
		if n := len(s.List(1002, false)); n != 0 {
			t.Errorf("round %d: a stranger sees %d", round, n)
		}
	}
	if err := s.Delete(alice.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(alice.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := openStore(t, dir).Get(alice.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("back again: %v", err)
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	p := named(t, "Office")
	add(t, s, p, 1000)

	var taken *NameTakenError
	if err := s.Add(named(t, "OFFICE"), 1000); !errors.As(err, &taken) || taken.Name != "Office" {
		t.Errorf("the same name: %v", err)
	}
	stolen := *p
	stolen.Name = "Mine"
	if err := s.Add(&stolen, 1001); !errors.Is(err, ErrNotOwner) {
		t.Errorf("another user's ID: %v", err)
	}
	changed := *p
	changed.Gateway.Address = "new.example.com"
	add(t, s, &changed, 1000)
	if got, err := s.Get(p.ID); err != nil || got.Profile.Gateway.Address != "new.example.com" {
		t.Errorf("not replaced: %+v, %v", got, err)
	}
	var invalid *InvalidError
	if err := s.Add(&Profile{}, 1000); !errors.As(err, &invalid) {
		t.Errorf("an invalid one: %v", err)
	}
	if _, err := s.ByOrigin("manual", "", 1000); !errors.Is(err, ErrNotFound) {
		t.Errorf("no identifier: %v", err)
	}
	big := named(t, "Big")
	big.Gateway.Anchors = nil
	for range maxCertificates {
		big.Gateway.Anchors = append(big.Gateway.Anchors, p.Gateway.Anchors[0])
	}
	for i := range 5000 {
		big.DNS.Search = append(big.DNS.Search, fmt.Sprint("d", i))
	}
	if err := s.Add(big, 1000); err == nil {
		t.Error("a profile of thousands of domains was stored")
	}
}

func TestStoreTooMany(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	p := full(t)
	for i := range maxPerOwner {
		p.ID, p.Name = NewID(), fmt.Sprint("n", i)
		s.profiles[p.ID] = Stored{Owner: 1000, Profile: *p} // as if read, without the disk's time
	}
	p.ID, p.Name = NewID(), "one more"
	if err := s.Add(p, 1000); !errors.Is(err, ErrTooMany) {
		t.Errorf("error %v", err)
	}
	add(t, s, p, 1001)
}

// TestStoreDamage leaves damaged and foreign files alone, tells of them, and
// keeps the others.
func TestStoreDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, dir)
	good := named(t, "Good")
	add(t, s, good, 1000)
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(filepath.Join(dir, good.ID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	write(strings.Repeat("0", 32)+".json", "{")
	write(strings.Repeat("1", 32)+".json", string(stored)) // another ID inside
	write(strings.Repeat("2", 32)+".json", strings.Repeat(" ", MaxSize+1))
	write(strings.Repeat("3", 32)+".json", `{"owner":1000,"profile":{"version":9}}`)
	write("notes.txt", "hello")
	write(tempPrefix+"123", "half of a profile")
	long := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(filepath.Join(dir, tempPrefix+"123"), long, long); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, dir)
	if got := s.List(0, true); len(got) != 1 || got[0].Profile.ID != good.ID {
		t.Errorf("list %+v", got)
	}
	if n := len(s.Problems()); n != 4 {
		t.Errorf("%d problems, want 4: %v", n, s.Problems())
	}
	if _, err := os.Stat(filepath.Join(dir, tempPrefix+"123")); !os.IsNotExist(err) {
		t.Errorf("what an interrupted write left is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, strings.Repeat("0", 32)+".json")); err != nil {
		t.Errorf("a damaged profile was removed: %v", err)
	}
}

// TestStoreCopies: a caller that changes what it got changes nothing else.
func TestStoreCopies(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	p := named(t, "Office")
	p.Client.Further = []SignIn{{Auth: ClientMSCHAPv2, Username: "alice-token"}}
	add(t, s, p, 1000)
	p.DNS.Domains[0] = "spoiled.example"
	got, err := s.Get(p.ID)
	if err != nil {
		t.Fatal(err)
	}
	got.Profile.Traffic.Include[0] = got.Profile.Traffic.Exclude[0]
	got.Profile.IKE.Proposals[0].Group = "spoiled"
	again, err := s.Get(p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if again.Profile.DNS.Domains[0] != "corp.example" || again.Profile.IKE.Proposals[0].Group != "ecp384" ||
		again.Profile.Traffic.Include[0].String() != "10.0.0.0/8" {
		t.Errorf("spoiled: %+v", again.Profile)
	}
	notShared(t, "profile", reflect.ValueOf(got.Profile), reflect.ValueOf(again.Profile))
}

// notShared wants that two values have no list in common.
func notShared(t *testing.T, name string, a, b reflect.Value) {
	t.Helper()
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			notShared(t, name+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Slice:
		if a.Len() > 0 && a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", name)
		}
	}
}

func TestStoreConcurrent(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			p := named(t, fmt.Sprint("p", i))
			for range 5 {
				if err := s.Add(p, 1000); err != nil {
					t.Error(err)
				}
				s.List(1000, false)
			}
			if err := s.Delete(p.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.List(0, true)); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows guards files by access lists, which the folder passes on")
	}
	dir := filepath.Join(t.TempDir(), "new", "dir")
	s := openStore(t, dir)
	p := named(t, "Office")
	add(t, s, p, 1000)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, p.ID+".json"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", filepath.Base(path), info.Mode(), err)
		}
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for _, content := range []string{"first", "second, longer", ""} {
		if err := WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "missing", "x"), nil); err == nil {
		t.Error("written into a folder that is not there")
	}
	// A directory in the way: the rename fails, and nothing is left behind.
	if err := os.MkdirAll(filepath.Join(dir, "d", "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "d"), []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
