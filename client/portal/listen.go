package portal

import (
	"context"
	"errors"
	"fmt"
)

// Listen finds out what the network says of itself, and asks nobody beyond the link:
// that is open in every state of the kill switch. Named, where it says that it has a
// portal; whether that holds this machine is Look's to find out. The error says why the
// state is Unknown.
func (d *Detector) Listen(ctx context.Context) (Finding, error) {
	devices, err := d.cfg.Devices()
	if err != nil {
		return Finding{State: Unknown}, fmt.Errorf("portal: the devices of this machine: %w", err)
	}
	errs := []error{errors.New("portal: no network says anything of a sign-in")}
	for _, device := range devices[:min(len(devices), mostDevices)] {
		asked, cancel := context.WithTimeout(ctx, patience)
		w, err := d.cfg.Word(asked, device)
		cancel()
		switch {
		case err != nil:
			errs = append(errs, err)
		case w.Unrestricted:
			return Finding{State: Open, Device: device, By: "network"}, nil
		case w.API != "":
			return Finding{State: Named, Device: device, By: "network"}, nil
		}
	}
	return Finding{State: Unknown}, errors.Join(errs...)
}
