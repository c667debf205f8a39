package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/formats"
)

// ReadFile reads a profile file that a person has named. A file that is larger than
// any profile is read up to one byte more than that, by which Read sees it.
func ReadFile(path string) (data []byte, err error) {
	f, err := Open(path, aProfile)
	if err != nil {
		return nil, err
	}
	return readAll(f)
}

const aProfile = "profile file"

// notWaiting opens a pipe without waiting for who writes to it.
const notWaiting = syscall.O_NONBLOCK

// ReadPlain is ReadFile for a path that was dropped or handed over. What is no plain file
// is refused, also where it takes the place of one in that moment: a pipe, say, could keep
// the program waiting for ever.
func ReadPlain(path string) ([]byte, error) {
	notPlain := func(info os.FileInfo, err error) bool { return err == nil && !info.IsDir() && !info.Mode().IsRegular() }
	errNotPlain := fmt.Errorf("%s is no file; open the profile that your IT sent you", path)
	if notPlain(os.Stat(path)) { // some devices do something when they are opened
		return nil, errNotPlain
	}
	f, err := open(path, aProfile, notWaiting)
	if err != nil {
		return nil, err
	}
	if notPlain(f.Stat()) {
		return nil, errors.Join(errNotPlain, f.Close())
	}
	return readAll(f)
}

// readAll reads a profile and closes its file.
func readAll(f *os.File) (data []byte, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, profile.MaxFile+1))
}

// Open opens a file that a person has named; what says in their words what it should be.
func Open(path, what string) (*os.File, error) { return open(path, what, 0) }

func open(path, what string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s; check its name", path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("you may not read %s; check who owns it", path)
	case err != nil:
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a folder; give the %s inside it", path, what), f.Close())
	}
	return f, nil
}

// maxPasswords is how often the password of a certificate is asked for.
const maxPasswords = 3

// Read reads the connections of a profile file with that path, asks for the password of
// a certificate in it where that is wanted, and reads the files beside it that it names.
// It clears data; whoever gets the connections clears their secrets. An error that comes
// from the file is a *profile.ImportError.
func Read(ctx context.Context, path string, data []byte, ask credential.Prompter) ([]profile.Imported, error) {
	defer clear(data)
	return formats.ImportWith(data, profile.ImportOptions{
		ReadFile:  profile.FilesBeside(filepath.Dir(path)),
		Languages: languages(os.Getenv),
		AskPassword: func(name string, attempt int) ([]byte, error) {
			if attempt >= maxPasswords {
				return nil, errors.New("three passwords did not fit")
			}
			name = profile.CleanText(name, profile.MaxName)
			reply, err := ask.Prompt(ctx, credential.Prompt{
				Kind: credential.KindPassword, Text: "Password of the certificate " + name,
				Topic: credential.TopicFile, Subject: name, Refused: attempt > 0,
			})
			return reply.Secret, err
		},
	})
}

// languages are those of the person's surroundings (POSIX 8.2): "de_CH.UTF-8" is
// "de-CH".
func languages(getenv func(string) string) (list []string) {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		language, _, _ := strings.Cut(getenv(name), ".")
		language, _, _ = strings.Cut(language, "@")
		if language != "" && language != "C" && language != "POSIX" {
			list = append(list, strings.ReplaceAll(language, "_", "-"))
		}
	}
	return list
}

// Clear clears the secrets of what was read.
func Clear(found []profile.Imported) {
	for i := range found {
		found[i].Secrets.Clear()
	}
}
