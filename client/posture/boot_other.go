//go:build !linux

package posture

// ThisBoot names the boot that the machine is in; empty where that is not
// known, as here: then a restart of the computer counts as one of the service.
func ThisBoot() string { return "" }
