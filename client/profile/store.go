package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxPerOwner bounds what one user can make the service keep.
const maxPerOwner = 512

// The store's refusals.
var (
	ErrNotFound = errors.New("profile: there is no such profile")
	ErrTooMany  = errors.New("profile: too many profiles are stored for this user")
	ErrNotOwner = errors.New("profile: it belongs to another user")
)

// NameTakenError says that the owner already has a profile of that name.
type NameTakenError struct{ Name string }

// Error implements error.
func (e *NameTakenError) Error() string {
	return fmt.Sprintf("profile: there already is a profile named %q", e.Name)
}

// OwnerSystem is the owner of what a computer has for all its users. No user has that
// number.
const OwnerSystem = 1<<32 - 1

// Stored is a profile with its owner's user number.
type Stored struct {
	Owner   uint32
	Profile Profile
	// Managed: an administrator has laid it down for everybody, and Owner has it as
	// their own but for Locked, which are fields of Paths, or whole parts.
	Managed bool
	Locked  []string
}

// record is the form on disk.
type record struct {
	Owner   uint32  `json:"owner"`
	Profile Profile `json:"profile"`
}

// Store keeps profiles as one JSON file each, named by ID, in a directory that
// belongs to the service. It is safe for concurrent use within one process.
// What it hands out is a copy, except for the certificates' bytes, which
// nobody may write to.
type Store struct {
	dir      string
	mu       sync.Mutex
	profiles map[string]Stored
	problems []error
}

// OpenStore reads all profiles in dir, which is made where it is missing. A
// file that cannot be read or is no valid profile is left alone and told by
// Problems, so that one damaged file does not take the others away.
func OpenStore(dir string) (*Store, error) {
	if err := PrivateDir(dir); err != nil {
		return nil, fmt.Errorf("profile store: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("profile store: %w", err)
	}
	s := &Store{dir: dir, profiles: map[string]Stored{}}
	for _, e := range entries {
		id, isProfile := strings.CutSuffix(e.Name(), ".json")
		if !isProfile || !e.Type().IsRegular() {
			continue
		}
		st, err := readRecord(filepath.Join(dir, e.Name()), id)
		if err != nil {
			s.problems = append(s.problems, fmt.Errorf("profile store: %s: %w", e.Name(), err))
			continue
		}
		s.profiles[id] = st
	}
	return s, nil
}

func readRecord(path, id string) (Stored, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Stored{}, err
	}
	if info.Size() > MaxSize {
		return Stored{}, fmt.Errorf("larger than %d bytes", MaxSize)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Stored{}, err
	}
	var r record
	if err := decodeStrict(data, &r); err != nil {
		return Stored{}, err
	}
	if err := r.Profile.Validate(); err != nil {
		return Stored{}, err
	}
	if r.Profile.ID != id {
		return Stored{}, invalid("id", "is not the file's name")
	}
	return Stored{Owner: r.Owner, Profile: r.Profile}, nil
}

// Problems tells what OpenStore could not read.
func (s *Store) Problems() []error { return slices.Clone(s.problems) }

// List gives the profiles of uid, all with admin set, sorted by name.
func (s *Store) List(uid uint32, admin bool) []Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Stored
	for _, st := range s.profiles {
		if admin || st.Owner == uid {
			list = append(list, st.clone())
		}
	}
	return Sorted(list)
}

// Sorted puts profiles into the order of their names, in place.
func Sorted(list []Stored) []Stored {
	slices.SortStableFunc(list, func(a, b Stored) int {
		if c := strings.Compare(foldName(a.Profile.Name), foldName(b.Profile.Name)); c != 0 {
			return c
		}
		return strings.Compare(a.Profile.ID, b.Profile.ID)
	})
	return list
}

// Get gives the profile of that ID, or ErrNotFound. Whether the caller may
// see it is the caller's question: Stored names the owner.
func (s *Store) Get(id string) (Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.profiles[id]
	if !ok {
		return Stored{}, ErrNotFound
	}
	return st.clone(), nil
}

// ByName gives uid's profile of that name, letter case aside, or ErrNotFound.
func (s *Store) ByName(name string, uid uint32) (Stored, error) {
	return s.find(func(st Stored) bool {
		return st.Owner == uid && foldName(st.Profile.Name) == foldName(name)
	})
}

