package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// probe asks for a page whose content is known. Whatever else comes in its place
// comes from the network of the device.
func (d *Detector) probe(ctx context.Context, device string) (Finding, error) {
	if d.cfg.Probe.URL == "" {
		return Finding{}, errors.New("portal: no page to probe with is set")
	}
	u, err := address(d.cfg.Probe.URL)
	if err != nil {
		return Finding{}, err
	}
	resp, body, err := d.get(ctx, device, u, "")
	if err != nil {
		return Finding{}, fmt.Errorf("portal: the probe: %w", err)
	}
	held := Finding{State: Captive, By: "probe", SignIn: u.String()}
	switch status := resp.StatusCode; {
	case status == http.StatusOK && strings.HasPrefix(string(body), d.cfg.Probe.Body):
		return Finding{State: Open, By: "probe"}, nil
	case status == http.StatusOK, status == http.StatusNetworkAuthenticationRequired: // RFC 6585 6
		return held, nil
	case status >= 300 && status < 400:
		// A page that the browser can be sent to; else it is led there by the same
		// redirect when it asks for the probe itself.
		if to, err := u.Parse(resp.Header.Get("Location")); err == nil {
			if to, err = address(to.String()); err == nil {
				held.SignIn = to.String()
			}
		}
		return held, nil
	default:
		return Finding{}, fmt.Errorf("portal: the probe is answered with status %d", status)
	}
}
