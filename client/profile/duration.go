package profile

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a time.Duration that stands in JSON as text ("1h30m0s").
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("profile: duration is not text: %w", err)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("profile: duration %q: %w", s, err)
	}
	*d = Duration(v)
	return nil
}
