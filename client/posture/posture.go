// Package posture remembers what the machine wants of its kill switch, for the
// moments at which nobody can be asked: early at boot, and when the service
// starts again after a crash.
//
// The flow: the service calls Put before it does what the posture says; AtBoot
// reads it back, without writing anything, and decides whether the network has
// to be blocked before the first packet. Clear is the administrator's way out.
//
// It owns two files in the service's state directory: posture.json, and beside
// it an empty witness, posture.secured, which is there only while lockdown, or
// always-on with a kill switch, is set. A state file that cannot be read means
// "secured" where the witness stands, and nothing where it does not. The order of
// writing (state before witness, and back again the witness first) has it that a
// witness never stands beside a state that did not ask for it, whenever the
// power goes.
//
// Nothing here blocks a machine on which no profile has ever been stored. It
// changes nothing in the system. app/homewardd calls it; it knows no other room.
package posture

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
)

// The modes of the machine's setting.
const (
	Unset    = ""         // the profile decides
	Off      = "off"      // routes only
	On       = "on"       // from Connect until the user's own Disconnect
	Lockdown = "lockdown" // always, from boot on
)

// File names inside the state directory.
const (
	fileName     = "posture.json"
	tempName     = "posture.json.new"
	witnessName  = "posture.secured"
	profilesName = "profiles" // where client/profile's store lies
)

// Posture is what the machine wants of its kill switch.
type Posture struct {
	// Mode is the setting that holds for the machine; Unset where profiles decide.
	Mode string `json:"mode"`
	// LocalNetwork: the local network is reachable beside the tunnel.
	LocalNetwork bool `json:"local_network"`
	// LocalWord is the machine's own word on that, "allow" or "refuse"; empty: the
	// profile decides.
	LocalWord string `json:"local_word"`
	// Policed: an administrator's policy goes before what was chosen on the machine, which
	// is OwnMode and OwnWord.
	Policed bool   `json:"policed,omitempty"`
	OwnMode string `json:"own_mode,omitempty"`
	OwnWord string `json:"own_word,omitempty"`
	// Engaged: a kill switch in mode On (the machine's or a profile's) has
	// been put up by Connect, and the user has not disconnected since.
	Engaged bool `json:"engaged"`
	// BootID is the boot in which all this was written; see ThisBoot. A later one knows
	// nothing of Engaged, and wants the line that is AlwaysOn.
	BootID string `json:"boot_id"`
	// Profile and Owner say, with Engaged, by which profile (its ID) and for which
	// user (by number) it was.
	Profile string `json:"profile"`
	Owner   uint32 `json:"owner"`
	// Automatic says, with Engaged, that no person had asked for it, but the
	// profile's own rules.
	Automatic bool `json:"automatic,omitempty"`
	// AlwaysOn is the ID of the profile that is always connected, once a kill switch
	// has been put up for it; empty: none.
	AlwaysOn string `json:"always_on"`
	// Profiled: a profile has been stored at some time. Put sets it by itself,
	// and never takes it back.
	Profiled bool `json:"profiled"`
}

// Secured says whether the loss of the state file has to be taken for lockdown.
func (p Posture) Secured() bool {
	return p.Profiled && (p.Mode == Lockdown || p.AlwaysOn != "" && p.Mode != Off)
}

// UnreadableError says that the state file cannot be read, or is lost.
type UnreadableError struct {
	Path string
	// Secured: the witness stands, so the machine had asked to be blocked.
	Secured bool
	Err     error
}

// Error implements error.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("the kill switch's state %s cannot be read: %v", e.Path, e.Err)
}

// Unwrap gives the technical reason.
func (e *UnreadableError) Unwrap() error { return e.Err }

// errLost is what is wrong with a state file that its witness has survived.
var errLost = errors.New("it is lost")

// Store is the posture in a state directory. It is safe for concurrent use;
// against other processes the caller holds the ledger's lock, except to read.
type Store struct {
	dir  string
	disk disk
	mu   sync.Mutex // one writer at a time
}

// Open gives the posture of a state directory. Nothing is read or made yet.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("the kill switch's state needs a directory")
	}
	return &Store{dir: dir, disk: osDisk{}}, nil
}

// Get reads the posture. Where there is none it is the zero value. The error is
// an *UnreadableError; where that says Secured, the posture is lockdown.
func (s *Store) Get() (Posture, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get()
}

func (s *Store) get() (Posture, error) {
	path := filepath.Join(s.dir, fileName)
	raw, err := s.disk.Read(path)
	if err == nil {
		var p Posture
		if p, err = parse(raw); err == nil {
			p.Profiled = p.Profiled || s.profiled()
			return p, nil
		}
	}
	lost := errors.Is(err, fs.ErrNotExist)
	standing, werr := s.disk.Exists(filepath.Join(s.dir, witnessName))
	switch {
	case lost && werr == nil && !standing:
		return Posture{}, nil
	case lost:
		err = errLost
	}
	if werr != nil {
		// Nobody can tell whether the machine had asked to be blocked: the
		// directory itself cannot be read.
		err, standing = fmt.Errorf("%w (nor its witness: %w)", err, werr), true
	}
	unreadable := &UnreadableError{Path: path, Secured: standing, Err: err}
	if !standing {
		return Posture{}, unreadable
	}
	return Posture{Mode: Lockdown, Profiled: true}, unreadable
}

// profiled looks whether a profile is stored. What cannot be looked at counts.
func (s *Store) profiled() bool {
	some, err := s.disk.Holds(filepath.Join(s.dir, profilesName), ".json")
	return some || err != nil
}
