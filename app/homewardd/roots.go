package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// rootFiles are where systems keep the certificates that they trust, most
// common first.
var rootFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
	"/etc/pki/tls/certs/ca-bundle.crt",                  // older RHEL
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/ssl/cert.pem",                                 // Alpine, macOS, the BSDs
}

// systemRoots gives the system's trust, DER.
func systemRoots() ([][]byte, error) { return readRoots(rootFiles) }

// readRoots reads the first of the files that is there.
func readRoots(files []string) ([][]byte, error) {
	for _, name := range files {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the system's certificates: %w", err)
		}
		roots := certificates(data)
		if len(roots) == 0 {
			return nil, fmt.Errorf("the system's certificates: %s holds none", name)
		}
		return roots, nil
	}
	return nil, fmt.Errorf("the system's certificates: none of the usual files is there: %w", errors.ErrUnsupported)
}

// certificates gives the DER of every certificate in PEM text.
func certificates(data []byte) [][]byte {
	var roots [][]byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return roots
		}
		if block.Type == "CERTIFICATE" {
			roots = append(roots, block.Bytes)
		}
	}
}
