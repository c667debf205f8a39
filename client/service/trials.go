package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
)

// trials knows of which profiles the last password is on its way to the gateway,
// or was refused, so that no program answers with the same one by itself: a few
// wrong tries lock an account. A question for such a password is Fresh, and a
// person has to answer it.
//
// A password that was right, and wrong when it was used for the second time, may be a
// code for one time that goes by that name: for such an account every question is
// Fresh from then on, so that one code is replayed, and not one at each sign-in. One
// that was right twice is no code, whatever becomes of it later.
//
// Which password it was, it does not know. It is on disk, so that neither the end
// of a program nor one of the service loses a refusal; a password that was under
// way when the service ended counts as refused, for nobody has heard otherwise.
type trials struct {
	path   string // "": in memory only
	logger *slog.Logger

	mu sync.Mutex
	of map[account]*trial
}

// account is whose password it is: a profile serves several users, and what becomes
// of one's password says nothing about another's.
type account struct {
	profile, username string
	machine           bool // it is the service's own; see trials_machine.go
}

// trial is what is known of an account's password.
type trial struct {
	Profile  string `json:"profile"`
	Username string `json:"username"`
	Pending  bool   `json:"pending,omitempty"` // the last one was sent, and has not brought a line up
	Static   bool   `json:"static,omitempty"`  // one was right when it was used again
	Once     bool   `json:"once,omitempty"`    // one was wrong when it was used again, and none ever right
	Machine  bool   `json:"machine,omitempty"`
	Refused  bool   `json:"refused,omitempty"` // of the machine's
	Lost     int    `json:"lost,omitempty"`    // tries of the machine's in a row of which nobody has heard
	refused  bool
	again    bool // the one that is pending was used before
}

// idle says that there is nothing to remember.
func (t *trial) idle() bool { return !t.Pending && !t.Static && !t.Once && !t.Refused }

// The bounds of the file. A profile whose users are more than that loses sight of
// one of the others; where all together are, every password is taken for refused.
const (
	mostTrials = 4096
	mostUsers  = 8 // of one profile
)

// maxTrials bounds the file that is read, in bytes.
const maxTrials = 4 << 20

func openTrials(path string, logger *slog.Logger) *trials {
	t := &trials{path: path, logger: logger, of: map[account]*trial{}}
	if path == "" {
		return t
	}
	list, err := readTrials(path)
	if err != nil {
		logger.Warn("which passwords were refused is not known any more", "error", err)
	}
	for _, one := range list {
		if profile.ValidID(one.Profile) && len(t.of) < mostTrials {
			if one.refused = one.Pending || one.Refused || one.Lost >= mostLost; one.Machine && one.Pending {
				one.lose()
			}
			t.of[account{one.Profile, one.Username, one.Machine}] = &one
		}
	}
	return t
}

func readTrials(path string) ([]trial, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > maxTrials {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxTrials)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	var list []trial
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	return list, err
}

// sent notes that a password goes to the gateway; again: nobody has just entered it.
func (t *trials) sent(profileID, username string, again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.entry(profileID, username)
	if one == nil {
		return
	}
	one.again, one.refused = again, false
	if !one.Pending {
		one.Pending = true
		t.save()
	}
}

// entry gives what is known of an account, nil where there is no room to know more.
// The caller holds the lock.
func (t *trials) entry(profileID, username string) *trial {
	of := account{profile: profileID, username: username}
	if t.of[of] == nil {
		t.makeRoom(profileID)
		if len(t.of) >= mostTrials {
			return nil
		}
		t.of[of] = &trial{Profile: profileID, Username: username}
	}
	return t.of[of]
}

// makeRoom forgets a user of a profile that has as many as it may. The caller holds
// the lock.
func (t *trials) makeRoom(profileID string) {
	users := 0
	var one account
	for of := range t.of {
		if of.profile == profileID && !of.machine {
			users++
			one = of
		}
	}
	if users >= mostUsers {
		delete(t.of, one)
	}
}

// refused notes that the gateway did not take the password that was sent.
func (t *trials) refused(profileID, username string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.entry(profileID, username); one != nil {
		one.Pending, one.refused = true, true
		one.judge()
		t.save()
	}
}

// judge takes a password for a code that was wrong as no other is.
func (t *trial) judge() {
	t.Once = t.Once || t.again && !t.Static
	t.again = false
}

// known says whether a person has to enter that user's password: the last one was
// refused, or they are codes. "": that of any user of the profile.
func (t *trials) known(profileID, username string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, one := range t.of {
		if of.profile == profileID && !of.machine && (one.refused || one.Once) && (of.username == username || username == "") {
			return true
		}
	}
	return len(t.of) >= mostTrials && t.of[account{profile: profileID, username: username}] == nil
}

// codes says whether that user's passwords are codes for one time.
func (t *trials) codes(profileID, username string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[account{profile: profileID, username: username}]
	return one != nil && one.Once
}

// stood notes that the password that was under way was right: the line stands.
func (t *trials) stood(profileID string) { t.settle(profileID, true) }

// settle ends what is under way and was not refused.
func (t *trials) settle(profileID string, right bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for of, one := range t.of {
		if of.profile != profileID || !one.Pending || one.refused {
			continue
		}
		one.Static = one.Static || right && one.again
		one.Once = one.Once && !one.Static
		one.Pending, one.again, one.Lost, changed = false, false, 0, true
		if one.idle() {
			delete(t.of, of)
		}
	}
	if changed {
		t.save()
	}
}

// drop forgets all of a profile, which is gone.
func (t *trials) drop(profileID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.of)
	maps.DeleteFunc(t.of, func(of account, _ *trial) bool { return of.profile == profileID })
	if len(t.of) != before {
		t.save()
	}
}

// ended draws the conclusion from the end of a tunnel. One that was called off
// may have been refused already, and nobody has heard it.
func (t *trials) ended(profileID string, f *diagnose.Failure) {
	if f != nil && f.Cause != diagnose.CauseCancelled && !f.Cause.Refused() {
		t.settle(profileID, false)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := false
	for of, one := range t.of {
		if of.profile != profileID || !one.Pending {
			continue
		}
		if one.Machine {
			if changed = true; f == nil || f.Cause == diagnose.CauseCancelled {
				one.lose()
			} else {
				one.Pending, one.Refused, one.refused = false, true, true
			}
			continue
		}
		one.refused = true
		if f != nil && f.Cause == diagnose.CauseWrongPassword {
			one.judge()
			changed = true
		}
	}
	if changed {
		t.save()
	}
}

// save writes the file. The caller holds the lock.
func (t *trials) save() {
	if t.path == "" {
		return
	}
	list := make([]trial, 0, len(t.of))
	for _, one := range t.of {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b trial) int { return strings.Compare(a.Profile+a.Username, b.Profile+b.Username) })
	data, err := json.Marshal(list)
	if err == nil {
		err = profile.WriteFile(t.path, data)
	}
	if err != nil {
		t.logger.Error("a password that is sent cannot be noted", "error", err)
	}
}