// ByOrigin gives uid's profile that came from a file of this format with this
// identifier, or ErrNotFound: importing it again replaces that profile.
func (s *Store) ByOrigin(format, identifier string, uid uint32) (Stored, error) {
	if identifier == "" {
		return Stored{}, ErrNotFound
	}
	return s.find(func(st Stored) bool {
		return st.Owner == uid && st.Profile.Origin.Format == format && st.Profile.Origin.Identifier == identifier
	})
}

func (s *Store) find(match func(Stored) bool) (Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.profiles {
		if match(st) {
			return st.clone(), nil
		}
	}
	return Stored{}, ErrNotFound
}

// Add stores p for owner, durably. A profile of the same ID and owner is
// replaced. Refusals: *InvalidError, *NameTakenError, ErrNotOwner, ErrTooMany.
func (s *Store) Add(p *Profile, owner uint32) error {
	if err := p.Validate(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(record{Owner: owner, Profile: *p}, "", "\t")
	if err != nil {
		return fmt.Errorf("profile store: %w", err)
	}
	if len(data) > MaxSize {
		return fmt.Errorf("profile store: larger than %d bytes", MaxSize)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mayAdd(p, owner); err != nil {
		return err
	}
	if err := WriteFile(s.path(p.ID), data); err != nil {
		return fmt.Errorf("profile store: %w", err)
	}
	s.profiles[p.ID] = Stored{Owner: owner, Profile: *p}.clone()
	return nil
}

// mayAdd looks for what stands in the way of p. The caller holds the lock.
func (s *Store) mayAdd(p *Profile, owner uint32) error {
	old, replaces := s.profiles[p.ID]
	if replaces && old.Owner != owner {
		return ErrNotOwner
	}
	count := 0
	for id, st := range s.profiles {
		if st.Owner != owner || id == p.ID {
			continue
		}
		if count++; count >= maxPerOwner {
			return ErrTooMany
		}
		if foldName(st.Profile.Name) == foldName(p.Name) {
			return &NameTakenError{Name: st.Profile.Name}
		}
	}
	return nil
}

// Delete removes the profile of that ID for good, or returns ErrNotFound.
func (s *Store) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.profiles[id]; !ok {
		return ErrNotFound
	}
	err := os.Remove(s.path(id))
	if err == nil {
		err = SyncDir(s.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("profile store: %w", err)
	}
	delete(s.profiles, id)
	return nil
}

func (s *Store) path(id string) string { return filepath.Join(s.dir, id+".json") }

// SameName says that one of two profiles of an owner could not have the other's name.
func SameName(a, b string) bool { return foldName(a) == foldName(b) }

// foldName makes names comparable without regard to letter case.
func foldName(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// clone copies every slice that a caller could want to change.
func (st Stored) clone() Stored {
	p := &st.Profile
	p.Gateway.Anchors = slices.Clone(p.Gateway.Anchors)
	p.Gateway.Intermediates = slices.Clone(p.Gateway.Intermediates)
	p.Gateway.Pins = slices.Clone(p.Gateway.Pins)
	p.Gateway.Quirks = slices.Clone(p.Gateway.Quirks)
	p.Client.EAP = p.Client.EAP.clone()
	p.OnDemand = p.OnDemand.clone()
	p.Client.Certificates = slices.Clone(p.Client.Certificates)
	p.Client.CertificateIssuers = slices.Clone(p.Client.CertificateIssuers)
	p.Client.Further = slices.Clone(p.Client.Further)
	for i := range p.Client.Further {
		p.Client.Further[i].EAP = p.Client.Further[i].EAP.clone()
	}
	p.IKE.Proposals = slices.Clone(p.IKE.Proposals)
	p.Child.Proposals = slices.Clone(p.Child.Proposals)
	p.Traffic.Include = slices.Clone(p.Traffic.Include)
	p.Traffic.Exclude = slices.Clone(p.Traffic.Exclude)
	p.Traffic.AllowPushed = slices.Clone(p.Traffic.AllowPushed)
	p.DNS.Servers = slices.Clone(p.DNS.Servers)
	p.DNS.Domains = slices.Clone(p.DNS.Domains)
	p.DNS.Search = slices.Clone(p.DNS.Search)
	p.DNS.AllowPushed = slices.Clone(p.DNS.AllowPushed)
	return st
}
