package canary

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The child is this program again, started as another user with one word as its
// argument. It reads what is to be tried from its standard input, tries it, writes
// the results to its standard output and ends.

const (
	// childTime is when a child ends itself.
	childTime = 1500 * time.Millisecond
	// reapTime bounds the wait for a child that was killed.
	reapTime = 200 * time.Millisecond
	// maxRequest and maxReply bound what goes over the pipes, in octets.
	maxRequest, maxReply = 256 << 10, 256 << 10
)

// Child does what the parent wants tried.
func Child(in io.Reader, out io.Writer) error {
	end := time.AfterFunc(childTime, func() { os.Exit(1) })
	defer end.Stop()
	var all []target
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&all); err != nil {
		return fmt.Errorf("canary: what is to be tried: %w", err)
	}
	results, err := attempt(context.Background(), all)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(results)
}

// asUser lets a child try. The error says why it could not.
func asUser(ctx context.Context, u User, all []target) ([]result, error) {
	if err := known(u); err != nil {
		return nil, err
	}
	request, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	// Not by its path, which that user may not be able to reach.
	cmd := exec.CommandContext(ctx, "/proc/self/exe", Command)
	var out, complaint limited
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), &out, &complaint
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{}, "/", reapTime
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: u.UID, Gid: u.GID},
		// ping(8) has it too on most systems, and there is no echo without it where
		// ping sockets are not permitted. It lets nothing past a filter.
		AmbientCaps: []uintptr{unix.CAP_NET_RAW},
	}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the process of another user: %w %s", err, strings.TrimSpace(complaint.String()))
	}
	var results []result
	if err := json.Unmarshal(out.Bytes(), &results); err != nil || len(results) != len(all) {
		return nil, errors.Join(errors.New("the process of another user gave no results"), err)
	}
	return results, nil
}

// limited keeps what a child writes, up to a bound.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxReply {
		return 0, errors.New("too much")
	}
	return l.Buffer.Write(b)
}

// known says whether there is such a user where this process lives: a user namespace
// may have no other than its owner.
func known(u User) error {
	for file, id := range map[string]uint32{"/proc/self/uid_map": u.UID, "/proc/self/gid_map": u.GID} {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("whether there are other users is not known: %w", err)
		}
		if !mapped(string(text), id) {
			return fmt.Errorf("there is no user %d here: one user only", u.UID)
		}
	}
	return nil
}

// mapped says whether an ID is in a map of user_namespaces(7).
func mapped(text string, id uint32) bool {
	for line := range strings.Lines(text) {
		var inside, outside, length uint64
		if n, err := fmt.Sscan(line, &inside, &outside, &length); n == 3 && err == nil && uint64(id) >= inside && uint64(id)-inside < length {
			return true
		}
	}
	return false
}
