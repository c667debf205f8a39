package posture

import (
	"os"
	"strings"
)

// ThisBoot names the boot that the machine is in; empty where that is not known.
func ThisBoot() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
