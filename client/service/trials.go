package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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
	of map[string]*trial // by the profile's ID
}

// trial is one password that was sent and has not brought a line up.
type trial struct {
	Profile  string `json:"profile"`
	Username string `json:"username"`
	refused  bool
}

// mostTrials bounds the file; a user has no more profiles.
const mostTrials = 4096

// maxTrials bounds the file that is read, in bytes.
const maxTrials = 4 << 20

func openTrials(path string, logger *slog.Logger) *trials {
	t := &trials{path: path, logger: logger, of: map[string]*trial{}}
	if path == "" {
		return t
	}
	list, err := readTrials(path)
	if err != nil {
		logger.Warn("which passwords were refused is not known any more", "error", err)
	}
	for _, one := range list {
		if profile.ValidID(one.Profile) {
			one.refused = true
			t.of[one.Profile] = &one
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
	if old := t.of[profileID]; old != nil && old.Username == username {
		old.refused = false
		return // it is on disk
	}
	if len(t.of) < mostTrials {
		t.of[profileID] = &trial{Profile: profileID, Username: username}
		t.save()
	}
}

// refused notes that the gateway did not take the password that was sent.
func (t *trials) refused(profileID, username string) {
	t.sent(profileID, username)
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.of[profileID]; one != nil {
		one.refused = true
	}
}

// known says whether the last password of that user was refused.
func (t *trials) known(profileID, username string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[profileID]
	return one != nil && one.refused && (one.Username == username || username == "")
}

// drop forgets what was noted: the line stands, or the profile is gone.
func (t *trials) drop(profileID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[profileID] != nil {
		delete(t.of, profileID)
		t.save()
	}
}

// ended draws the conclusion from the end of a tunnel. One that was called off
// may have been refused already, and nobody has heard it.
func (t *trials) ended(profileID string, f *diagnose.Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[profileID]
	switch {
	case one == nil:
	case f == nil || f.Cause == diagnose.CauseCancelled || f.Cause.Refused():
		one.refused = true
	case !one.refused:
		delete(t.of, profileID)
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
	slices.SortFunc(list, func(a, b trial) int { return strings.Compare(a.Profile, b.Profile) })
	data, err := json.Marshal(list)
	if err == nil {
		err = profile.WriteFile(t.path, data)
	}
	if err != nil {
		t.logger.Error("a password that is sent cannot be noted", "error", err)
	}
}
