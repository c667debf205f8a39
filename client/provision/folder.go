package provision

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
)

// What the folder holds.
const (
	policyName   = "policy.json"
	profilesName = "profiles.d"
	suffix       = ".json"
)

const (
	// mostFiles bounds the profiles that are laid down.
	mostFiles = 128
	// mostEntries bounds what is looked at in the folder of profiles.
	mostEntries = 4096
	// mostProblems bounds the sentences about what is not used.
	mostProblems = 8
)

// Config is where things lie.
type Config struct {
	Dir string // the administrator's: /etc/homeward
	// Copies is the service's own folder for what the files said when they were good.
	Copies string
	Logger *slog.Logger
	// Settle is how long a change waits for what belongs to it. 0: 200 ms.
	Settle time.Duration
	// Patience is how long a file may be half written before somebody is told. 0: 2 s.
	Patience time.Duration
}

// Folder is the administrator's folder. It is safe for concurrent use.
type Folder struct {
	cfg Config

	reading sync.Mutex // one reading at a time

	mu  sync.Mutex
	now generation
}

// generation is what one reading has found.
type generation struct {
	policy   Policy
	policed  bool
	profiles []laid // in the order of their files' names
	problems []string
}

// Open reads the folder once. What is not there lays nothing down.
func Open(cfg Config) (*Folder, error) {
	if cfg.Dir == "" || cfg.Logger == nil {
		return nil, errors.New("provision: a part is missing")
	}
	cfg.Settle = cmp.Or(cfg.Settle, 200*time.Millisecond)
	cfg.Patience = cmp.Or(cfg.Patience, 2*time.Second)
	if err := profile.PrivateDir(cfg.Copies); err != nil {
		return nil, fmt.Errorf("provision: %w", err)
	}
	f := &Folder{cfg: cfg}
	f.read()
	return f, nil
}

// Policy gives the policy that counts; false: there is none.
func (f *Folder) Policy() (Policy, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.policy, f.now.policed
}

// Problems has a sentence for each thing that was laid down and is not used, for the
// status.
func (f *Folder) Problems() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.now.problems)
}

// profiles gives what is laid down. Nobody may write to it.
func (f *Folder) profiles() []laid {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.profiles
}

// read reads everything. changed: something is another than before; young: a file that
// cannot be read may be half written yet, and is to be looked at again.
func (f *Folder) read() (changed, young bool) {
	f.reading.Lock()
	defer f.reading.Unlock()
	r := reader{cfg: f.cfg}
	r.readPolicy()
	r.readProfiles()
	r.appoint()
	if n := len(r.problems); n > mostProblems {
		r.problems = append(r.problems[:mostProblems], fmt.Sprintf("%d more files of the administrator's are not used; the service's log names them.", n-mostProblems))
	}
	f.mu.Lock()
	changed = !reflect.DeepEqual(f.now, r.generation)
	f.now = r.generation
	f.mu.Unlock()
	return changed, r.young
}

// reader makes one generation.
type reader struct {
	generation
	cfg   Config
	young bool
}

// problem notes what is not used and why; before: what the file said before counts.
func (r *reader) problem(path string, why error, before bool) {
	words := "is not used"
	if before {
		words = "is not used, and what it said before counts"
	}
	r.cfg.Logger.Warn("a file of the administrator's is not used", "file", path, "error", why, "before", before)
	r.problems = append(r.problems, fmt.Sprintf("The administrator's file %s %s: %s.",
		profile.CleanText(path, 4*maxShown), words, strings.TrimSuffix(profile.CleanText(why.Error(), 8*maxShown), ".")))
}

// outcome is what became of one file.
type outcome uint8

const (
	absent outcome = iota
	good
	asBefore // it is not used, and its copy is
	unknown  // it is there, and nothing is known of what it says
)

// take reads one file and hands it to parse; where that fails, its copy. A file that is
// gone takes its copy along.
func (r *reader) take(path, copyName string, most int, parse func([]byte) error) outcome {
	kept := filepath.Join(r.cfg.Copies, copyName)
	data, info, err := readTrusted(path, most)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.cfg.Logger.Error("the copy of a file that is gone is still there", "file", kept, "error", err)
		}
		return absent
	}
	if err == nil {
		err = parse(data)
	}
	before, kerr := os.ReadFile(kept)
	if err == nil {
		if kerr != nil || !bytes.Equal(before, data) {
			if werr := profile.WriteFile(kept, data); werr != nil {
				r.cfg.Logger.Error("no copy can be kept of a file of the administrator's", "file", path, "error", werr)
			}
		}
		return good
	}
	was := kerr == nil && parse(before) == nil
	if info != nil && trusted(info) == nil && time.Since(info.ModTime()).Abs() < r.cfg.Patience {
		r.young = true // somebody may be writing it
	} else {
		r.problem(path, err, was)
	}
	if was {
		return asBefore
	}
	return unknown
}

// readPolicy reads the policy.
func (r *reader) readPolicy() {
	path := filepath.Join(r.cfg.Dir, policyName)
	if err := r.passable(r.cfg.Dir); err != nil {
		r.recall(path, err)
		return
	}
	var p Policy
	switch r.take(path, policyName, maxPolicy, func(data []byte) (err error) {
		p, err = ParsePolicy(data)
		return err
	}) {
	case absent:
	case unknown:
		r.policy, r.policed = Policy{Unknown: true}, true
	default:
		r.policy, r.policed = p, true
	}
}

