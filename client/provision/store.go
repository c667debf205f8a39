package provision

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/homeward-vpn/homeward/client/profile"
)

// LockedError says that an administrator has not left something to people.
type LockedError struct {
	Name   string   // the profile's
	Fields []string // that cannot be changed; empty: the profile cannot be taken away
}

// Error implements error.
func (e *LockedError) Error() string {
	if len(e.Fields) == 0 {
		return fmt.Sprintf("provision: %q is laid down by an administrator", e.Name)
	}
	return fmt.Sprintf("provision: of %q an administrator has laid down %s", e.Name, strings.Join(e.Fields, ", "))
}

// Store is what each user has: their own profiles, and those that were laid down for
// everybody. It is safe for concurrent use.
type Store struct {
	own    *profile.Store
	folder *Folder // nil: nothing is laid down
	dir    string  // of what users have set
	logger *slog.Logger

	mu  sync.Mutex
	set map[setKey]setting
}

// setKey is one user's copy of one profile.
type setKey struct {
	id  string
	uid uint32
}

// setting is what a user has set in a profile that was laid down, as it is on disk.
type setting struct {
	Version int             `json:"version"`
	Paths   []string        `json:"paths"`   // of profile.Paths
	Profile profile.Profile `json:"profile"` // in which they say what they do
}

// NewStore joins the two. dir is the service's own folder for what users set in
// profiles that were laid down; folder may be nil.
func NewStore(own *profile.Store, folder *Folder, dir string, logger *slog.Logger) (*Store, error) {
	s := &Store{own: own, folder: folder, dir: dir, logger: logger, set: map[setKey]setting{}}
	if folder == nil {
		return s, nil
	}
	if err := profile.PrivateDir(dir); err != nil {
		return nil, fmt.Errorf("provision: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("provision: %w", err)
	}
	for _, e := range entries {
		key, ok := keyOf(e.Name())
		if !ok {
			continue
		}
		path := filepath.Join(dir, e.Name())
		v, err := readSetting(path)
		if _, known := s.laidDown(key.id); err == nil && !known {
			err = os.Remove(path) // of a profile that is no more
		} else if err == nil {
			s.set[key] = v
		}
		if err != nil {
			logger.Warn("what a user has set in a profile is left out", "file", path, "error", err)
		}
	}
	return s, nil
}

func (k setKey) file() string { return fmt.Sprintf("%s.%d%s", k.id, k.uid, suffix) }

func keyOf(file string) (setKey, bool) {
	id, rest, _ := strings.Cut(strings.TrimSuffix(file, suffix), ".")
	uid, err := strconv.ParseUint(rest, 10, 32)
	k := setKey{id, uint32(uid)}
	return k, err == nil && profile.ValidID(id) && k.file() == file
}

func readSetting(path string) (setting, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return setting{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return setting{}, errTooLarge
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return setting{}, err
	}
	var v setting
	return v, decode(data, &v)
}

// laidDown gives a profile that was laid down.
func (s *Store) laidDown(id string) (laid, bool) {
	if s.folder == nil {
		return laid{}, false
	}
	list := s.folder.profiles()
	i := slices.IndexFunc(list, func(l laid) bool { return l.profile.ID == id })
	if i < 0 {
		return laid{}, false
	}
	return list[i], true
}

// seen is a profile that was laid down as that user has it.
func (s *Store) seen(l *laid, uid uint32) profile.Stored {
	st := profile.Stored{Owner: uid, Managed: true, Locked: l.locked()}
	s.mu.Lock()
	own, some := s.set[setKey{l.profile.ID, uid}]
	s.mu.Unlock()
	var paths []string
	if some {
		for _, path := range own.Paths { // what was left to people then may not be now
			if slices.Contains(l.userMaySet, path) {
				paths = append(paths, path)
			}
		}
	}
	p := l.profile.With(&own.Profile, paths)
	if len(paths) > 0 && p.Validate() != nil {
		p = l.profile.With(&l.profile, nil) // the file has changed, and does not go with it any more
	}
	st.Profile = *p
	return st
}

// everybody gives what is laid down as each of these users has it.
func (s *Store) everybody(users ...uint32) (list []profile.Stored) {
	if s.folder == nil {
		return nil
	}
	down := s.folder.profiles()
	for i := range down {
		for _, uid := range users {
			list = append(list, s.seen(&down[i], uid))
		}
	}
	return list
}

// List gives the profiles of uid, with admin those of all; what is laid down is in it
// as uid's. It is sorted by name.
func (s *Store) List(uid uint32, admin bool) []profile.Stored {
	return profile.Sorted(append(s.own.List(uid, admin), s.everybody(uid)...))
}

// All gives the profiles of everybody. What is laid down is in it as the system's, and
// as each of the users'.
func (s *Store) All(users []uint32) []profile.Stored {
	return profile.Sorted(append(s.own.List(0, true), s.everybody(append([]uint32{profile.OwnerSystem}, users...)...)...))
}

// Get gives the profile of that ID, or profile.ErrNotFound: one that is laid down as
// uid has it, any other as it is. Whether the caller may see it is the caller's
// question: Stored names the owner.
func (s *Store) Get(id string, uid uint32) (profile.Stored, error) {
	if l, ok := s.laidDown(id); ok {
		return s.seen(&l, uid), nil
	}
	return s.own.Get(id)
}

// ByName gives uid's profile of that name, letter case aside, or profile.ErrNotFound.
// What is laid down goes first.
func (s *Store) ByName(name string, uid uint32) (profile.Stored, error) {
	for _, st := range s.everybody(uid) {
		if profile.SameName(st.Profile.Name, name) {
			return st, nil
		}
	}
	return s.own.ByName(name, uid)
}

// Add stores p for owner. Of a profile that is laid down it stores what owner has set
// in it; *LockedError where that is not theirs to set. Its other refusals are those of
// profile.Store.
func (s *Store) Add(p *profile.Profile, owner uint32) error {
	if l, ok := s.laidDown(p.ID); ok {
		return s.put(&l, p, owner)
	}
	for _, st := range s.everybody(owner) {
		if profile.SameName(st.Profile.Name, p.Name) {
			return &profile.NameTakenError{Name: st.Profile.Name}
		}
	}
	return s.own.Add(p, owner)
}

// put stores what owner has set.
func (s *Store) put(l *laid, p *profile.Profile, owner uint32) error {
	changed := profile.Changed(&l.profile, p)
	if locked := slices.DeleteFunc(slices.Clone(changed), func(path string) bool { return slices.Contains(l.userMaySet, path) }); len(locked) > 0 {
		return &LockedError{Name: l.profile.Name, Fields: locked}
	}
	if err := p.Validate(); err != nil {
		return err
	}
	key := setKey{l.profile.ID, owner}
	path := filepath.Join(s.dir, key.file())
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(changed) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("provision: %w", err)
		}
		delete(s.set, key)
		return nil
	}
	v := setting{Version: version, Paths: changed, Profile: *p}
	data, err := json.Marshal(v)
	if err == nil {
		err = profile.WriteFile(path, data)
	}
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	s.set[key] = v
	return nil
}

// Delete removes the profile of that ID for good; *LockedError for one that is laid
// down, or profile.ErrNotFound.
func (s *Store) Delete(id string) error {
	if l, ok := s.laidDown(id); ok {
		return &LockedError{Name: l.profile.Name}
	}
	return s.own.Delete(id)
}
