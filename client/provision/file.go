package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/native"
)

// laid is a profile as its file lays it down.
type laid struct {
	file       string // its name
	profile    profile.Profile
	userMaySet []string // of profile.Paths
}

// envelope is a file that says more than a profile does.
type envelope struct {
	Version    int             `json:"version"`
	UserMaySet []string        `json:"user_may_set"`
	Profile    json.RawMessage `json:"profile"`
}

// usernameField is what people fill in themselves where the file leaves it empty and
// does not say what they may.
const usernameField = "client.username"

// maxFile bounds a file: a profile, and a little around it.
const maxFile = profile.MaxSize + 64<<10

// parseFile reads the file of a profile: the profile as Homeward writes it, or an
// envelope around one. The error says in half a sentence what is wrong.
func parseFile(name string, data []byte) (laid, error) {
	l := laid{file: name}
	names, err := topLevel(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))
	if err != nil {
		return l, err
	}
	wrapped := slices.Contains(names, "profile")
	var e envelope
	text := data
	if wrapped {
		if err := versionOf(data); err != nil {
			return l, err
		}
		if err := decode(data, &e); err != nil {
			return l, err
		}
		text = e.Profile
	}
	found, err := native.Parse(text)
	if err != nil {
		return l, errors.New(strings.TrimSuffix(profile.CleanText(err.Error(), 4*maxShown), "."))
	}
	l.profile, l.userMaySet = found[0].Profile, e.UserMaySet
	l.profile.ID = idOf(l.profile.Origin.Identifier)
	if e.UserMaySet == nil && l.profile.Client.Username == "" {
		l.userMaySet = []string{usernameField}
	}
	return l, l.check()
}

// check looks at what people may set: nothing that says which profile it is, or which
// gateway is trusted.
func (l *laid) check() error {
	for _, path := range l.userMaySet {
		switch {
		case !slices.Contains(profile.Paths(), path):
			return fmt.Errorf("its user_may_set names %q, which is no field of a profile", profile.CleanText(path, maxShown))
		case path == "name" || strings.HasPrefix(path, "gateway."):
			return fmt.Errorf("its user_may_set names %s, which cannot be left to people", path)
		}
	}
	return nil
}

// idOf gives a profile the same ID on every computer and at every start.
func idOf(identifier string) string {
	sum := sha256.Sum256([]byte("homeward laid down\x00" + identifier))
	return hex.EncodeToString(sum[:16])
}

// locked names what nobody may change: whole parts of the profile, and the fields of
// those of which something may be.
func (l *laid) locked() (list []string) {
	open := map[string]bool{}
	for _, path := range l.userMaySet {
		part, _, _ := strings.Cut(path, ".")
		open[part] = true
	}
	for _, path := range profile.Paths() {
		part, _, _ := strings.Cut(path, ".")
		switch {
		case !open[part]:
			if !slices.Contains(list, part) {
				list = append(list, part)
			}
		case !slices.Contains(l.userMaySet, path):
			list = append(list, path)
		}
	}
	return list
}

// versionOf refuses a later version before its fields are looked at, which may be
// unknown here for a good reason.
func versionOf(data []byte) error {
	var f struct {
		Version *json.Number `json:"version"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), &f); err != nil {
		return damaged(err, "it is no JSON that says a version")
	}
	switch {
	case f.Version == nil:
		return errNoVersion
	case f.Version.String() != fmt.Sprint(version):
		return fmt.Errorf("it is of version %s, and this Homeward reads version %d", profile.CleanText(f.Version.String(), 20), version)
	}
	return nil
}