// passable says whether a folder can be trusted. One that is not there can be: what it
// would hold is gone.
func (r *reader) passable(dir string) error {
	err := trustedDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// recall takes the policy's copy, for the folder itself cannot be trusted.
func (r *reader) recall(path string, why error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(r.cfg.Copies, policyName)); err != nil {
			return // there is none, and was none
		}
	}
	data, err := os.ReadFile(filepath.Join(r.cfg.Copies, policyName))
	p, perr := ParsePolicy(data)
	known := err == nil && perr == nil
	r.problem(path, why, known)
	if !known {
		p = Policy{Unknown: true}
	}
	r.policy, r.policed = p, true
}

// readProfiles reads the folder of profiles. Of two files that mean the same profile
// the first by its name counts.
func (r *reader) readProfiles() {
	dir := filepath.Join(r.cfg.Dir, profilesName)
	names, gone, err := r.list(dir)
	if err != nil {
		r.problem(dir, err, len(names) > 0)
	}
	for _, name := range gone { // of a folder that can be read
		if err := os.Remove(filepath.Join(r.cfg.Copies, copyPrefix+name)); err != nil {
			r.cfg.Logger.Error("the copy of a file that is gone is still there", "file", name, "error", err)
		}
	}
	for i, name := range names {
		path := filepath.Join(dir, name)
		if i >= mostFiles {
			r.problem(path, fmt.Errorf("there are more than %d files; take some away", mostFiles), false)
			break
		}
		var l laid
		parse := func(data []byte) (err error) {
			l, err = parseFile(name, data)
			return err
		}
		if err != nil { // the folder is not to be trusted, and its copies are
			if data, err := os.ReadFile(filepath.Join(r.cfg.Copies, copyPrefix+name)); err == nil && parse(data) == nil {
				r.add(path, l)
			}
			continue
		}
		if found := r.take(path, copyPrefix+name, maxFile, parse); found == good || found == asBefore {
			r.add(path, l)
		}
	}
}

// copyPrefix tells the copies of profiles from that of the policy.
const copyPrefix = "profile-"

// list names the files of profiles, and the copies whose files are gone. Where the
// folder cannot be read or trusted, the error says why, and the names are those of the
// copies.
func (r *reader) list(dir string) (names, gone []string, err error) {
	var copies []string
	kept, kerr := os.ReadDir(r.cfg.Copies)
	for _, e := range kept {
		if name, ok := strings.CutPrefix(e.Name(), copyPrefix); ok {
			copies = append(copies, name)
		}
	}
	if kerr != nil {
		r.cfg.Logger.Error("the copies of the administrator's files cannot be listed", "error", kerr)
	}
	if err := r.passable(dir); err != nil {
		return copies, nil, err
	}
	entries, err := readDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return copies, nil, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."), strings.HasSuffix(name, "~"), e.IsDir(): // an editor's, or a program's that is writing
		case strings.HasSuffix(name, suffix):
			names = append(names, name)
		case foreign[strings.ToLower(filepath.Ext(name))]:
			r.problem(filepath.Join(dir, name), errForeign, false)
		}
	}
	slices.Sort(names)
	for _, name := range copies {
		if !slices.Contains(names, name) {
			gone = append(gone, name)
		}
	}
	return names, gone, nil
}

// foreign are the endings of what somebody may take for a profile that can be laid down.
var foreign = map[string]bool{
	".mobileconfig": true, ".sswan": true, ".nmconnection": true, ".pbk": true, ".xml": true, ".onc": true, ".conf": true,
}

var errForeign = errors.New("only Homeward's own files can be laid down; import it once, write it with «homewardctl export NAME --format homeward», and lay that down")

// readDir lists a folder, of which a part is enough.
func readDir(dir string) (entries []fs.DirEntry, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	entries, err = d.ReadDir(mostEntries + 1)
	if len(entries) > mostEntries {
		return nil, fmt.Errorf("it holds more than %d entries", mostEntries)
	}
	if len(entries) == 0 {
		return nil, nil // at its end, which is no error
	}
	return entries, err
}

// add takes a profile up, unless another file means the same one.
func (r *reader) add(path string, l laid) {
	for i := range r.profiles {
		switch o := &r.profiles[i]; {
		case o.profile.ID == l.profile.ID:
			r.problem(path, fmt.Errorf("%s has the same origin.identifier", o.file), false)
			return
		case profile.SameName(o.profile.Name, l.profile.Name):
			r.problem(path, fmt.Errorf("%s has a profile of the same name", o.file), false)
			return
		}
	}
	r.profiles = append(r.profiles, l)
}

// appoint has the policy's profile always on.
func (r *reader) appoint() {
	want := r.policy.AlwaysOn
	if want == "" {
		return
	}
	i := slices.IndexFunc(r.profiles, func(l laid) bool {
		return l.profile.Origin.Identifier == want || profile.SameName(l.profile.Name, want)
	})
	if i < 0 {
		r.problem(filepath.Join(r.cfg.Dir, policyName), fmt.Errorf("it keeps %q always on, and no profile of that name or identifier is laid down", profile.CleanText(want, maxShown)), false)
		return
	}
	l := &r.profiles[i]
	r.policy.AlwaysOnID = l.profile.ID
	l.profile.OnDemand.When = profile.WhenAlways
	l.userMaySet = slices.DeleteFunc(slices.Clone(l.userMaySet), func(path string) bool { return strings.HasPrefix(path, "on_demand.") })
	if err := l.profile.Validate(); err != nil {
		r.problem(filepath.Join(r.cfg.Dir, policyName), fmt.Errorf("it keeps %q always on, which that profile cannot be: %w", profile.CleanText(want, maxShown), err), false)
		r.profiles, r.policy.AlwaysOnID = slices.Delete(r.profiles, i, i+1), ""
	}
}
