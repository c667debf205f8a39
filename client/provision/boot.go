package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// AtBoot reads the policy early at boot, before the service: it writes nothing, knows
// no copy and waits for nothing. laidDown: there is a file that may hold a profile. No
// policy is an empty one; an error says that there is one and why it is not used.
func AtBoot(dir string) (p Policy, laidDown bool, err error) {
	if dir == "" {
		return Policy{}, false, nil
	}
	entries, err := readDir(filepath.Join(dir, profilesName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		laidDown = true // what cannot be looked at counts
	}
	for _, e := range entries {
		laidDown = laidDown || strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".")
	}
	path := filepath.Join(dir, policyName)
	if err := trustedDir(dir); errors.Is(err, fs.ErrNotExist) {
		return Policy{}, laidDown, nil
	} else if err != nil {
		return Policy{}, laidDown, fmt.Errorf("%s: %w", path, err)
	}
	data, _, err := readTrusted(path, maxPolicy)
	if errors.Is(err, fs.ErrNotExist) {
		return Policy{}, laidDown, nil
	}
	if err == nil {
		p, err = ParsePolicy(data)
	}
	if err != nil {
		return Policy{}, laidDown, fmt.Errorf("%s: %w", path, err)
	}
	return p, laidDown, nil
}
