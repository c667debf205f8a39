package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/formats"
)

// ReadFile reads a profile file that a person has named. A file that is larger than
// any profile is read up to one byte more than that, by which Read sees it.
func ReadFile(path string) (data []byte, err error) {
	f, err := Open(path, "profile file")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, profile.MaxFile+1))
}

// Open opens a file that a person has named; what says in their words what it should be.
func Open(path, what string) (*os.File, error) {
	f, err := os.Open(path)
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
