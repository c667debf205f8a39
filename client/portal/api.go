package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"
)

// mediaType is how an API's answer is marked (RFC 8908 5).
const mediaType = "application/captive+json"

// answer is an API's answer (RFC 8908 5). What is not listed there is passed over.
type answer struct {
	Captive    *bool    `json:"captive"`
	UserPortal string   `json:"user-portal-url"`
	Extend     bool     `json:"can-extend-session"`
	Seconds    *float64 `json:"seconds-remaining"`
}

// longestSession bounds what a network may say of how long a sign-in lasts.
const longestSession = 365 * 24 * time.Hour

// api asks a portal's API by a device. Its server must prove the name in the address, or the
// answer could be anybody's (RFC 8908 4, 7).
func (d *Detector) api(ctx context.Context, device, at string) (Finding, error) {
	u, err := address(at)
	if err != nil || u.Scheme != "https" {
		return Finding{}, errors.Join(fmt.Errorf("portal: %.100q cannot be an API's address", at), err)
	}
	resp, body, err := d.get(ctx, device, u, mediaType)
	if err != nil {
		return Finding{}, fmt.Errorf("portal: asking the API: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return Finding{}, fmt.Errorf("portal: the API answers with status %d", resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != mediaType {
		return Finding{}, fmt.Errorf("portal: the API answers with %.60q, not %s", resp.Header.Get("Content-Type"), mediaType)
	}
	return read(body, d.cfg.Now())
}

// read takes an API's answer.
func read(body []byte, now time.Time) (Finding, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return Finding{}, fmt.Errorf("portal: the API's answer: %w", err)
	}
	if a.Captive == nil {
		return Finding{}, errors.New("portal: the API does not say whether this machine is held (RFC 8908 5)")
	}
	f := Finding{State: Open, By: "api", Extend: a.Extend}
	if s := a.Seconds; s != nil && !*a.Captive && *s >= 0 {
		f.Until = now.Add(time.Duration(min(*s, longestSession.Seconds()) * float64(time.Second)))
	}
	if !*a.Captive {
		return f, nil
	}
	f.State = Captive
	u, err := address(a.UserPortal)
	if err == nil && u.Scheme != "https" {
		err = fmt.Errorf("%.100q, which is not https (RFC 8908 5)", a.UserPortal)
	}
	if err != nil {
		return Finding{}, fmt.Errorf("portal: the network holds this machine, and names no page to sign in at: %w", err)
	}
	f.SignIn = u.String()
	return f, nil
}
