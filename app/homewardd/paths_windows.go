package main

import (
	"os"
	"path/filepath"
)

const defaultStateDir = `C:\ProgramData\Homeward`

// hostsFile is the system's own list of names.
const hostsFile = `C:\Windows\System32\drivers\etc\hosts`

// defaultConfigDir is where the administrator lays things down.
func defaultConfigDir() string {
	if data := os.Getenv("ProgramData"); data != "" {
		return filepath.Join(data, "Homeward")
	}
	return defaultStateDir
}
