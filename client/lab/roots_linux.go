package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TrustSystemwide puts authorities into what this machine trusts, and nothing else, as
// an administrator does with update-ca-certificates(8). The machine that the lab runs on
// is not touched: only its /etc/ssl is no longer seen.
func (n *Namespace) TrustSystemwide(authorities ...*Authority) error {
	at := n.Path("/etc/ssl")
	// In the lab's own /etc it is a symbolic link to the real one.
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lab: making room for trusted certificates: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(at, "certs"), 0o755); err != nil {
		return fmt.Errorf("lab: making room for trusted certificates: %w", err)
	}
	var text []byte
	for _, a := range authorities {
		text = append(text, a.CertificatePEM()...)
	}
	if err := os.WriteFile(filepath.Join(at, "certs", "ca-certificates.crt"), text, 0o644); err != nil {
		return fmt.Errorf("lab: trusting an authority: %w", err)
	}
	return nil
}
