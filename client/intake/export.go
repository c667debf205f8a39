package intake

import (
	"context"
	"fmt"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/mobileconfig"
	"github.com/homeward-vpn/homeward/client/profile/native"
	"github.com/homeward-vpn/homeward/client/profile/sswan"
)

// Exported is a profile as a file. It holds no secret.
type Exported struct {
	Name string // of the file, to begin with
	Data []byte
	// Lost is what became of each field, as the format has a place for it.
	Lost []profile.Line
}

// writer writes a profile in one format.
type writer struct {
	ending string // of the file's name
	write  func(p *profile.Profile) ([]byte, []profile.Line, error)
}

var writers = map[string]writer{
	native.Format: {".json", func(p *profile.Profile) ([]byte, []profile.Line, error) {
		data, err := native.Encode(p)
		return data, nil, err
	}},
	mobileconfig.Format: {".mobileconfig", func(p *profile.Profile) ([]byte, []profile.Line, error) {
		return mobileconfig.Export(*p, profile.ExportOptions{})
	}},
	sswan.Format: {".sswan", func(p *profile.Profile) ([]byte, []profile.Line, error) {
		return sswan.Export(*p, profile.ExportOptions{})
	}},
}

// Export writes a profile as a file of a format.
func (k *Intake) Export(ctx context.Context, id, format string) (*Exported, error) {
	w, ok := writers[format]
	if !ok {
		return nil, fmt.Errorf("profiles cannot be written as %q; choose another format", format)
	}
	p, err := k.cfg.Service.Profile(ctx, id)
	if err != nil {
		return nil, err
	}
	data, lost, err := w.write(p)
	if err != nil {
		return nil, err
	}
	return &Exported{Name: fileName(p.Name) + w.ending, Data: data, Lost: lost}, nil
}

// fileName makes a file's name of a profile's that every system takes.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "profile"
	}
	return name
}
