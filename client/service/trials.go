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
type account struct{ profile, username string }

// trial is one password that was sent and has not brought a line up.
type trial struct {
	Profile  string `json:"profile"`
	Username string `json:"username"`
	refused  bool
}

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
			one.refused = true
			t.of[account{one.Profile, one.Username}] = &one
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

// sent notes that a password goes to the gateway.
func (t *trials) sent(profileID, username string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := account{profileID, username}
	if old := t.of[of]; old != nil {
		old.refused = false
		return // it is on disk
	}
	t.makeRoom(profileID)
	if len(t.of) < mostTrials {
		t.of[of] = &trial{Profile: profileID, Username: username}
		t.save()
	}
}

// makeRoom forgets a user of a profile that has as many as it may. The caller holds
// the lock.
func (t *trials) makeRoom(profileID string) {
	users := 0
	var one account
	for of := range t.of {
		if of.profile == profileID {
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
	t.sent(profileID, username)
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.of[account{profileID, username}]; one != nil {
		one.refused = true
	}
}

// known says whether the last password of that user was refused; "": of any user of
// the profile.
func (t *trials) known(profileID, username string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, one := range t.of {
		if of.profile == profileID && one.refused && (of.username == username || username == "") {
			return true
		}
	}
	return len(t.of) >= mostTrials && t.of[account{profileID, username}] == nil
}

// stood forgets the password that was under way: the line stands with it.
func (t *trials) stood(profileID string) {
	t.forget(func(one *trial) bool { return one.Profile == profileID && !one.refused })
}

// drop forgets all of a profile, which is gone.
func (t *trials) drop(profileID string) {
	t.forget(func(one *trial) bool { return one.Profile == profileID })
}

func (t *trials) forget(meant func(*trial) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := len(t.of)
	maps.DeleteFunc(t.of, func(_ account, one *trial) bool { return meant(one) })
	if len(t.of) != before {
		t.save()
	}
}

// ended draws the conclusion from the end of a tunnel. One that was called off
// may have been refused already, and nobody has heard it.
func (t *trials) ended(profileID string, f *diagnose.Failure) {
	if f != nil && f.Cause != diagnose.CauseCancelled && !f.Cause.Refused() {
		t.stood(profileID)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, one := range t.of {
		one.refused = one.refused || of.profile == profileID
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
