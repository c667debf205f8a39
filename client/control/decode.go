package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The most that a request may hold, in bytes.
const (
	maxRequest = 64 << 10
	maxProfile = profile.MaxSize
)

// decode reads exactly one JSON value without unknown fields.
func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return decodeError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err != nil {
			return decodeError(err)
		}
		return Refuse(CodeBadRequest, "the request holds more than one value; use a program of the same release as the service")
	}
	return nil
}

func decodeError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Refuse(CodeTooLarge, "the request is larger than %d bytes; use a smaller file", tooLarge.Limit)
	}
	return Refuse(CodeBadRequest, "the request cannot be read (%v); use a program of the same release as the service", err)
}

func (r ConnectRequest) validate() error {
	if r.Profile == "" {
		return Refuse(CodeBadRequest, "no profile was named; see «homewardctl profiles»")
	}
	if len(r.Profile) > profile.MaxName || len(r.Username) > maxUsername {
		return Refuse(CodeBadRequest, "a name is longer than any name may be")
	}
	return nil
}

// decodeProfile reads a profile that is to be stored.
func decodeProfile(r io.Reader) (*profile.Profile, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, decodeError(err)
	}
	p, err := profile.Decode(data)
	if err != nil {
		return nil, Refuse(CodeBadRequest, "%v", fmt.Errorf("the profile cannot be used: %w", err))
	}
	return p, nil
}
