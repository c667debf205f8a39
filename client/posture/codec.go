package posture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// version is that of the file; another one is not read.
const version = 1

// maxSize bounds the file, in octets; what is longer is not ours.
const maxSize = 16 << 10

// maxText bounds each text of a posture, in octets.
const maxText = 256

// envelope is the file. Sum is over the octets of Posture as they stand, so
// that a bit that has turned over is damage, and never another posture.
type envelope struct {
	Version int             `json:"version"`
	Sum     string          `json:"sha256"`
	Posture json.RawMessage `json:"posture"`
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// check says what cannot be stored.
func (p Posture) check() error {
	for _, mode := range []string{p.Mode, p.OwnMode} {
		switch mode {
		case Unset, Off, On, Lockdown:
		default:
			return fmt.Errorf("%.40q is no mode of the kill switch", mode)
		}
	}
	if max(len(p.BootID), len(p.AlwaysOn), len(p.Profile), len(p.LocalWord), len(p.OwnWord)) > maxText {
		return errors.New("a name in the kill switch's state is too long")
	}
	return nil
}

func (p Posture) encode() ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the kill switch's state: %w", err)
	}
	raw, err := json.Marshal(envelope{Version: version, Sum: sum(body), Posture: body})
	if err != nil {
		return nil, fmt.Errorf("encoding the kill switch's state: %w", err)
	}
	return append(raw, '\n'), nil
}

// parse reads a whole file. Everything in it must be as encode writes it.
func parse(raw []byte) (Posture, error) {
	if len(raw) > maxSize {
		return Posture{}, fmt.Errorf("it has more than %d octets", maxSize)
	}
	var e envelope
	if err := decode(raw, &e); err != nil {
		return Posture{}, err
	}
	if e.Version != version {
		return Posture{}, fmt.Errorf("it is of version %d, and this program reads %d", e.Version, version)
	}
	if sum(e.Posture) != e.Sum {
		return Posture{}, errors.New("it is damaged: its sum is wrong")
	}
	var p Posture
	if err := decode(e.Posture, &p); err != nil {
		return Posture{}, err
	}
	return p, p.check()
}

// decode reads one JSON value with nothing behind it, and no field that is not known.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it is damaged: something stands behind its end")
	}
	return nil
}
